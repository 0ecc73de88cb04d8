"""The timeline of a case: what was done, decided or recorded, by whom, and why; and who viewed it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from gateway.auditing import audit
from gateway.casework import by_hand, case_notes
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.audit_acts import READINGS
from gateway.core.message_name import Direction
from gateway.core.staff_names import StaffNames
from gateway.store import audit_log, calls, outbox
from gateway.store.audit_log import LoggedEntry
from gateway.store.case_notes import StoredCaseNote
from gateway.store.database import Tx
from gateway.store.outbox import Delivery
from schemas.message import Message, MessageKind, Officer
from schemas.reading import format_day
from schemas.shapes import CaseId, MessageId

# What the other authority did.
THEIRS = ("message.kept", "receipt.verified", "notice.rejected")
# With these a message begins: what it says is told in the place of its kind.
BEGINNINGS: Mapping[str, Direction] = {"notice.queued": "sent", "message.kept": "came"}
# Of the case, and no message of it; the user to whom it was done is this part of the entry.
ASSIGNMENTS = {"case.assigned": "to", "case.unassigned": "from"}
RETENTION = ("case.held", "case.released", "case.purged")


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that has happened."""

    at: datetime
    what: str
    # Empty where it was the gateway.
    who: str
    detail: str = ""
    theirs: bool = False

    @property
    def sentence(self) -> str:
        """Return what was done, and by whom."""
        return labels.describe_doer(self.what, self.who) if self.who else self.what


@dataclass(frozen=True, slots=True)
class StoredSteps:
    """What the store has of a timeline, with calls and notes still locked."""

    acts: Sequence[tuple[MessageKind | None, LoggedEntry]]
    tries: Sequence[CaseEvent]
    calls: Sequence[calls.StoredCall]
    notes: Sequence[StoredCaseNote]
    # Users by the name with which they sign in.
    called: StaffNames
    # A search went to many: what was done to each names none of them.
    wide: bool = False


# By id and the other authority, so that its message is not taken for one of ours.
Opened = Mapping[tuple[MessageId, str], Message]


def list_stored_acts(tx: Tx, case_id: CaseId) -> list[tuple[MessageKind | None, LoggedEntry]]:
    """List what was done in a case, to whom it was assigned, and whether it was held or deleted."""
    about_case = audit_log.list_newest_entries(tx, about=case_id)
    own = [entry for entry in about_case if entry.act in ASSIGNMENTS or entry.act in RETENTION]
    acts = [*audit.list_case_acts(tx, case_id), *((None, entry) for entry in own)]
    return sorted(acts, key=lambda act: act[1].number)


def list_failed_tries(tx: Tx, delivery: Delivery) -> Iterator[CaseEvent]:
    """Yield those that did not arrive; what did is told by its receipt."""
    for tried in outbox.list_tries(tx, delivery.message_id):
        at, ending = tried["at"], tried["ending"]
        assert isinstance(at, datetime)  # noqa: S101 - the column's type
        if ending != "receipted":
            what = labels.describe_try(str(ending), str(tried["route"]), delivery.kind, delivery.recipient)
            why = _describe_try_reason(str(ending), str(tried["reason"] or ""), delivery.recipient)
            yield CaseEvent(at, what, "", why)


def _describe_try_reason(ending: str, reason: str, recipient: str) -> str:
    """Say why a try did not arrive; a machine's words are for Health. What was handed over says where it lies."""
    if ending == "rejected":
        return ""
    return reason if ending == "handed over" or not reason else labels.explain_failure(reason, recipient)


def build_timeline(gw: Gateway, stored: StoredSteps, opened: Opened) -> tuple[list[CaseEvent], list[CaseEvent]]:
    """Build what was done, and who viewed it, the newest first. `opened`: the messages of the case that are shown."""
    steps = [(_build_step(kind, entry, stored, opened), entry.act in READINGS) for kind, entry in stored.acts]
    done = [step for step, viewed in steps if not viewed]
    done += [*stored.tries, *(_build_call_step(gw, stored_call, stored.called) for stored_call in stored.calls)]
    done += [_build_note_step(gw, stored_note, stored.called) for stored_note in stored.notes]
    return _sort_and_join(done), _sort_and_join(step for step, viewed in steps if viewed)


def _build_step(kind: MessageKind | None, entry: LoggedEntry, stored: StoredSteps, opened: Opened) -> CaseEvent:
    partner = "" if stored.wide else entry.partner or ""
    called = stored.called.list_at(entry.at)
    who, theirs = _name_user(entry.actor, called), entry.act in THEIRS
    message = opened.get((MessageId(entry.about or ""), entry.partner or ""))
    direction = BEGINNINGS.get(entry.act)
    if message and direction and (reply := labels.describe_reply(direction, message.body)):
        return CaseEvent(entry.at, reply, who if direction == "sent" else _name_writer(message), theirs=theirs)
    person = _find_assigned_user(entry, called)
    return CaseEvent(entry.at, labels.describe_act(entry.act, kind, partner, person), who, theirs=theirs)


def _find_assigned_user(entry: LoggedEntry, called: Mapping[str, str]) -> str:
    if entry.act not in ASSIGNMENTS:
        return ""
    name = str(json.loads(entry.entry)["detail"][ASSIGNMENTS[entry.act]])
    return called.get(name, name)


def _name_writer(message: Message) -> str:
    """Return who at the other authority wrote a reply."""
    officer: Officer | None = getattr(message.body, "officer", None) or getattr(message.body, "ring", None)
    authority = labels.name_authority(message.header.sender.authority)
    return f"{officer.name} ({authority})" if officer else authority


def _name_user(actor: str, called: Mapping[str, str]) -> str:
    return "" if actor == SYSTEM else called.get(actor, labels.name_actor(actor))


def _build_call_step(gw: Gateway, stored_call: calls.StoredCall, called: StaffNames) -> CaseEvent:
    call = by_hand.open_call(gw, stored_call)
    whom = f"Call with {call.spoken_to}. {call.note or ''}" if call else "Who was called has been permanently deleted."
    what = labels.describe_call(stored_call.result, stored_call.sender)
    return CaseEvent(
        stored_call.at, what, _name_user(stored_call.recorded_by, called.list_at(stored_call.at)), whom.strip()
    )


def _build_note_step(gw: Gateway, stored_note: StoredCaseNote, called: StaffNames) -> CaseEvent:
    note = case_notes.open_case_note(gw, stored_note)
    day = (note.visited_on or note.decided_on) if note else None
    result, decided_by = (note.result or "", note.decided_by or "") if note else ("", "")
    what = labels.describe_case_note(stored_note.kind, format_day(day) if day else "", result, decided_by)
    text = note.text if note else "What was written has been permanently deleted."
    return CaseEvent(stored_note.at, what, _name_user(stored_note.by, called.list_at(stored_note.at)), text)


def _sort_and_join(steps: Iterable[CaseEvent]) -> list[CaseEvent]:
    # Of one moment the later comes first too.
    oldest_first = sorted(steps, key=lambda step: step.at)
    return list(_join_repeated(reversed(oldest_first)))


def _join_repeated(steps: Iterable[CaseEvent]) -> Iterator[CaseEvent]:
    """Join what one person did many times in a minute, as to each authority of a search, into one step."""
    for _, some in groupby(
        steps, key=lambda step: (step.what, step.who, step.detail, step.at.replace(second=0, microsecond=0))
    ):
        same = list(some)
        first = same[0]
        yield replace(first, what=f"{first.what} ({len(same)} times)") if len(same) > 2 else first
        if len(same) == 2:
            yield same[1]
