"""Partners' cards as they were confirmed. Whether to trust them is decided in `keys.trust`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from gateway.core import labels
from gateway.errors import NotFound
from gateway.store.rows import get_values
from gateway.store.tables import partners


@dataclass(frozen=True, slots=True)
class Partner:
    """An authority whose card a person here has confirmed."""

    authority: str
    serial: int
    fingerprint: str
    card: str
    confirmed_at: datetime
    confirmed_by: str
    # The scheme whose directory vouches for its identity; None: two people compared it by phone.
    trusted_by: str | None = None
    suspended_at: datetime | None = None
    suspended_by: str | None = None
    # By that directory.
    switched_off_at: datetime | None = None

    @property
    def is_suspended(self) -> bool:
        """Tell whether nothing is exchanged with it for now."""
        return self.suspended_at is not None or self.switched_off_at is not None


def replace_partner(tx: Connection, partner: Partner) -> None:
    """Keep a partner's card in place of the one before."""
    tx.execute(delete(partners).where(partners.c.authority == partner.authority))
    tx.execute(insert(partners).values(get_values(partner)))


def replace_card(tx: Connection, authority: str, *, fingerprint: str, serial: int, token: str) -> bool:
    """Keep a newer card of a partner under the identity that a person confirmed; tell whether it was newer."""
    at = partners.c
    mine = update(partners).where(at.authority == authority, at.fingerprint == fingerprint, at.serial < serial)
    return tx.execute(mine.values(serial=serial, card=token)).rowcount == 1


def note_partner(tx: Connection, authority: str, **values: Any) -> None:
    """Note these columns of a partner, and leave the others."""
    tx.execute(update(partners).where(partners.c.authority == authority).values(values))


def list_partners(tx: Connection) -> list[Partner]:
    """List all partners, by authority."""
    return [Partner(**row._mapping) for row in tx.execute(select(partners).order_by(partners.c.authority))]


def get_partner(tx: Connection, authority: str) -> Partner:
    """Return one partner. Raises NotFound."""
    if (partner := find_partner(tx, authority)) is None:
        raise NotFound("partner.not-found", authority=labels.name_authority_in_full(authority))
    return partner


def find_partner(tx: Connection, authority: str) -> Partner | None:
    """Return one partner; None where it is none."""
    row = tx.execute(select(partners).where(partners.c.authority == authority)).first()
    return Partner(**row._mapping) if row else None


def delete_partner(tx: Connection, authority: str) -> None:
    """Forget a partner's card."""
    tx.execute(delete(partners).where(partners.c.authority == authority))


def list_card_serials(tx: Connection) -> dict[str, tuple[int, str, bool]]:
    """Return serial and fingerprint of each partner's card, and whether it is suspended: what tells whether what is in
    memory is the newest.
    """
    at = partners.c
    off = or_(at.suspended_at.is_not(None), at.switched_off_at.is_not(None))
    columns = at.authority, at.serial, at.fingerprint, off.label("off")
    return {row.authority: (row.serial, row.fingerprint, bool(row.off)) for row in tx.execute(select(*columns))}


def list_card_confirmations(tx: Connection) -> dict[str, datetime]:
    """Return when the card that we hold of each partner was confirmed."""
    return {
        row.authority: row.confirmed_at for row in tx.execute(select(partners.c.authority, partners.c.confirmed_at))
    }
