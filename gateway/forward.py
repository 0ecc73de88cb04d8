"""Rows of an extract to notices, enquiries and drafts: a few at a time, each once, whatever comes again.

Every step asks the database first what was done about these rows before, so that nothing is sealed in vain; then checks, signs
and seals; then keeps all of it in one transaction. What was done is remembered by a digest of whom, when and what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import Connection

from gateway import drafts, leavers, postcodes
from gateway.authority import Authority
from gateway.errors import Unfit
from gateway.extracts import Ignored, Row, Unread
from gateway.leavers import Decision, Enquire, Hold, Ignore, Leaver, Transfer
from gateway.send import first_header, new_case, prepare, queue
from gateway.store import drafts as store_drafts
from gateway.store import intake
from gateway.store import postcodes as places
from gateway.store.drafts import Draft, Made, State
from gateway.store.outbox import Queued
from keys.errors import Refusal
from schemas import codes, xml
from schemas.message import Message, Officer

TOGETHER = 32  # rows in one step; after them, other work has its turn
BY = "ONE"

Result = Literal["sent", "before", "held", "ignored", "refused"]
Numbered = tuple[int, Row | Unread | Ignored]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a row."""

    row: int
    result: Result
    to: str = ""
    message_id: str = ""
    reason: str = ""
    draft: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """A row that can be read."""

    number: int
    row: Row
    read: Leaver


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row, what is to be done about it, and what was done before."""

    found: _Found
    decision: Decision
    digest: str  # by which a notice or an enquiry is remembered
    draft: str  # by which a draft is
    said: str  # of the whole row
    sent: str | None = None
    kept: Draft | None = None


_Ready = tuple[_Judged, list[Queued]]


async def step(here: Authority, rows: Sequence[Numbered], ring: Officer, seen: dict[str, int], file: str) -> list[Line]:
    """Do what is to be done about a few rows of this file, and say what became of each. `seen`: in which row a child stood."""
    lines: list[Line] = []
    found: list[_Found] = []
    for number, row in rows:
        read = row if isinstance(row, Unread | Ignored) else leavers.leaver(row, ring)
        if isinstance(read, Unread):
            lines.append(Line(number, "refused", reason=read.reason))
        elif isinstance(read, Ignored):
            lines.append(Line(number, "ignored", reason=read.reason))
        elif not isinstance(row, Unread | Ignored):
            found.append(_Found(number, row, read))
    judged = await here.store.read(partial(_judge, here=here, found=found, seen=seen)) if found else []
    lines += [line for one in judged if (line := _done(one))]
    ready, held = _sealed(here, [one for one in judged if _done(one) is None])
    made = [_draft(here, one, reason, file) for one, reason in held]
    if ready or made:
        before, drafted = await here.store.write(partial(_keep, here=here, ready=ready, made=made))
        lines += [_sent(one, messages, before) for one, messages in ready]
        lines += [_held(one, reason, drafted) for one, reason in held]
    return sorted(lines, key=lambda line: line.row)


def _judge(tx: Connection, here: Authority, found: Sequence[_Found], seen: dict[str, int]) -> list[_Judged]:
    """What is to be done about each row, and what was done about it before: few questions for all of them."""
    unplaced = {postcodes.normal(one.read.postcode) for one in found if not one.read.destination}
    lies_in = places.find_all(tx, unplaced)
    judged = [_decided(here, one, lies_in.get(postcodes.normal(one.read.postcode)), seen) for one in found]
    sent = intake.known(tx, [one.digest for one in judged])
    drafted = store_drafts.known(tx, [one.draft for one in judged])
    return [replace(one, sent=sent.get(one.digest), kept=drafted.get(one.draft)) for one in judged]


def _decided(here: Authority, one: _Found, lies_in: str | None, seen: dict[str, int]) -> _Judged:
    decision = leavers.decide(one.read, lies_in, here.code, here.config.one, here.config.one_closures)
    child, said = drafts.digest(here, *one.read.child), drafts.digest(here, drafts.text(one.row))
    name = drafts.leaving(here, one.read, "draft")
    if not isinstance(decision, Ignore):
        if said in seen:
            decision = Ignore(f"The same row stands in row {seen[said]}.")
        elif child in seen:
            decision, name = Hold(f"The same child stands in row {seen[child]}, where other things are said."), said
        seen.setdefault(said, one.number)
        seen.setdefault(child, one.number)
    match decision:
        case Transfer(to):
            digest = drafts.leaving(here, one.read, to)
        case Enquire():
            digest = drafts.leaving(here, one.read, "enquiry")
        case _:
            digest = ""
    return _Judged(one, decision, digest, name, said)


def _done(one: _Judged) -> Line | None:
    """What there is to say of a row about which nothing is left to do."""
    number, kept = one.found.number, one.kept
    match one.decision:
        case Ignore(reason):
            return Line(number, "ignored", reason=reason)
        case Transfer(to) if one.sent:
            return Line(number, "before", to, one.sent)
        case Enquire() if one.sent:
            return Line(number, "before", message_id=one.sent)
        case Hold(reason) if kept and (kept.state is not State.OPEN or (kept.said, kept.reason) == (one.said, reason)):
            return _waiting(number, kept, reason)
    return None


def _waiting(number: int, kept: Draft, reason: str) -> Line:
    match kept.state:
        case State.SENT:
            return Line(number, "before", message_id=kept.message_id or "", draft=kept.draft_id)
        case State.DISCARDED:
            return Line(number, "before", reason="An officer discarded the draft.", draft=kept.draft_id)
        case State.OPEN:
            return Line(number, "held", reason=reason, draft=kept.draft_id)


def _sealed(here: Authority, fresh: Sequence[_Judged]) -> tuple[list[_Ready], list[tuple[_Judged, str]]]:
    """The sealed messages of each row; and those about which an officer must look, with why."""
    held = [(one, one.decision.reason) for one in fresh if isinstance(one.decision, Hold)]
    going = [(one, _messages(here, one)) for one in fresh if not isinstance(one.decision, Hold)]
    try:
        ready = iter(prepare(here, [message for _, messages in going for message in messages], BY))
        return [(one, list(islice(ready, len(messages)))) for one, messages in going], held
    except (Unfit, xml.Unreadable, Refusal):
        return _sealed_alone(here, going, held)


def _sealed_alone(
    here: Authority, going: Sequence[tuple[_Judged, list[Message]]], held: list[tuple[_Judged, str]]
) -> tuple[list[_Ready], list[tuple[_Judged, str]]]:
    """One by one, because one of them cannot go."""
    ready: list[_Ready] = []
    for one, messages in going:
        try:
            ready.append((one, prepare(here, messages, BY)))
        except Unfit as why:
            held.append((one, " ".join(finding.sentence for finding in why.findings)))
        except xml.Unreadable as why:
            held.append((one, why.problems[0].sentence))
        except Refusal as why:
            whom = " ".join(f"{codes.authority_name(to)} ({to})" for to in _recipients(one))
            held.append((one, f"{whom}: {why.sentence}"))
    return ready, held


def _recipients(one: _Judged) -> tuple[str, ...]:
    match one.decision:
        case Transfer(to):
            return (to,)
        case Enquire(of):
            return of
    return ()


def _messages(here: Authority, one: _Judged) -> list[Message]:
    """What goes out about a leaver, in one case."""
    notice = one.found.read.notice
    body = leavers.enquiry(notice) if isinstance(one.decision, Enquire) else notice
    case = new_case(here)
    return [Message(first_header(here, case, to), body) for to in _recipients(one)]


def _draft(here: Authority, one: _Judged, reason: str, file: str) -> Made:
    found = one.found
    return drafts.make(here, found.row, found.read, one.draft, reason, file, found.number, one.kept)


def _keep(
    tx: Connection, here: Authority, ready: Sequence[_Ready], made: Sequence[Made]
) -> tuple[dict[str, str], dict[str, Draft]]:
    """Queue what was not sent before, and remember it; keep the drafts. What was sent before, and the drafts as they stand."""
    before = intake.known(tx, [one.digest for one, _ in ready])
    if fresh := [(one, messages) for one, messages in ready if one.digest not in before]:
        intake.remember(tx, here.now(), {one.digest: messages[0].message_id for one, messages in fresh})
        queue(tx, here, [message for _, messages in fresh for message in messages])
        told = {drafts.digest(here, *one.found.read.child): messages[0].message_id for one, messages in fresh}
        drafts.answered(tx, here, told)
    return before, drafts.keep(tx, here, made)


def _sent(one: _Judged, messages: Sequence[Queued], before: Mapping[str, str]) -> Line:
    result: Result = "before" if one.digest in before else "sent"
    to = " ".join(message.recipient for message in messages)
    return Line(one.found.number, result, to, before.get(one.digest, messages[0].message_id))


def _held(one: _Judged, reason: str, drafted: Mapping[str, Draft]) -> Line:
    return _waiting(one.found.number, drafted[one.draft], reason)
