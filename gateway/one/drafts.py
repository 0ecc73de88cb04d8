"""Drafts: rows of extracts that an officer must look at; and what the officer makes of them.

Kept, and locked, is the row: it may say what no notice can hold, such as a name that is too long, and where the child
moved may be open. It becomes a notice when an officer sends it. Digests under our own key tell rows and children apart
without a word about them.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from secrets import token_bytes

from gateway.auditing.who_viewed import UnsentRecord
from gateway.context import SYSTEM, Gateway
from gateway.core import composition
from gateway.core.draft_state import DraftState
from gateway.core.search_terms import list_child_terms
from gateway.errors import NotAllowed
from gateway.exchange.correct import correct_notice
from gateway.exchange.prepare import build_first_header, look_up_known_children, new_case_id
from gateway.exchange.send import queue_messages, send_messages
from gateway.one import leaver_rules
from gateway.one.extracts import EMPTY, Row
from gateway.one.leaver_rules import LeaverRow
from gateway.store import audit_log, drafts, intake, outbox
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from gateway.store.drafts import Draft, NewDraft
from gateway.store.intake import SentRow
from gateway.store.outbox import QueuedNotice
from keys import at_rest
from keys.at_rest import Locked
from keys.digests import Purpose
from schemas.identifiers import build_uuid7
from schemas.message import Child, Message, Officer, Restriction, TransferNotice
from schemas.shapes import MessageId

# Of the digits of a digest.
HALF = 32
# What was done to a draft, the oldest first.
DraftHistory = Sequence[LoggedEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A row that an officer must look at, and why."""

    row: Row
    # What the row says, read.
    leaver: LeaverRow
    file: str
    number: int
    reason: str
    # By which its draft is remembered.
    digest: str
    # The draft that is waiting already, in whose place it comes.
    open_draft: Draft | None
    # The notice in whose place it may be sent.
    corrects: MessageId | None


def compute_leaver_digest(gw: Gateway, *parts: str) -> str:
    """Compute a digest under our own key, for a child could be guessed from another."""
    return gw.ring.digests.compute_digest(Purpose.LEAVER, *parts).hex()


def compute_leaving_digest(gw: Gateway, read: LeaverRow, what: str) -> str:
    """Compute the digest by which something done about a leaving is remembered: whom, when, and what, or where to."""
    return compute_leaver_digest(gw, *read.child, read.left_on.isoformat() if read.left_on else "", what)


def compute_person_digest(gw: Gateway, child: Child) -> str:
    """Compute who a child is, whatever its UPN: a digest of the name, and one of the date of birth, a half each."""
    name = compute_leaver_digest(gw, "name", child.surname.casefold(), (child.forename or "").casefold())
    return name[:HALF] + compute_leaver_digest(gw, "born", child.dob.isoformat())[:HALF]


def may_be_same_person(first: str | None, other: str | None) -> bool:
    """Tell whether the two may be one person, whose name or date of birth was corrected; true where one
    is not known.
    """
    return not first or not other or first[:HALF] == other[:HALF] or first[HALF:] == other[HALF:]


def compute_notice_digest(gw: Gateway, read: LeaverRow) -> str:
    """Compute a digest of the notice of the row, without whom to ring: it tells a corrected row from the same one."""
    fields = {name: value for name, value in composition.to_text_fields(read.notice).items() if name != "ring"}
    return compute_leaver_digest(gw, json.dumps(fields, sort_keys=True))


def build_sent_row(gw: Gateway, read: LeaverRow, what: str, message_id: MessageId) -> SentRow:
    """Build what is remembered of a row that became this message."""
    assert read.notice.child is not None  # noqa: S101 - a leaver's notice has one
    person = compute_person_digest(gw, read.notice.child)
    return SentRow(
        compute_leaving_digest(gw, read, what),
        message_id,
        compute_leaver_digest(gw, *read.child),
        person,
        compute_notice_digest(gw, read),
    )


def format_row(row: Row) -> str:
    """Format what a row says, in one spelling."""
    return json.dumps({name: value for name, value in row.items() if value}, sort_keys=True)


def build_draft(gw: Gateway, held: HeldRow) -> NewDraft:
    """Build the draft of a row that is held: a new one, or in the place of what the open one says."""
    draft_id = held.open_draft.draft_id if held.open_draft else build_uuid7(gw.now(), token_bytes(10))
    row_text = format_row(held.row)
    locked = at_rest.lock(row_text.encode(), about=draft_id, ring=gw.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    assert held.leaver.notice.child is not None  # noqa: S101 - a leaver's notice has one
    return NewDraft(
        draft_id=draft_id,
        digest=held.digest,
        child=compute_leaver_digest(gw, *held.leaver.child),
        said=compute_leaver_digest(gw, row_text),
        reason=held.reason,
        file=held.file,
        row=held.number,
        data_key=locked.data_key,
        content=locked.content,
        person=compute_person_digest(gw, held.leaver.notice.child),
        carried=compute_notice_digest(gw, held.leaver),
        corrects=held.corrects,
    )


def write_drafts(tx: Tx, gw: Gateway, new_drafts: Sequence[NewDraft]) -> dict[str, Draft]:
    """Write these drafts, new or in the place of what they said; return them by digest as they stand then."""
    before = drafts.find_drafts_by_digest(tx, [draft.digest for draft in new_drafts])
    by_id = {draft.draft_id: draft for draft in drafts.list_open_drafts(tx, [draft.child for draft in new_drafts])}
    fresh = [draft for draft in new_drafts if draft.digest not in before and draft.draft_id not in by_id]
    again = [
        draft
        for draft in new_drafts
        if (old := before.get(draft.digest) or by_id.get(draft.draft_id)) and _says_otherwise(old, draft)
    ]
    drafts.add_drafts(tx, gw.now(), fresh)
    for draft in again:
        drafts.update_draft(tx, draft)
    entries = [AuditEntry("draft.made", SYSTEM, draft.draft_id, digest=draft.file) for draft in fresh]
    entries += [AuditEntry("draft.renewed", SYSTEM, draft.draft_id, digest=draft.file) for draft in again]
    audit_log.append_entries(tx, gw.now(), entries)
    return drafts.find_drafts_by_digest(tx, [draft.digest for draft in new_drafts])


def _says_otherwise(old: Draft, new: NewDraft) -> bool:
    return old.state is DraftState.OPEN and (old.said, old.reason, old.digest) != (new.said, new.reason, new.digest)


def end_answered_drafts(tx: Tx, gw: Gateway, sent_rows: Sequence[SentRow]) -> None:
    """End the open drafts about these children, whose rows came again whole; not those of another child with the same
    UPN.
    """
    entries = []
    by_child = {sent.child: sent for sent in sent_rows if sent.child}
    for draft in drafts.list_open_drafts(tx, list(by_child)):
        sent = by_child[draft.child]
        if may_be_same_person(draft.person, sent.person):
            drafts.end_draft(tx, gw.now(), draft.draft_id, DraftState.SENT, SYSTEM, message_id=sent.message_id)
            entries.append(AuditEntry("draft.sent", SYSTEM, draft.draft_id, detail={"message": sent.message_id}))
    audit_log.append_entries(tx, gw.now(), entries)


def list_drafts(gw: Gateway, state: DraftState, limit: int) -> list[Draft]:
    """List the drafts in this state, the oldest first, without what they say."""
    return gw.store.look(lambda tx: drafts.list_drafts(tx, state, limit))


def list_draft_acts(gw: Gateway, draft_id: str) -> DraftHistory:
    """List what was done to a draft, the oldest first."""
    return gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=draft_id))[::-1]


def read_draft(gw: Gateway, draft_id: str, by: str) -> tuple[Draft, Row]:
    """A draft and its row, opened for a person. That it was read is an entry of the audit log. Raises NotFound."""

    def look(tx: Tx) -> tuple[Draft, Locked]:
        draft = drafts.get_draft(tx, draft_id)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("draft.read", by, draft_id)])
        return draft, Locked(*drafts.get_locked_draft(tx, draft_id))

    draft, locked = gw.store.run(look)
    return draft, _row(gw, draft_id, locked)


def list_draft_records(gw: Gateway, most: int) -> list[UnsentRecord]:
    """List the newest drafts by what they are found by, for a machine. A restricted child's row is found by nothing."""
    records = []
    for draft_id, data_key, content in gw.store.look(lambda tx: drafts.list_locked_drafts(tx, most)):
        if data_key is not None:
            row = _row(gw, draft_id, Locked(data_key, content))
            leaver = read_draft_leaver(row, gw.build_officer(SYSTEM))
            if leaver.notice.child is not None and not leaver.restricted:
                records.append(UnsentRecord(draft_id, list_child_terms(leaver.notice.child)))
    return records


def read_draft_leaver(row: Row, ring: Officer) -> LeaverRow:
    """Return who left, as the row of a draft says it."""
    leaver_row = leaver_rules.read_leaver(row, ring)
    assert isinstance(leaver_row, LeaverRow)  # noqa: S101 - only what could be read became a draft
    return leaver_row


def is_restricted(gw: Gateway, draft_id: str) -> bool:
    """Tell whether the row of a draft, as it stands now, says that the child's data are restricted. Raises NotFound."""
    locked = gw.store.look(lambda tx: Locked(*drafts.get_locked_draft(tx, draft_id)))
    return read_draft_leaver(_row(gw, draft_id, locked), gw.build_officer(SYSTEM)).restricted


def send_draft(
    gw: Gateway,
    draft_id: str,
    to: str,
    restriction: Restriction | None,
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> MessageId:
    """Tell that authority, as an officer decides: the id of the notice. What the restriction forbids is left out.

    `confirmed`: as `prepare.prepare_messages` has it.
    Raises NotFound, Unfit, Unconfirmed, a keys.errors.Refusal, or NotAllowed where it was sent already, or where the
    child's data are or may be restricted, and how far they may be shared is not said.
    """
    who, notice = _decided(gw, draft_id, restriction, by)
    message = Message(build_first_header(gw, new_case_id(gw), to), notice)
    known = look_up_known_children(gw, [message], of_rows=True)
    remembered = build_sent_row(gw, who, to, message.header.message_id)

    def write_notice(tx: Tx, ready: Sequence[QueuedNotice]) -> MessageId:
        end_as_sent(tx, gw, draft_id, remembered, by)
        queue_messages(tx, gw, ready)
        return message.header.message_id

    return send_messages(gw, [message], by, write_notice, confirmed=_decided_too(restriction, confirmed), known=known)


def _decided(gw: Gateway, draft_id: str, restriction: Restriction | None, by: str) -> tuple[LeaverRow, TransferNotice]:
    """Who left, and the notice as an officer decides.

    Raises NotFound, or NotAllowed where the restriction is not decided.
    """
    locked = gw.store.look(lambda tx: Locked(*drafts.get_locked_draft(tx, draft_id)))
    who = read_draft_leaver(_row(gw, draft_id, locked), gw.build_officer(by))
    if restriction is None and (who.restricted or who.unsaid):
        raise NotAllowed("draft.restriction")
    return who, leaver_rules.apply_restriction(who.notice, restriction or who.notice.restriction)


def _decided_too(restriction: Restriction | None, confirmed: Collection[str]) -> Collection[str]:
    """Who says how far the data of this very child may be shared has confirmed that, whatever was said before."""
    return confirmed if restriction is None else {*confirmed, "restriction.known"}


def send_correction(
    gw: Gateway,
    draft_id: str,
    restriction: Restriction | None,
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> MessageId:
    """Send it in the place of the notice that was sent before about this child: the id of the new one.

    Raises NotFound, Unfit, or NotAllowed where it was sent already, corrects no transfer notice, or that one has ended;
    and as `send_draft`.
    """
    corrects = gw.store.look(lambda tx: drafts.get_draft(tx, draft_id)).corrects
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, corrects)) if corrects else None
    if sent is None or sent.kind != TransferNotice.__name__:
        raise NotAllowed("draft.corrects-nothing")
    who, notice = _decided(gw, draft_id, restriction, by)
    remembered = build_sent_row(gw, who, sent.recipient, sent.message_id)
    message = Message(build_first_header(gw, new_case_id(gw), sent.recipient), notice)
    return correct_notice(
        gw,
        sent.message_id,
        message,
        by,
        confirmed=_decided_too(restriction, confirmed),
        also=lambda tx, _: end_as_sent(tx, gw, draft_id, remembered, by),
    )


def end_as_sent(tx: Tx, gw: Gateway, draft_id: str, sent: SentRow, by: str) -> None:
    """It became this notice, or corrects it, and its row makes no other. Raises NotAllowed where it has ended."""
    drafts.end_draft(tx, gw.now(), draft_id, DraftState.SENT, by, message_id=sent.message_id)
    before = intake.find_sent_by_digest(tx, [sent.digest]).get(sent.digest)
    if before is None:
        intake.add_sent_rows(tx, gw.now(), [sent])
    elif before.message_id == sent.message_id or may_be_same_person(before.person, sent.person):
        intake.update_sent_row(tx, sent)
    audit_log.append_entries(
        tx, gw.now(), [AuditEntry("draft.sent", by, draft_id, detail={"message": sent.message_id})]
    )


def discard_draft(gw: Gateway, draft_id: str, reason: str, by: str, *, was: str | None = None) -> None:
    """End a draft without a notice. Raises NotFound, or NotAllowed where it has ended.

    `was`: the digest of what its row said when the officer looked; where it says otherwise now, nothing is done.
    """

    def write(tx: Tx) -> None:
        if was not in (None, drafts.get_draft(tx, draft_id).said):
            raise NotAllowed("draft.stale")
        drafts.end_draft(tx, gw.now(), draft_id, DraftState.DISCARDED, by, discarded_as=reason)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("draft.discarded", by, draft_id, detail={"reason": reason})])

    gw.store.run(write)


def _row(gw: Gateway, draft_id: str, locked: Locked) -> Row:
    values: dict[str, str] = json.loads(at_rest.unlock(locked, about=draft_id, ring=gw.ring))
    return EMPTY | values
