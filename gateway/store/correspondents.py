"""Authorities that have no gateway, and the mailbox of theirs that people read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.core.message_protection import LetterProtection
from gateway.store.rows import get_values
from gateway.store.tables import correspondents


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Whom we write to, how what we write is protected, and whom to ring about it."""

    authority: str
    address: str
    protection: LetterProtection
    # PEM, with person-smime.
    certificate: str | None
    telephone: str
    confirmed_at: datetime
    confirmed_by: str

    @property
    def domain(self) -> str:
        """Return the domain of the mailbox, in small letters."""
        return self.address.rpartition("@")[2].lower()


def replace_correspondent(tx: Connection, correspondent: Correspondent) -> None:
    """Store a correspondent in the place of the one before."""
    delete_correspondent(tx, correspondent.authority)
    tx.execute(insert(correspondents).values(get_values(correspondent)))


def delete_correspondent(tx: Connection, authority: str) -> bool:
    """Delete one; return False where there is none."""
    return tx.execute(delete(correspondents).where(correspondents.c.authority == authority)).rowcount == 1


def list_correspondents(tx: Connection) -> list[Correspondent]:
    """List all of them, by authority."""
    return [
        Correspondent(**row._mapping) for row in tx.execute(select(correspondents).order_by(correspondents.c.authority))
    ]
