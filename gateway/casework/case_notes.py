"""Notes and visits that officers write down about a case for themselves: locked at rest like a call, and never sent.

What was written is opened with the case, of which there are entries in the audit log; the entry of a note has nothing
of its text.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from uuid import uuid4

from gateway.context import Gateway
from gateway.core.calendar import LONDON
from gateway.core.visits import CaseNoteKind, VisitResult
from gateway.errors import NotAllowed, NotFound
from gateway.store import audit_log, case_notes, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.case_notes import StoredCaseNote
from gateway.store.database import Tx
from keys import at_rest
from keys.at_rest import Locked
from schemas.hidden_signs import find_hidden
from schemas.shapes import CaseId

# Characters, as a note in a message has them.
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class CaseNote:
    """What was written down; of a visit, on which day it was and what came of it."""

    text: str = field(repr=False)
    visited_on: date | None = None
    result: VisitResult | None = None


def add_case_note(gw: Gateway, case_id: CaseId, note: CaseNote, by: str) -> None:
    """Add a note, or a visit, to a case. Raises NotFound, or NotAllowed where it is incomplete."""
    _check_case_note(gw, note)
    is_visit = note.visited_on is not None
    note_id, kind = str(uuid4()), CaseNoteKind.VISIT if is_visit else CaseNoteKind.NOTE
    words = {"text": note.text, "on": note.visited_on.isoformat() if note.visited_on else None, "result": note.result}
    locked = at_rest.lock(json.dumps(words).encode(), about=_build_context(case_id, note_id), ring=gw.ring)
    stored = StoredCaseNote(note_id, case_id, kind, gw.now(), by, locked.data_key, locked.content)
    visited, noted = AuditEntry("case.visit-recorded", by, case_id), AuditEntry("case.note-added", by, case_id)

    def write(tx: Tx) -> None:
        if not _has_case(tx, gw, case_id):
            raise NotFound("case.not-found")
        case_notes.add_case_note(tx, stored)
        audit_log.append_entries(tx, gw.now(), [visited if is_visit else noted])

    gw.store.run(write)


def _check_case_note(gw: Gateway, note: CaseNote) -> None:
    today = gw.now().astimezone(LONDON).date()
    is_complete = note.result and note.visited_on <= today if note.visited_on else note.text and not note.result
    if not is_complete or len(note.text) > LONGEST:
        raise NotAllowed("case-note.incomplete")
    if sign := find_hidden(note.text):
        raise NotAllowed("text.hidden-sign", sign=sign)


def _has_case(tx: Tx, gw: Gateway, case_id: CaseId) -> bool:
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=1)
    return bool(sent or inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=1))


def open_case_note(gw: Gateway, stored: StoredCaseNote) -> CaseNote | None:
    """Open one of them for whoever opens the case; None where its key was destroyed."""
    if stored.data_key is None:
        return None
    about = _build_context(stored.case_id, stored.note_id)
    words = json.loads(at_rest.unlock(Locked(stored.data_key, stored.content), about=about, ring=gw.ring))
    on, result = words["on"], words["result"]
    return CaseNote(words["text"], date.fromisoformat(on) if on else None, VisitResult(result) if result else None)


def _build_context(case_id: CaseId, note_id: str) -> str:
    return f"case-note/{case_id}/{note_id}"
