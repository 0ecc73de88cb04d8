"""Notes, visits and decisions that officers write down about a case for themselves: locked at rest like a call, and
never sent.

What was written is opened with the case, of which there are entries in the audit log; the entry of a note has nothing
of its text.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never
from uuid import uuid4

from gateway.context import Gateway
from gateway.core.calendar import LONDON
from gateway.core.copy_names import name_case_note
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
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class CaseNote:
    """What was written down; of a visit, on which day it was and what came of it; of a decision not to share what is
    known of a child with another authority, who decided it and when: `text` is the reason.
    """

    text: str = field(repr=False)
    visited_on: date | None = None
    result: VisitResult | None = None
    decided_by: str | None = field(default=None, repr=False)
    decided_on: date | None = None

    @property
    def kind(self) -> CaseNoteKind:
        """Return what was written down."""
        if self.decided_by is not None or self.decided_on is not None:
            return CaseNoteKind.NOT_SHARED
        return CaseNoteKind.NOTE if self.visited_on is None else CaseNoteKind.VISIT


def add_case_note(gw: Gateway, case_id: CaseId, note: CaseNote, by: str) -> None:
    """Add a note, a visit or a decision to a case. Raises NotFound, or NotAllowed where it is incomplete."""
    _check_case_note(gw, note)
    note_id = str(uuid4())
    on = note.visited_on or note.decided_on
    words = {"text": note.text, "on": on.isoformat() if on else None, "result": note.result, "by": note.decided_by}
    locked = at_rest.lock(json.dumps(words).encode(), about=name_case_note(case_id, note_id), ring=gw.ring)
    stored = StoredCaseNote(note_id, case_id, note.kind, gw.now(), by, locked.data_key, locked.content)
    entry = _build_entry(note.kind, case_id, by)

    def write(tx: Tx) -> None:
        if not _has_case(tx, gw, case_id):
            raise NotFound("case.not-found")
        case_notes.add_case_note(tx, stored)
        audit_log.append_entries(tx, gw.now(), [entry])

    gw.store.run(write)


def _check_case_note(gw: Gateway, note: CaseNote) -> None:
    if not _is_complete(note, gw.now().astimezone(LONDON).date()) or len(note.text) > LONGEST:
        raise NotAllowed("case-note.incomplete")
    if sign := find_hidden(note.text) or find_hidden(note.decided_by or ""):
        raise NotAllowed("text.hidden-sign", sign=sign)


def _is_complete(note: CaseNote, today: date) -> bool:
    match note.kind:
        case CaseNoteKind.VISIT:
            return note.result is not None and note.visited_on is not None and note.visited_on <= today
        case CaseNoteKind.NOTE:
            return bool(note.text) and note.result is None
        case CaseNoteKind.NOT_SHARED:
            is_dated = note.decided_on is not None and note.decided_on <= today
            who = (note.decided_by or "").strip()
            is_other = note.visited_on is not None or note.result is not None
            return bool(note.text) and 0 < len(who) <= LONGEST_NAME and is_dated and not is_other
        case _:
            assert_never(note.kind)


def _build_entry(kind: CaseNoteKind, case_id: CaseId, by: str) -> AuditEntry:
    match kind:
        case CaseNoteKind.VISIT:
            return AuditEntry("case.visit-recorded", by, case_id)
        case CaseNoteKind.NOTE:
            return AuditEntry("case.note-added", by, case_id)
        case CaseNoteKind.NOT_SHARED:
            return AuditEntry("case.not-shared", by, case_id)
        case _:
            assert_never(kind)


def _has_case(tx: Tx, gw: Gateway, case_id: CaseId) -> bool:
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=1)
    return bool(sent or inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=1))


def open_case_note(gw: Gateway, stored: StoredCaseNote) -> CaseNote | None:
    """Open one of them for whoever opens the case; None where its key was destroyed."""
    if stored.data_key is None:
        return None
    about = name_case_note(stored.case_id, stored.note_id)
    words = json.loads(at_rest.unlock(Locked(stored.data_key, stored.content), about=about, ring=gw.ring))
    on, result = date.fromisoformat(words["on"]) if words["on"] else None, words["result"]
    if stored.kind is CaseNoteKind.NOT_SHARED:
        return CaseNote(words["text"], decided_by=words["by"], decided_on=on)
    return CaseNote(words["text"], on, VisitResult(result) if result else None)
