"""When a person last checked each contact on our card, by role."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.store.rows import build_insert, build_record, get_values
from gateway.store.tables import contact_checks


@dataclass(frozen=True, slots=True)
class ContactCheck:
    """One check: of which role, of which contact, when, and by whom."""

    role: str
    # Of the contact as it was: with another telephone number it was not checked.
    digest: str
    checked_at: datetime
    checked_by: str


def replace_contact_check(tx: Connection, check: ContactCheck) -> None:
    """Keep this check, in the place of the one before of that role."""
    values = get_values(check)
    keep = build_insert(tx, contact_checks).values(values)
    tx.execute(keep.on_conflict_do_update(index_elements=["role"], set_=values))


def list_contact_checks(tx: Connection) -> list[ContactCheck]:
    """List the newest check of each role."""
    rows = tx.execute(select(contact_checks).order_by(contact_checks.c.role))
    return [build_record(ContactCheck, row) for row in rows]
