"""Who is told of new work by email, how often, and up to which entry of the audit log they were told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from gateway.core.officer_news import MailChoice
from gateway.store.audit_log import LoggedEntry, read_entry_row
from gateway.store.rows import build_insert, get_values
from gateway.store.tables import audit_entries, officer_mails


@dataclass(frozen=True, slots=True)
class OfficerMail:
    """What one person chose, and how far they were told."""

    person: str
    address: str = field(repr=False)
    choice: MailChoice
    daily_at: str
    # Entries before it were told.
    told_entry: int
    # Of those before it an email was begun.
    begun_entry: int
    begun_at: datetime | None = None
    failing_since: datetime | None = None
    failed_as: str | None = None


_at = officer_mails.c


def replace_officer_mail(tx: Connection, chosen: OfficerMail) -> None:
    """Keep what somebody chose, in the place of what they chose before."""
    values = get_values(chosen)
    insertion = build_insert(tx, officer_mails).values(values)
    tx.execute(insertion.on_conflict_do_update(index_elements=["person"], set_=values))


def find_officer_mail(tx: Connection, person: str) -> OfficerMail | None:
    """Return what somebody chose; None where they never did."""
    row = tx.execute(select(officer_mails).where(_at.person == person)).first()
    return _read_officer_mail(row) if row else None


def list_officer_mails(tx: Connection) -> list[OfficerMail]:
    """List everybody who is told, by name."""
    wanted = select(officer_mails).where(_at.choice != MailChoice.NONE).order_by(_at.person)
    return [_read_officer_mail(row) for row in tx.execute(wanted)]


def delete_officer_mail(tx: Connection, person: str) -> None:
    """Delete what somebody chose: they are told nothing more."""
    tx.execute(delete(officer_mails).where(_at.person == person))


def update_officer_mail(tx: Connection, was: OfficerMail, **changed: object) -> bool:
    """Change how far somebody was told; return False where another process was faster, or they chose otherwise."""
    begun = _at.begun_at.is_(None) if was.begun_at is None else _at.begun_at == was.begun_at
    same = (_at.person == was.person) & (_at.begun_entry == was.begun_entry) & (_at.choice == was.choice) & begun
    return tx.execute(update(officer_mails).where(same).values(changed)).rowcount == 1


def list_news_entries(tx: Connection, since: int, acts: Sequence[str], limit: int) -> list[LoggedEntry]:
    """List the entries of these acts from this one on."""
    at = audit_entries.c
    query = select(audit_entries).where(at.act.in_(acts), at.number >= since).order_by(at.number).limit(limit)
    return [read_entry_row(row._mapping) for row in tx.execute(query)]


def _read_officer_mail(row: Row[Any]) -> OfficerMail:
    values = dict(row._mapping)
    return OfficerMail(**{**values, "choice": MailChoice(values["choice"])})
