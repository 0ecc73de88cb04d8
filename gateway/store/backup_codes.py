"""Backup codes that nobody has used yet, as digests."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select

from gateway.store.tables import backup_codes


def replace_codes(tx: Connection, person: str, digests: Sequence[str]) -> None:
    """Store these as the codes of a person: no other counts any more."""
    delete_codes(tx, person)
    tx.execute(insert(backup_codes), [{"person": person, "digest": digest} for digest in digests])


def take_code(tx: Connection, person: str, digest: str) -> bool:
    """Take a code, which counts once; return False where it is none of theirs."""
    mine = (backup_codes.c.person == person) & (backup_codes.c.digest == digest)
    return tx.execute(delete(backup_codes).where(mine)).rowcount == 1


def count_codes(tx: Connection, person: str) -> int:
    """Count the codes that a person has left."""
    return tx.scalar(select(func.count()).select_from(backup_codes).where(backup_codes.c.person == person)) or 0


def delete_codes(tx: Connection, person: str) -> None:
    """Delete every code of a person."""
    tx.execute(delete(backup_codes).where(backup_codes.c.person == person))
