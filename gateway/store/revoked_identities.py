"""Identity keys of partners that people have revoked. A row stays for good, so that no card of such a key returns."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.rows import build_record, get_values
from gateway.store.tables import revoked_identities


@dataclass(frozen=True, slots=True)
class RevokedIdentity:
    """An identity key that counts no more."""

    authority: str
    fingerprint: str
    revoked_at: datetime
    # Who here.
    revoked_by: str
    # Who there said so.
    told_by: str


def add_revoked_identity(tx: Connection, revoked: RevokedIdentity) -> None:
    """Keep that an identity key is revoked, which it was not before."""
    tx.execute(insert(revoked_identities).values(get_values(revoked)))


def list_revoked_pairs(tx: Connection) -> frozenset[tuple[str, str]]:
    """Return authority and fingerprint of each."""
    return frozenset((it.authority, it.fingerprint) for it in list_revoked_identities(tx))


def list_revoked_identities(tx: Connection) -> list[RevokedIdentity]:
    """List them, the oldest first."""
    rows = tx.execute(select(revoked_identities).order_by(revoked_identities.c.revoked_at))
    return [build_record(RevokedIdentity, row) for row in rows]
