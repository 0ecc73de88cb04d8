"""Rows of an extract to notices, enquiries and drafts: a few at a time, each once, whatever comes again.

A step asks the database first what was done about its rows before, so that nothing is sealed in vain; then checks,
signs and seals; then keeps all of it in one transaction. What was done is remembered by a digest of whom, when and
what, with what it said: a row that says other things of a child, or names another child with the same UPN, is not done,
and an officer looks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Literal

from gateway import copies
from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core.calendar import LONDON
from gateway.core.draft_state import DraftState
from gateway.core.safeguards import KnownFacts
from gateway.core.search_status import find_circulation
from gateway.errors import StoreUnavailable, Unconfirmed, Unfit
from gateway.exchange import known_children
from gateway.exchange.prepare import build_first_header, new_case_id, prepare_messages
from gateway.exchange.send import TOGETHER, queue_messages
from gateway.logs import log_failure
from gateway.one import drafts, leaver_rules
from gateway.one.extracts import Ignored, Row
from gateway.one.leaver_rules import Decision, Enquire, Hold, Ignore, LeaverRow, Transfer
from gateway.one.table import Unread
from gateway.store import drafts as store_drafts
from gateway.store import intake, purge_runs
from gateway.store import postcodes as places
from gateway.store.database import Tx
from gateway.store.drafts import Draft, NewDraft
from gateway.store.intake import SentRow
from gateway.store.outbox import QueuedNotice
from keys.errors import Refusal
from schemas import codes, xml
from schemas.message import Body, Message, Officer, TransferNotice, WhereaboutsEnquiry
from schemas.shapes import MessageId

# Rows in one transaction: some tens of milliseconds for the database.
STEP = 128
BY = "ONE"
MENDED = (
    "A notice about this child was sent before, and the details have changed. Correct the notice, or discard this"
    " record."
)
ANOTHER = (
    "A notice about a child with this UPN was sent before, with another name and date of birth. If this is another"
    " child, send it. If it is the same child, correct that notice."
)
FORGOTTEN = (
    "This child left so long ago that a notice may have been sent and deleted since. An officer decides whether to send"
    " one."
)
TOLD = "A notice about this child was sent before."
UNFORESEEN = "The row was not processed, because of a fault in the gateway. Report it, with the line in the log."

Result = Literal["sent", "before", "held", "ignored", "refused"]
Numbered = tuple[int, Row | Unread | Ignored]


@dataclass(frozen=True, slots=True)
class LeaverLine:
    """What became of a row."""

    row: int
    result: Result
    to: str = ""
    message_id: MessageId = MessageId("")
    reason: str = ""
    draft: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """A row that can be read."""

    number: int
    row: Row
    read: LeaverRow


@dataclass(frozen=True, slots=True)
class _JudgedRow:
    """A row, what is to be done about it, and what was done before."""

    leaver: _Found
    decision: Decision
    # Where to, or an enquiry: by which a notice is remembered, beside whom and when.
    what: str
    # What is remembered of it when it is sent; its message is not known yet.
    as_sent: SentRow
    # By which a draft is remembered.
    draft: str
    # Of the whole row.
    row_digest: str
    # No other row of the file is of this child.
    alone: bool = True
    # The same was sent.
    before: SentRow | None = None
    standing_draft: Draft | None = None
    # A notice of before in whose place it may go.
    corrects: MessageId | None = None

    @property
    def done(self) -> LeaverLine | None:
        """Return what there is to say where nothing is left to do."""
        number, draft = self.leaver.number, self.standing_draft
        match self.decision:
            case Ignore(reason):
                return LeaverLine(number, "ignored", reason=reason)
            case Transfer(to) if self.before:
                return LeaverLine(number, "before", to, self.before.message_id)
            case Enquire() if self.before:
                return LeaverLine(number, "before", message_id=self.before.message_id)
            case Hold(reason) if draft and (
                draft.state is not DraftState.OPEN
                or (draft.said, draft.reason, draft.digest) == (self.row_digest, reason, self.draft)
            ):
                return _waiting(number, draft, reason)
        return None


_Going = tuple[_JudgedRow, list[QueuedNotice]]
# With why.
_Held = tuple[_JudgedRow, str]


async def take_rows(
    gw: Gateway, rows: Sequence[Numbered], ring: Officer, seen: dict[str, int], file: str
) -> list[LeaverLine]:
    """Do what is to be done about a few rows of this file, and say what became of each.

    `seen`: in which row a child stood.
    """
    leavers, lines = _read(rows, ring)
    judged = await gw.store.read(partial(_judge, gw=gw, leavers=leavers, seen=seen)) if leavers else []
    fresh = [row for row in judged if row.done is None]
    lines += [row.done for row in judged if row.done]
    going: list[_Going] = []
    held: list[_Held] = []
    for at in range(0, len(fresh), TOGETHER):
        some = fresh[at : at + TOGETHER]
        messages = [() if isinstance(row.decision, Hold) else _messages(gw, row) for row in some]
        notices = [message for those in messages for message in those]
        known = await gw.store.read(partial(known_children.look_up_known, gw=gw, notices=notices, of_rows=True))
        more, waiting = _sealed(gw, list(zip(some, messages, strict=True)), known)
        going, held = going + more, held + waiting
        await asyncio.sleep(0)
    if going or held:
        made = [_draft(gw, draft_row, reason, file) for draft_row, reason in held]
        before, drafted = await gw.store.write(partial(_keep, gw=gw, going=going, made=made))
        lines += [_sent(sent_row, messages, before) for sent_row, messages in going]
        lines += [_waiting(held_row.leaver.number, drafted[held_row.draft], reason) for held_row, reason in held]
    return sorted(lines, key=lambda line: line.row)


def _read(rows: Sequence[Numbered], ring: Officer) -> tuple[list[_Found], list[LeaverLine]]:
    """Return who left; and what there is to say of the rows that nobody left in, or that cannot be read."""
    leavers: list[_Found] = []
    lines: list[LeaverLine] = []
    for number, row in rows:
        if isinstance(row, Ignored):
            lines.append(LeaverLine(number, "ignored", reason=row.reason))
            continue
        read = row if isinstance(row, Unread) else leaver_rules.read_leaver(row, ring)
        if isinstance(read, LeaverRow) and not isinstance(row, Unread):
            leavers.append(_Found(number, row, read))
        elif isinstance(read, Unread):
            lines.append(LeaverLine(number, "refused", reason=read.reason))
    return leavers, lines


def _judge(tx: Tx, gw: Gateway, leavers: Sequence[_Found], seen: dict[str, int]) -> list[_JudgedRow]:
    """Return what is to be done about each row, and what was done about it before: few questions for all of them."""
    unplaced = {postcodes.normalise_postcode(row.read.postcode) for row in leavers if not row.read.destination}
    lies_in = places.find_postcode_authorities(tx, unplaced)
    judged = [_decided(gw, row, lies_in.get(postcodes.normalise_postcode(row.read.postcode)), seen) for row in leavers]
    same = intake.find_sent_by_digest(tx, [row.as_sent.digest for row in judged])
    of_child = intake.find_sent_by_child(tx, {row.as_sent.child or "" for row in judged})
    judged = [
        _compared(tx, gw, row, same.get(row.as_sent.digest), of_child.get(row.as_sent.child or "", []))
        for row in judged
    ]
    forgotten = purge_runs.find_forgotten_leavers(tx)
    judged = [_hold_forgotten(row, forgotten.astimezone(LONDON).date()) for row in judged] if forgotten else judged
    drafted = store_drafts.find_drafts_by_digest(tx, [row.draft for row in judged])
    again = {row.leaver.number: _again(gw, row) for row in judged if row.draft in drafted}
    drafted |= store_drafts.find_drafts_by_digest(tx, again.values()) if again else {}
    waiting = store_drafts.list_open_drafts(
        tx, {row.as_sent.child or "" for row in judged if isinstance(row.decision, Hold)}
    )
    return [_drafted(row, again.get(row.leaver.number, ""), drafted, waiting) for row in judged]


def _decided(gw: Gateway, row: _Found, lies_in: str | None, seen: dict[str, int]) -> _JudgedRow:
    """Return what is to be done about a row by itself, and beside those before it in the file."""
    decision = leaver_rules.decide_leaver(
        row.read, lies_in, gw.code, gw.config.one, gw.config.one_closures, gw.now().date()
    )
    row_digest = drafts.compute_leaver_digest(gw, drafts.format_row(row.row))
    name, alone = drafts.compute_leaving_digest(gw, row.read, "draft"), True
    what = decision.to if isinstance(decision, Transfer) else "enquiry" if isinstance(decision, Enquire) else ""
    as_sent = drafts.build_sent_row(gw, row.read, what, MessageId(""))
    child, person = as_sent.child or "", f"person {as_sent.person}"
    if not isinstance(decision, Ignore):
        if row_digest in seen:
            decision = Ignore(f"This row is the same as row {seen[row_digest]}.")
        elif child in seen:
            whose = "The same child" if person in seen else "Another child with this UPN, or the same child,"
            decision = Hold(f"{whose} is in row {seen[child]}, with different details.")
            name, alone = row_digest, False
        for key in (row_digest, child, person):
            seen.setdefault(key, row.number)
    return _JudgedRow(row, decision, what, as_sent, name, row_digest, alone)


def _compared(tx: Tx, gw: Gateway, row: _JudgedRow, same: SentRow | None, of_child: Sequence[SentRow]) -> _JudgedRow:
    """Was the same said before, or something else of this child, or of another child with its UPN?"""
    match row.decision:
        case Ignore():
            return row
        case Hold(reason):
            told = next((sent for sent in reversed(of_child) if sent.person == row.as_sent.person), None)
            if told is None or not row.alone:
                return row
            return replace(row, decision=Hold(f"{reason} {TOLD}"), corrects=told.message_id)
    if same and same.said is None:
        same = replace(same, person=_person_sent(tx, gw, same.message_id), said=row.as_sent.said)
        if same.person in (None, row.as_sent.person):
            return replace(row, before=same)
    elif same and same.said == row.as_sent.said:
        return replace(row, before=same)
    others = [sent for sent in of_child if sent.person]
    if same is None and not (others and all(sent.person != row.as_sent.person for sent in others)):
        return row
    told = same or others[-1]
    why = MENDED if drafts.may_be_same_person(told.person, row.as_sent.person) else ANOTHER
    return replace(row, decision=Hold(why), corrects=told.message_id)


def _hold_forgotten(row: _JudgedRow, until: date) -> _JudgedRow:
    """Hold a row that may have been sent before `until`, when what made it known again was deleted with its case."""
    left = row.leaver.read.left_on
    if row.before or not left or left > until or isinstance(row.decision, Hold | Ignore):
        return row
    return replace(row, decision=Hold(FORGOTTEN))


def _person_sent(tx: Tx, gw: Gateway, message_id: MessageId) -> str | None:
    """Whom a notice named of which a version before this one remembered no more; None where that cannot be said any
    more.
    """
    copy = copies.take_sent(tx, gw, message_id, Machine.COMPARE)
    if not copy.is_held:
        return None
    body = copies.open_copy(gw, copy).body
    child = body.child if isinstance(body, TransferNotice | WhereaboutsEnquiry) else None
    return drafts.compute_person_digest(gw, child) if child else None


def _again(gw: Gateway, row: _JudgedRow) -> str:
    """The name of a draft of a row that says other things than one that has ended, or of another child with its UPN."""
    return drafts.compute_leaver_digest(gw, row.draft, row.what, row.as_sent.person or "", row.as_sent.said or "")


def _drafted(row: _JudgedRow, again: str, drafted: Mapping[str, Draft], waiting: Sequence[Draft]) -> _JudgedRow:
    """The row with the draft that it has, or whose place it takes, or would have if it cannot go: one open draft for
    each child.
    """
    draft, corrects = drafted.get(row.draft), row.corrects
    if not row.alone or (draft and _is_same(draft, row)):
        return replace(row, standing_draft=draft)
    if draft and draft.state is DraftState.SENT and drafts.may_be_same_person(draft.person, row.as_sent.person):
        corrects = corrects or draft.message_id
    name = again if draft else row.draft
    whose = (row.as_sent.child, row.as_sent.person)
    open_one = next((it for it in waiting if (it.child, it.person) == whose), None)
    return replace(row, draft=name, standing_draft=drafted.get(name) or open_one, corrects=corrects)


def _is_same(draft: Draft, row: _JudgedRow) -> bool:
    """Is it the draft of this row: still open, and of the same child; or ended, and nothing else is said by now?"""
    if draft.person not in (None, row.as_sent.person):
        return False
    if draft.state is DraftState.OPEN:
        return True
    return isinstance(row.decision, Hold) and draft.carried in (None, row.as_sent.said)


def _waiting(number: int, draft: Draft, reason: str) -> LeaverLine:
    match draft.state:
        case DraftState.SENT:
            return LeaverLine(number, "before", message_id=draft.message_id or MessageId(""), draft=draft.draft_id)
        case DraftState.DISCARDED:
            return LeaverLine(number, "before", reason="An officer discarded the leaver record.", draft=draft.draft_id)
        case DraftState.OPEN:
            return LeaverLine(number, "held", reason=reason, draft=draft.draft_id)


def _sealed(
    gw: Gateway, fresh: Sequence[tuple[_JudgedRow, Sequence[Message]]], known: Mapping[MessageId, KnownFacts]
) -> tuple[list[_Going], list[_Held]]:
    """Return the sealed messages of each row; and those about which an officer must look, with why."""
    held = [(row, row.decision.reason) for row, _ in fresh if isinstance(row.decision, Hold)]
    going = [(row, messages) for row, messages in fresh if not isinstance(row.decision, Hold)]
    try:
        ready = iter(prepare_messages(gw, [message for _, messages in going for message in messages], BY, known=known))
        return [(row, list(islice(ready, len(messages)))) for row, messages in going], held
    except StoreUnavailable:
        # The database or the HSM stands in the way of them all.
        raise
    except Exception:  # noqa: BLE001 - whatever it is: it is looked for among them
        return _sealed_alone(gw, going, held, known)


def _sealed_alone(
    gw: Gateway,
    going: Sequence[tuple[_JudgedRow, Sequence[Message]]],
    held: list[_Held],
    known: Mapping[MessageId, KnownFacts],
) -> tuple[list[_Going], list[_Held]]:
    """One by one, because one of them cannot go."""
    ready: list[_Going] = []
    for row, messages in going:
        try:
            ready.append((row, prepare_messages(gw, messages, BY, known=known)))
        except (Unfit, Unconfirmed) as why:
            held.append((row, " ".join(finding.sentence for finding in why.findings)))
        except xml.Unreadable as why:
            held.append((row, why.problems[0].sentence))
        except Refusal as why:
            whom = " ".join(f"{codes.authority_name(to)} ({to})" for to in _recipients(row))
            held.append((row, f"{whom}: {why.sentence}"))
        except StoreUnavailable:
            raise
        except Exception as why:  # noqa: BLE001 - or one row would hold up the whole file
            log_failure("taking in a leaver", why)
            held.append((row, UNFORESEEN))
    return ready, held


def _recipients(row: _JudgedRow) -> tuple[str, ...]:
    match row.decision:
        case Transfer(to):
            return (to,)
        case Enquire(of):
            return of
    return ()


def _messages(gw: Gateway, row: _JudgedRow) -> list[Message]:
    """Return what goes out about a leaver, in one case."""
    notice = row.leaver.read.notice
    body: Body = notice
    if isinstance(row.decision, Enquire):
        body = leaver_rules.build_enquiry(notice, find_circulation(row.decision.of, gw.code))
    case = new_case_id(gw)
    return [Message(build_first_header(gw, case, to), body) for to in _recipients(row)]


def _draft(gw: Gateway, row: _JudgedRow, reason: str, file: str) -> NewDraft:
    draft = row.standing_draft
    held = drafts.HeldRow(
        row=row.leaver.row,
        leaver=row.leaver.read,
        file=file,
        number=row.leaver.number,
        reason=reason,
        digest=row.draft,
        open_draft=draft if draft and draft.state is DraftState.OPEN else None,
        corrects=row.corrects,
    )
    return drafts.build_draft(gw, held)


def _keep(
    tx: Tx, gw: Gateway, going: Sequence[_Going], made: Sequence[NewDraft]
) -> tuple[dict[str, SentRow], dict[str, Draft]]:
    """Queue what was not sent before, and remember it; keep the drafts.

    What was sent before, and the drafts as they stand.
    """
    # Again, for another process may have been quicker.
    before = intake.find_sent_by_digest(tx, [row.as_sent.digest for row, _ in going])
    if fresh := [(row, messages) for row, messages in going if row.as_sent.digest not in before]:
        sent = [replace(row.as_sent, message_id=messages[0].message_id) for row, messages in fresh]
        intake.add_sent_rows(tx, gw.now(), sent)
        queue_messages(tx, gw, [message for _, messages in fresh for message in messages])
        drafts.end_answered_drafts(tx, gw, sent)
    return before, drafts.write_drafts(tx, gw, made)


def _sent(row: _JudgedRow, messages: Sequence[QueuedNotice], before: Mapping[str, SentRow]) -> LeaverLine:
    earlier = before.get(row.as_sent.digest)
    to = " ".join(message.recipient for message in messages)
    if earlier:
        return LeaverLine(row.leaver.number, "before", to, earlier.message_id)
    return LeaverLine(row.leaver.number, "sent", to, messages[0].message_id)
