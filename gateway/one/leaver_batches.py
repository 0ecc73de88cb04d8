"""Rows of an extract to notices, enquiries and drafts: a few at a time, each once, whatever comes again.

A step asks the database first what was done about its rows before, so that nothing is sealed in vain; then checks,
signs and seals; then keeps all of it in one transaction. What was done is remembered by a digest of whom, when and
what, with what it said: a row that says other things of a child, or names another child with the same UPN, is not done,
and an officer looks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import Connection

from gateway import copies
from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core.draft_state import DraftState
from gateway.core.safeguards import KnownFacts
from gateway.core.search_status import find_circulation
from gateway.errors import Unconfirmed, Unfit
from gateway.exchange import known_children
from gateway.exchange.send import TOGETHER, build_first_header, new_case_id, prepare_messages, queue_messages
from gateway.logs import log_failure
from gateway.one import drafts, leaver_rules
from gateway.one.extracts import Ignored, Row
from gateway.one.leaver_rules import Decision, Enquire, Hold, Ignore, LeaverRow, Transfer
from gateway.one.table import Unread
from gateway.store import drafts as store_drafts
from gateway.store import intake
from gateway.store import postcodes as places
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

    found: _Found
    decision: Decision
    # Where to, or an enquiry: by which a notice is remembered, beside whom and when.
    what: str
    # What is remembered of it when it is sent; its message is not known yet.
    as_sent: SentRow
    # By which a draft is remembered.
    draft: str
    # Of the whole row.
    said: str
    # No other row of the file is of this child.
    alone: bool = True
    # The same was sent.
    before: SentRow | None = None
    kept: Draft | None = None
    # A notice of before in whose place it may go.
    corrects: MessageId | None = None

    @property
    def done(self) -> LeaverLine | None:
        """Return what there is to say where nothing is left to do."""
        number, kept = self.found.number, self.kept
        match self.decision:
            case Ignore(reason):
                return LeaverLine(number, "ignored", reason=reason)
            case Transfer(to) if self.before:
                return LeaverLine(number, "before", to, self.before.message_id)
            case Enquire() if self.before:
                return LeaverLine(number, "before", message_id=self.before.message_id)
            case Hold(reason) if kept and (
                kept.state is not DraftState.OPEN
                or (kept.said, kept.reason, kept.digest) == (self.said, reason, self.draft)
            ):
                return _waiting(number, kept, reason)
        return None


_Going = tuple[_JudgedRow, list[QueuedNotice]]
# With why.
_Held = tuple[_JudgedRow, str]


async def step(
    gw: Gateway, rows: Sequence[Numbered], ring: Officer, seen: dict[str, int], file: str
) -> list[LeaverLine]:
    """Do what is to be done about a few rows of this file, and say what became of each.

    `seen`: in which row a child stood.
    """
    found, lines = _read(rows, ring)
    judged = await gw.store.read(partial(_judge, gw=gw, found=found, seen=seen)) if found else []
    fresh = [one for one in judged if one.done is None]
    lines += [one.done for one in judged if one.done]
    going: list[_Going] = []
    held: list[_Held] = []
    for at in range(0, len(fresh), TOGETHER):
        some = fresh[at : at + TOGETHER]
        messages = [() if isinstance(one.decision, Hold) else _messages(gw, one) for one in some]
        notices = [message for those in messages for message in those]
        known = await gw.store.read(partial(known_children.look_up_known, gw=gw, notices=notices, of_rows=True))
        more, waiting = _sealed(gw, list(zip(some, messages, strict=True)), known)
        going, held = going + more, held + waiting
        await asyncio.sleep(0)
    if going or held:
        made = [_draft(gw, one, reason, file) for one, reason in held]
        before, drafted = await gw.store.write(partial(_keep, gw=gw, going=going, made=made))
        lines += [_sent(one, messages, before) for one, messages in going]
        lines += [_waiting(one.found.number, drafted[one.draft], reason) for one, reason in held]
    return sorted(lines, key=lambda line: line.row)


def _read(rows: Sequence[Numbered], ring: Officer) -> tuple[list[_Found], list[LeaverLine]]:
    """Return who left; and what there is to say of the rows that nobody left in, or that cannot be read."""
    found: list[_Found] = []
    lines: list[LeaverLine] = []
    for number, row in rows:
        if isinstance(row, Ignored):
            lines.append(LeaverLine(number, "ignored", reason=row.reason))
            continue
        read = row if isinstance(row, Unread) else leaver_rules.leaver(row, ring)
        if isinstance(read, LeaverRow) and not isinstance(row, Unread):
            found.append(_Found(number, row, read))
        elif isinstance(read, Unread):
            lines.append(LeaverLine(number, "refused", reason=read.reason))
    return found, lines


def _judge(tx: Connection, gw: Gateway, found: Sequence[_Found], seen: dict[str, int]) -> list[_JudgedRow]:
    """Return what is to be done about each row, and what was done about it before: few questions for all of them."""
    unplaced = {postcodes.normalise_postcode(one.read.postcode) for one in found if not one.read.destination}
    lies_in = places.find_postcode_authorities(tx, unplaced)
    judged = [_decided(gw, one, lies_in.get(postcodes.normalise_postcode(one.read.postcode)), seen) for one in found]
    same = intake.find_sent_by_digest(tx, [one.as_sent.digest for one in judged])
    of_child = intake.find_sent_by_child(tx, {one.as_sent.child or "" for one in judged})
    judged = [
        _compared(tx, gw, one, same.get(one.as_sent.digest), of_child.get(one.as_sent.child or "", []))
        for one in judged
    ]
    drafted = store_drafts.find_drafts_by_digest(tx, [one.draft for one in judged])
    again = {one.found.number: _again(gw, one) for one in judged if one.draft in drafted}
    drafted |= store_drafts.find_drafts_by_digest(tx, again.values()) if again else {}
    waiting = store_drafts.list_open_drafts(
        tx, {one.as_sent.child or "" for one in judged if isinstance(one.decision, Hold)}
    )
    return [_drafted(one, again.get(one.found.number, ""), drafted, waiting) for one in judged]


def _decided(gw: Gateway, one: _Found, lies_in: str | None, seen: dict[str, int]) -> _JudgedRow:
    """Return what is to be done about a row by itself, and beside those before it in the file."""
    decision = leaver_rules.decide(one.read, lies_in, gw.code, gw.config.one, gw.config.one_closures, gw.now().date())
    said = drafts.compute_leaver_digest(gw, drafts.format_row(one.row))
    name, alone = drafts.compute_leaving_digest(gw, one.read, "draft"), True
    what = decision.to if isinstance(decision, Transfer) else "enquiry" if isinstance(decision, Enquire) else ""
    as_sent = drafts.build_sent_row(gw, one.read, what, MessageId(""))
    child, person = as_sent.child or "", f"person {as_sent.person}"
    if not isinstance(decision, Ignore):
        if said in seen:
            decision = Ignore(f"This row is the same as row {seen[said]}.")
        elif child in seen:
            whose = "The same child" if person in seen else "Another child with this UPN, or the same child,"
            decision = Hold(f"{whose} is in row {seen[child]}, with different details.")
            name, alone = said, False
        for key in (said, child, person):
            seen.setdefault(key, one.number)
    return _JudgedRow(one, decision, what, as_sent, name, said, alone)


def _compared(
    tx: Connection, gw: Gateway, one: _JudgedRow, same: SentRow | None, of_child: Sequence[SentRow]
) -> _JudgedRow:
    """Was the same said before, or something else of this child, or of another child with its UPN?"""
    match one.decision:
        case Ignore():
            return one
        case Hold(reason):
            told = next((sent for sent in reversed(of_child) if sent.person == one.as_sent.person), None)
            if told is None or not one.alone:
                return one
            return replace(one, decision=Hold(f"{reason} {TOLD}"), corrects=told.message_id)
    if same and same.said is None:
        same = replace(same, person=_person_sent(tx, gw, same.message_id), said=one.as_sent.said)
        if same.person in (None, one.as_sent.person):
            return replace(one, before=same)
    elif same and same.said == one.as_sent.said:
        return replace(one, before=same)
    others = [sent for sent in of_child if sent.person]
    if same is None and not (others and all(sent.person != one.as_sent.person for sent in others)):
        return one
    told = same or others[-1]
    why = MENDED if drafts.may_be_same_person(told.person, one.as_sent.person) else ANOTHER
    return replace(one, decision=Hold(why), corrects=told.message_id)


def _person_sent(tx: Connection, gw: Gateway, message_id: MessageId) -> str | None:
    """Whom a notice named of which a version before this one remembered no more; None where that cannot be said any
    more.
    """
    copy = copies.take_sent(tx, gw, message_id, Machine.COMPARE)
    if not copy.is_held:
        return None
    body = copies.open_copy(gw, copy).body
    child = body.child if isinstance(body, TransferNotice | WhereaboutsEnquiry) else None
    return drafts.compute_person_digest(gw, child) if child else None


def _again(gw: Gateway, one: _JudgedRow) -> str:
    """The name of a draft of a row that says other things than one that has ended, or of another child with its UPN."""
    return drafts.compute_leaver_digest(gw, one.draft, one.what, one.as_sent.person or "", one.as_sent.said or "")


def _drafted(one: _JudgedRow, again: str, drafted: Mapping[str, Draft], waiting: Sequence[Draft]) -> _JudgedRow:
    """The row with the draft that it has, or whose place it takes, or would have if it cannot go: one open draft for
    each child.
    """
    kept, corrects = drafted.get(one.draft), one.corrects
    if not one.alone or (kept and _is_same(kept, one)):
        return replace(one, kept=kept)
    if kept and kept.state is DraftState.SENT and drafts.may_be_same_person(kept.person, one.as_sent.person):
        corrects = corrects or kept.message_id
    name = again if kept else one.draft
    whose = (one.as_sent.child, one.as_sent.person)
    open_one = next((it for it in waiting if (it.child, it.person) == whose), None)
    return replace(one, draft=name, kept=drafted.get(name) or open_one, corrects=corrects)


def _is_same(kept: Draft, one: _JudgedRow) -> bool:
    """Is it the draft of this row: still open, and of the same child; or ended, and nothing else is said by now?"""
    if kept.person not in (None, one.as_sent.person):
        return False
    if kept.state is DraftState.OPEN:
        return True
    return isinstance(one.decision, Hold) and kept.carried in (None, one.as_sent.said)


def _waiting(number: int, kept: Draft, reason: str) -> LeaverLine:
    match kept.state:
        case DraftState.SENT:
            return LeaverLine(number, "before", message_id=kept.message_id or MessageId(""), draft=kept.draft_id)
        case DraftState.DISCARDED:
            return LeaverLine(number, "before", reason="An officer discarded the leaver record.", draft=kept.draft_id)
        case DraftState.OPEN:
            return LeaverLine(number, "held", reason=reason, draft=kept.draft_id)


def _sealed(
    gw: Gateway, fresh: Sequence[tuple[_JudgedRow, Sequence[Message]]], known: Mapping[MessageId, KnownFacts]
) -> tuple[list[_Going], list[_Held]]:
    """Return the sealed messages of each row; and those about which an officer must look, with why."""
    held = [(one, one.decision.reason) for one, _ in fresh if isinstance(one.decision, Hold)]
    going = [(one, messages) for one, messages in fresh if not isinstance(one.decision, Hold)]
    try:
        ready = iter(prepare_messages(gw, [message for _, messages in going for message in messages], BY, known=known))
        return [(one, list(islice(ready, len(messages)))) for one, messages in going], held
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
    for one, messages in going:
        try:
            ready.append((one, prepare_messages(gw, messages, BY, known=known)))
        except (Unfit, Unconfirmed) as why:
            held.append((one, " ".join(finding.sentence for finding in why.findings)))
        except xml.Unreadable as why:
            held.append((one, why.problems[0].sentence))
        except Refusal as why:
            whom = " ".join(f"{codes.authority_name(to)} ({to})" for to in _recipients(one))
            held.append((one, f"{whom}: {why.sentence}"))
        except Exception as why:  # noqa: BLE001 - or one row would hold up the whole file
            log_failure("taking in a leaver", why)
            held.append((one, UNFORESEEN))
    return ready, held


def _recipients(one: _JudgedRow) -> tuple[str, ...]:
    match one.decision:
        case Transfer(to):
            return (to,)
        case Enquire(of):
            return of
    return ()


def _messages(gw: Gateway, one: _JudgedRow) -> list[Message]:
    """Return what goes out about a leaver, in one case."""
    notice = one.found.read.notice
    body: Body = notice
    if isinstance(one.decision, Enquire):
        body = leaver_rules.enquiry(notice, find_circulation(one.decision.of, gw.code))
    case = new_case_id(gw)
    return [Message(build_first_header(gw, case, to), body) for to in _recipients(one)]


def _draft(gw: Gateway, one: _JudgedRow, reason: str, file: str) -> NewDraft:
    found = one.found
    at = one.kept if one.kept and one.kept.state is DraftState.OPEN else None
    return drafts.build_draft(gw, found.row, found.read, one.draft, reason, file, found.number, at, one.corrects)


def _keep(
    tx: Connection, gw: Gateway, going: Sequence[_Going], made: Sequence[NewDraft]
) -> tuple[dict[str, SentRow], dict[str, Draft]]:
    """Queue what was not sent before, and remember it; keep the drafts.

    What was sent before, and the drafts as they stand.
    """
    # Again, for another process may have been quicker.
    before = intake.find_sent_by_digest(tx, [one.as_sent.digest for one, _ in going])
    if fresh := [(one, messages) for one, messages in going if one.as_sent.digest not in before]:
        sent = [replace(one.as_sent, message_id=messages[0].message_id) for one, messages in fresh]
        intake.add_sent_rows(tx, gw.now(), sent)
        queue_messages(tx, gw, [message for _, messages in fresh for message in messages])
        drafts.end_answered_drafts(tx, gw, sent)
    return before, drafts.write_drafts(tx, gw, made)


def _sent(one: _JudgedRow, messages: Sequence[QueuedNotice], before: Mapping[str, SentRow]) -> LeaverLine:
    earlier = before.get(one.as_sent.digest)
    to = " ".join(message.recipient for message in messages)
    if earlier:
        return LeaverLine(one.found.number, "before", to, earlier.message_id)
    return LeaverLine(one.found.number, "sent", to, messages[0].message_id)
