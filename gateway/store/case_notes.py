"""What officers wrote down about a case: when and by whom, and locked, what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.core.visits import CaseNoteKind
from gateway.store.rows import get_values, list_columns
from gateway.store.tables import case_notes
from schemas.shapes import CaseId


@dataclass(frozen=True, slots=True)
class StoredCaseNote:
    """A note or a visit as it is stored."""

    note_id: str
    case_id: CaseId
    kind: CaseNoteKind
    at: datetime
    by: str
    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)


def add_case_note(tx: Connection, note: StoredCaseNote) -> None:
    """Add a note or a visit."""
    tx.execute(insert(case_notes).values(get_values(note)))


def list_case_notes(tx: Connection, case_id: CaseId) -> Sequence[StoredCaseNote]:
    """List what was written down about a case, the oldest first."""
    query = select(*list_columns(case_notes, StoredCaseNote)).where(case_notes.c.case_id == case_id)
    rows = tx.execute(query.order_by(case_notes.c.at, case_notes.c.note_id))
    return [StoredCaseNote(**{**row._mapping, "kind": CaseNoteKind(row.kind)}) for row in rows]
