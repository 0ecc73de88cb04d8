"""An officer writes a notice, page by page; what is half written is kept, locked, and sent once.

    begin, or from a draft, or to correct what was sent --keep--> ... --send--> sent: its key is destroyed, the notice
    lies in the outbox
                                                          \\--give_up--> given up: its key is destroyed
                                                           \\--28 days untouched (`expire_compositions.py`)--> lapsed:
                                                           its key is destroyed

That it was sent is written in the transaction that queues the notice. So whoever sends a second time, in another window
or by a double click, gets the answer of the first.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from secrets import token_bytes
from typing import Any

from gateway.auditing.who_viewed import UnsentRecord
from gateway.authorities import postcodes
from gateway.authorities.reach import find_reach
from gateway.casework.listed_children import ListedChild
from gateway.context import Gateway
from gateway.core import composition, labels, safeguards
from gateway.core.composition import Said
from gateway.core.prefill import NOTHING_FILLED, FilledFrom, FilledIn
from gateway.core.safeguards import NOTHING_KNOWN, KnownFacts
from gateway.core.search_terms import list_written_terms
from gateway.errors import NotAllowed, Unfit
from gateway.exchange import enquire, respond
from gateway.exchange.correct import correct_notice, read_withheld_places
from gateway.exchange.prepare import build_first_header, look_up_known_children, new_case_id
from gateway.exchange.send import queue_messages, send_messages, write_and_wake
from gateway.one import drafts, leaver_rules
from gateway.one.leaver_rules import LeaverRow
from gateway.store import audit_log, compositions, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.compositions import Composition, CompositionState
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from keys import at_rest
from keys.at_rest import Locked
from schemas import rules
from schemas.findings import Finding
from schemas.identifiers import build_uuid7
from schemas.message import SEARCHES, Header, Message, MessageKind, Party
from schemas.shapes import CaseId, MessageId

# Of what one says: forty enquiries, twenty schools and every other field at its longest fit.
MAX_BYTES = 200_000
# Stands for the recipient while none is chosen, so that the rules can be asked.
SOMEBODY = "885"


@dataclass(frozen=True, slots=True)
class OpenComposition:
    """A notice that is being written, opened."""

    composition: Composition
    # Whom: `to` and `role` of a transfer notice; `to`, `region`, `everyone` of a search.
    to: Said
    body: Said = field(repr=False)
    # What of it was filled in, and nobody has looked at.
    filled: FilledIn = NOTHING_FILLED

    @property
    def is_search(self) -> bool:
        """Tell whether it asks others for a child."""
        return self.composition.kind in SEARCHES


@dataclass(frozen=True, slots=True)
class NewComposition:
    """A notice that is begun."""

    kind: MessageKind
    to: Said
    body: Said = field(repr=False)
    # The leaver record of which it is made.
    draft_id: str | None = None
    # The notice in whose place it goes.
    corrects: MessageId | None = None
    filled: FilledIn = NOTHING_FILLED


@dataclass(frozen=True, slots=True)
class SentResult:
    """What became of it when it was sent."""

    case: CaseId
    # Authorities, also of a notice that goes to one.
    asked: int
    not_asked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckedComposition:
    """What stands in the way: fields that are lacking, and what the rules say."""

    message: Message = field(repr=False)
    lacking: Sequence[str]
    findings: Sequence[Finding]

    @property
    def warnings(self) -> list[Finding]:
        """List what an officer must weigh."""
        return [finding for finding in self.findings if finding.level == "warning"]


def begin_composition(gw: Gateway, kind: MessageKind, by: str) -> str:
    """Begin to write a notice of this kind; return its id."""
    return add_composition(gw, NewComposition(kind, {}, build_empty_body(gw, by)), by)


def build_empty_body(gw: Gateway, by: str) -> Said:
    """Return what a notice says before anything is typed: whom to call."""
    return {"ring": composition.to_text_fields(gw.build_officer(by))}


def begin_from_draft(gw: Gateway, draft_id: str, kind: MessageKind, by: str, *, correcting: bool = False) -> str:
    """Write on what a row of an extract says. How far the data may be shared is open where the row leaves it open.

    `correcting`: in the place of the notice that was sent about this child before, which says of which kind it is.

    Raises NotFound.
    """
    draft, row = drafts.read_draft(gw, draft_id, by)
    who = drafts.read_draft_leaver(row, gw.build_officer(by))
    corrects = draft.corrects if correcting else None
    if corrects:
        sent = gw.store.look(lambda tx: outbox.get_delivery(tx, corrects))
        kind = sent.kind
    notice = leaver_rules.build_enquiry(who.notice, "named") if kind == "WhereaboutsEnquiry" else who.notice
    # A row may say what no notice can hold: that is asked.
    body = composition.select_fitting(kind, composition.to_text_fields(notice))
    if who.restricted or who.unsaid:
        body.pop("restriction", None)
    to = {"to": who.destination} if kind not in SEARCHES and who.destination else {}
    if corrects:
        to = {"to": sent.recipient}
    return add_composition(gw, NewComposition(kind, to, body, draft_id, corrects), by)


def begin_correction(gw: Gateway, message_id: MessageId, by: str) -> str:
    """Begin a notice in the place of one that was sent, as that one was. Raises NotFound, or keys.errors.Destroyed."""
    message = respond.read_outgoing(gw, message_id, by)
    party = message.header.recipient
    to: Said = {"to": party.authority, "role": party.role}
    body = composition.to_text_fields(message.body)
    return add_composition(gw, NewComposition(message.kind, to, body, corrects=message_id), by)


def add_composition(gw: Gateway, new: NewComposition, by: str) -> str:
    """Add a notice that is begun; return its id."""
    now = gw.now()
    name = build_uuid7(now, token_bytes(10))
    composed = Composition(name, new.kind, by, new.draft_id, new.corrects, CompositionState.WRITING, 0, now, None)
    data_key, content = _lock_content(gw, OpenComposition(composed, new.to, new.body, new.filled))
    detail = {"kind": str(new.kind)} | ({"filled-from": new.filled.source.value} if new.filled.source else {})

    def write_composition(tx: Tx) -> None:
        compositions.add_composition(tx, composed, data_key, content)
        audit_log.append_entries(tx, now, [AuditEntry("composition.begun", by, name, detail=detail)])

    gw.store.run(write_composition)
    return name


def _lock_content(gw: Gateway, now: OpenComposition) -> tuple[bytes, bytes]:
    content: dict[str, object] = {"to": now.to, "body": now.body}
    if now.filled.source:
        content["filled"] = {"source": now.filled.source, "paths": sorted(now.filled.paths)}
    text, name = json.dumps(content).encode(), now.composition.composition_id
    if len(text) > MAX_BYTES:
        raise NotAllowed("composition.too-long")
    locked = at_rest.lock(text, about=name, ring=gw.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    return locked.data_key, locked.content


def list_unfinished_compositions(gw: Gateway) -> list[Composition]:
    """List what is being written, without what it says; what was changed last first."""
    return gw.store.look(compositions.list_unfinished)


def list_written_children(gw: Gateway, written: Sequence[Composition], by: str) -> list[ListedChild]:
    """List whom these are about so far, in their order. That is one entry of the log, which mentions each."""
    names = [record.composition_id for record in written]

    def get_and_log(tx: Tx) -> list[tuple[str, Locked]]:
        held = [
            (name, Locked(data_key, content))
            for name in names
            for _, data_key, content in (compositions.get_locked_composition(tx, name),)
            # It was not ended meanwhile.
            if data_key is not None
        ]
        if held:
            mentions = tuple(name for name, _ in held)
            entry = AuditEntry("list.read", by, detail={"names": len(mentions)}, mentions=mentions)
            audit_log.append_entries(tx, gw.now(), [entry])
        return held

    opened = {
        name: json.loads(at_rest.unlock(locked, about=name, ring=gw.ring))["body"]
        for name, locked in gw.store.run(get_and_log)
    }
    return [_build_listed(opened.get(name) or {}) for name in names]


def list_written_records(gw: Gateway, most: int) -> list[UnsentRecord]:
    """List what is being written by what it is found by, for a machine; of what was sent, the case. Of a phone-only
    child nothing is found.
    """
    # First what is unfinished: what is sent meanwhile is found as sent.
    unfinished = _open_unfinished_bodies(gw, most)
    sent = gw.store.look(lambda tx: compositions.list_sent_results(tx, most))
    records = [UnsentRecord(name, frozenset(), CaseId(json.loads(told)["case"])) for name, told in sent]
    for name, body in unfinished:
        if composition.find_level(body) != "phone-only":
            records.append(UnsentRecord(name, list_written_terms(body.get("child") or {})))
    return records


def _build_listed(body: Said) -> ListedChild:
    """Build whom one is about, as far as it was typed; nobody where it may not be said."""
    child = body.get("child") or {}
    if composition.find_level(body) == "phone-only":
        return ListedChild()
    name = ", ".join(filter(None, (child.get("surname"), child.get("forename"))))
    return ListedChild(name, _find_day(child.get("dob") or ""), child.get("dob_estimated") == "yes")


def _find_day(typed: str) -> date | None:
    """Return the day that was typed; None where it is none yet."""
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def list_begun_children(gw: Gateway) -> frozenset[tuple[str, str, str]]:
    """List whom unfinished notices are about, each by surname, forename and date of birth as typed. A machine looks,
    so that nobody begins one twice; it shows nothing of them.
    """

    bodies = [body for _, body in _open_unfinished_bodies(gw)]
    return frozenset(identify_child(body.get("child") or {}) for body in bodies)


def _open_unfinished_bodies(gw: Gateway, most: int | None = None) -> list[tuple[str, Said]]:
    """Open what unfinished notices say, each with its id, for a machine; at most so many."""

    def list_locked(tx: Tx) -> list[tuple[str, Locked]]:
        names = [record.composition_id for record in compositions.list_unfinished(tx, most)]
        locked = [(name, Locked(*compositions.get_locked_composition(tx, name)[1:])) for name in names]
        # It was not ended meanwhile.
        return [(name, content) for name, content in locked if content.data_key is not None]

    return [
        (name, json.loads(at_rest.unlock(locked, about=name, ring=gw.ring))["body"])
        for name, locked in gw.store.look(list_locked)
    ]


def identify_child(child: Said) -> tuple[str, str, str]:
    """Return by what a child in an unfinished notice is told from another."""
    surname, forename = (str(child.get(name) or "").casefold() for name in ("surname", "forename"))
    return surname, forename, str(child.get("dob") or "")


def get_composition(gw: Gateway, name: str) -> Composition:
    """Return how it stands, without what it says. Raises NotFound."""
    return gw.store.look(lambda tx: compositions.get_composition(tx, name))


def open_composition(gw: Gateway, name: str, by: str) -> OpenComposition:
    """Open what was written so far for a person; this is logged. Raises NotFound, or NotAllowed where it has ended."""

    def get_and_log(tx: Tx) -> tuple[Composition, Locked]:
        record, data_key, content = compositions.get_locked_composition(tx, name)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("composition.read", by, name)])
        return record, Locked(data_key, content)

    record, locked = gw.store.run(get_and_log)
    if record.state is not CompositionState.WRITING:
        raise _ended_error()
    content = json.loads(at_rest.unlock(locked, about=name, ring=gw.ring))
    return OpenComposition(record, content["to"], content["body"], _read_filled(content.get("filled")))


def _read_filled(stored: Mapping[str, Any] | None) -> FilledIn:
    return FilledIn(FilledFrom(stored["source"]), frozenset(stored["paths"])) if stored else NOTHING_FILLED


def find_sent_result(gw: Gateway, name: str) -> SentResult | None:
    """Return what became of it; None where it was not sent. Raises NotFound."""
    record = get_composition(gw, name)
    return SentResult(**json.loads(record.told)) if record.told else None


def save_composition(gw: Gateway, now: OpenComposition, by: str) -> None:
    """Keep what was written. Raises NotAllowed where it was changed since it was opened."""
    name = now.composition.composition_id
    data_key, content = _lock_content(gw, now)

    def write_changes(tx: Tx) -> None:
        compositions.update_composition(tx, gw.now(), name, now.composition.changes, data_key, content)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("composition.changed", by, name)])

    gw.store.run(write_changes)


def give_up_composition(gw: Gateway, name: str, by: str) -> None:
    """Give it up: nothing of it is sent, and nobody can read it any more. Raises NotFound."""

    def write_given_up(tx: Tx) -> None:
        compositions.get_composition(tx, name)
        if compositions.end_composition(tx, gw.now(), name, CompositionState.GIVEN_UP):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("composition.given-up", by, name)])

    gw.store.run(write_given_up)


def suggest_authority(gw: Gateway, now: OpenComposition) -> str | None:
    """Return the authority in which the new postcode lies; None where there is none, or it is not known."""
    postcode = (now.body.get("destination_address") or {}).get("post_code")
    return postcodes.find_authority_of_postcode(gw, postcode) if postcode else None


def check_composition(gw: Gateway, now: OpenComposition) -> CheckedComposition:
    """Check what is lacking, and what the rules say of the notice as far as it is written."""
    typed: dict[str, Any] = dict(now.body)
    if now.composition.kind == "WhereaboutsEnquiry":
        # How widely it goes is known when it goes.
        typed["circulation"] = "named"
    body, lacking = composition.build_body(now.composition.kind, typed)
    message = Message(_build_header(gw, now), body)
    if not _is_addressed(now):
        lacking = ["to", *lacking]
    today = gw.now().date()
    slips = safeguards.find_slips(message, today=today, known=_look_up_known(gw, now, message))
    findings = [*rules.check(message, today=today), *slips]
    if not now.is_search and now.to.get("to") and (astray := postcodes.describe_other_authority(gw, message)):
        element = f"Message/{message.kind}/DestinationAddress/PostCode"
        findings.append(Finding("address.astray", "warning", element, astray))
    if not now.is_search and isinstance(now.to.get("to"), str) and now.to["to"]:
        reach = find_reach(gw, now.to["to"])
        if reach.why:
            findings.append(Finding("recipient.out-of-reach", "error", "", reach.refusal))
    return CheckedComposition(message, lacking, findings)


def _look_up_known(gw: Gateway, now: OpenComposition, message: Message) -> KnownFacts:
    """Look up what is known beside it: what may not be said, what it corrects, what its draft's row says by now."""
    withheld = {*composition.list_withheld_texts(now.body)}
    if now.composition.corrects:
        withheld |= read_withheld_places(gw, now.composition.corrects)
    name = message.header.message_id
    known = look_up_known_children(gw, [message], {name: withheld}).get(name, NOTHING_KNOWN)
    if now.composition.draft_id and drafts.is_restricted(gw, now.composition.draft_id):
        known = replace(known, is_restricted=True)
    return known


def _is_addressed(now: OpenComposition) -> bool:
    return any(now.to.get(name) for name in ("to", "region", "everyone"))


def _build_header(gw: Gateway, now: OpenComposition) -> Header:
    to = now.to.get("to")
    somebody = SOMEBODY if gw.code != SOMEBODY else "330"
    corrects = now.composition.corrects
    case = gw.store.look(lambda tx: outbox.get_delivery(tx, corrects)).case_id if corrects else new_case_id(gw)
    head = build_first_header(gw, case, to if isinstance(to, str) and to else somebody)
    return replace(head, recipient=Party(authority=head.recipient.authority, role=now.to.get("role") or "cme_officer"))


def send_composition(
    gw: Gateway, name: str, weighed: Collection[str], by: str, *, was: int | None = None
) -> SentResult:
    """Send it, once; a second time return what became of it. `weighed`: the codes of warnings that were looked at.

    `was`: how often it had been changed when the officer looked at it; where it was changed since, nothing is sent.

    Raises NotFound, Unfit, a keys.errors.Refusal, or NotAllowed where something is lacking, a warning was not weighed,
    or it is not what was looked at.
    """
    if done := find_sent_result(gw, name):
        return done
    try:
        now = open_composition(gw, name, by)
        if was not in (None, now.composition.changes):
            raise _changed_error()
        return _send_message(gw, now, _get_sendable_message(gw, now, weighed), weighed, by)
    except NotAllowed:
        # Somebody was faster by a moment.
        if done := find_sent_result(gw, name):
            return done
        raise


def _get_sendable_message(gw: Gateway, now: OpenComposition, weighed: Collection[str]) -> Message:
    """Return the message, where nothing stands in its way."""
    checked = check_composition(gw, now)
    if checked.lacking:
        raise NotAllowed("composition.lacking")
    if errors := rules.list_errors(checked.findings):
        raise Unfit(errors)
    if {warning.code for warning in checked.warnings} - set(weighed):
        raise NotAllowed("composition.unweighed")
    return checked.message


def _send_message(
    gw: Gateway, now: OpenComposition, message: Message, confirmed: Collection[str], by: str
) -> SentResult:
    if now.composition.corrects:
        return _send_correction(gw, now, message, now.composition.corrects, confirmed, by)
    if now.is_search:
        return _send_search(gw, now, message, confirmed, by)
    return _send_notice(gw, now, message, confirmed, by)


def _send_notice(
    gw: Gateway, now: OpenComposition, message: Message, confirmed: Collection[str], by: str
) -> SentResult:
    head = message.header
    done = SentResult(head.case_id, 1, {})
    end = _build_ending(gw, now, done, head.recipient.authority, by)

    def write_notice(tx: Tx, ready: Sequence[QueuedNotice]) -> SentResult:
        end(tx, head.message_id)
        queue_messages(tx, gw, ready)
        return done

    return send_messages(gw, [message], by, write_notice, confirmed=confirmed)


def _send_search(
    gw: Gateway, now: OpenComposition, message: Message, confirmed: Collection[str], by: str
) -> SentResult:
    meant, left_out = _resolve_recipients(gw, now.to)
    ready = enquire.prepare_search(gw, message, meant, left_out, by, confirmed=confirmed)
    return _queue_search(gw, now, ready, by)


def _resolve_recipients(gw: Gateway, to: Said) -> tuple[list[str], dict[str, str]]:
    return enquire.resolve_recipients(gw, to.get("to") or (), to.get("region") or (), everyone=bool(to.get("everyone")))


def list_recipients(gw: Gateway, to: Said) -> list[str]:
    """List the authorities that are meant by what was chosen. Raises NotAllowed where there is none."""
    if isinstance(to.get("to"), str):
        return [to["to"]] if to["to"] else []
    meant, left_out = _resolve_recipients(gw, to)
    return sorted({*meant, *left_out} - {gw.code}, key=labels.name_authority)


def _queue_search(gw: Gateway, now: OpenComposition, ready: enquire.PreparedSearch, by: str) -> SentResult:
    done = SentResult(ready.enquired.case, len(ready.notices), ready.enquired.not_asked)
    end = _build_ending(gw, now, done, "enquiry", by)

    def write_queued_search(tx: Tx) -> SentResult:
        end(tx, ready.notices[0].message_id)
        enquire.write_search(tx, gw, ready)
        return done

    return write_and_wake(gw, write_queued_search)


def _send_correction(
    gw: Gateway, now: OpenComposition, message: Message, corrects: MessageId, confirmed: Collection[str], by: str
) -> SentResult:
    """Send it in the place of one that was sent; of a wide search, in the place of what each of them has."""
    old = gw.store.look(lambda tx: outbox.get_delivery(tx, corrects))
    sent = gw.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(case_id=old.case_id), limit=None))
    asked = sorted({delivery.recipient for delivery in sent if delivery.kind in SEARCHES})
    if len(asked) > 1:
        search = Message(replace(message.header, case_id=old.case_id, test=old.test), message.body)
        meant, ended = enquire.resolve_recipients(gw, asked)
        ready = enquire.prepare_search(gw, search, meant, ended, by, again=meant, confirmed=confirmed)
        return _queue_search(gw, now, ready, by)
    done = SentResult(old.case_id, 1, {})
    end = _build_ending(gw, now, done, old.recipient, by)
    notice = Message(replace(message.header, test=old.test), message.body)
    correct_notice(gw, corrects, notice, by, confirmed=confirmed, also=lambda tx, _: end(tx, corrects))
    return done


def _build_ending(
    gw: Gateway, now: OpenComposition, done: SentResult, what: str, by: str
) -> Callable[[Tx, MessageId], None]:
    """Build what ends the composition, and the draft of which it was made, in the transaction that queues."""
    name, draft_id = now.composition.composition_id, now.composition.draft_id
    who = _read_leaver(gw, draft_id, by) if draft_id else None
    result = json.dumps({"case": done.case, "asked": done.asked, "not_asked": dict(done.not_asked)})

    def end_records(tx: Tx, message_id: MessageId) -> None:
        if not compositions.end_composition(
            tx, gw.now(), name, CompositionState.SENT, result, was=now.composition.changes
        ):
            raise (
                _ended_error()
                if compositions.get_composition(tx, name).state is not CompositionState.WRITING
                else _changed_error()
            )
        audit_log.append_entries(tx, gw.now(), [AuditEntry("composition.sent", by, name, detail={"case": done.case})])
        if draft_id and who:
            drafts.end_as_sent(tx, gw, draft_id, drafts.build_sent_row(gw, who, what, message_id), by)

    return end_records


def _read_leaver(gw: Gateway, draft_id: str, by: str) -> LeaverRow:
    _, row = drafts.read_draft(gw, draft_id, by)
    return drafts.read_draft_leaver(row, gw.build_officer(by))


def _changed_error() -> NotAllowed:
    return NotAllowed("composition.stale")


def _ended_error() -> NotAllowed:
    return NotAllowed("composition.ended")
