"""Authorities that a search was meant for and that could not be asked, and the calls with which they were asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from gateway.store.rows import build_insert, get_values, list_columns
from gateway.store.tables import not_asked
from schemas.shapes import CaseId


@dataclass(frozen=True, slots=True)
class StoredNotAsked:
    """An authority that could not be asked, as it is stored."""

    case_id: CaseId
    authority: str
    # A sentence.
    why: str
    noted_at: datetime
    noted_by: str
    # Of the call in which it was asked; None: nobody has called.
    called_at: datetime | None = None
    # What they said.
    result: str | None = None
    recorded_at: datetime | None = None
    recorded_by: str | None = None
    data_key: bytes | None = field(default=None, repr=False)
    # Who was spoken to, and a note.
    content: bytes | None = field(default=None, repr=False)


_at = not_asked.c


def note_not_asked(tx: Connection, now: datetime, case_id: CaseId, by: str, why: Mapping[str, str]) -> None:
    """Note who could not be asked, and why; what was noted of an authority before stays."""
    for authority, reason in why.items():
        row = get_values(StoredNotAsked(case_id, authority, reason, now, by))
        tx.execute(build_insert(tx, not_asked).values(row).on_conflict_do_nothing())


def delete_asked(tx: Connection, case_id: CaseId, authority: str) -> None:
    """Delete what was noted of an authority that is asked now, unless somebody has called it."""
    mine = _at.case_id == case_id, _at.authority == authority, _at.called_at.is_(None)
    tx.execute(delete(not_asked).where(*mine))


def list_not_asked(tx: Connection, case_id: CaseId) -> list[StoredNotAsked]:
    """List who could not be asked in this case, by authority."""
    query = select(*list_columns(not_asked, StoredNotAsked)).where(_at.case_id == case_id)
    return [StoredNotAsked(**row._mapping) for row in tx.execute(query.order_by(_at.authority))]


def record_call(tx: Connection, called: StoredNotAsked) -> bool:
    """Record the call in which an authority was asked; return False where nobody is to be called there any more."""
    mine = _at.case_id == called.case_id, _at.authority == called.authority, _at.called_at.is_(None)
    names = ("called_at", "result", "recorded_at", "recorded_by", "data_key", "content")
    values = {name: getattr(called, name) for name in names}
    return tx.execute(update(not_asked).where(*mine).values(values)).rowcount == 1
