"""Rows of an extract to notices, enquiries and drafts: a few at a time, each once, whatever comes again.

A step asks the database first what was done about its rows before, so that nothing is sealed in vain; then checks, signs and
seals; then keeps all of it in one transaction. What was done is remembered by a digest of whom, when and what.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import Connection

from gateway.authorities import postcodes
from gateway.authority import Authority
from gateway.core.safeguards import Known
from gateway.core.searching import circulation
from gateway.errors import Unconfirmed, Unfit
from gateway.exchange import known_children
from gateway.exchange.send import TOGETHER, first_header, new_case, prepare, queue
from gateway.logs import failed
from gateway.one import drafts, leavers
from gateway.one.extracts import Ignored, Row
from gateway.one.leavers import Decision, Enquire, Hold, Ignore, Leaver, Transfer
from gateway.one.table import Unread
from gateway.store import drafts as store_drafts
from gateway.store import intake
from gateway.store import postcodes as places
from gateway.store.drafts import Draft, Made, State
from gateway.store.outbox import Queued
from keys.errors import Refusal
from schemas import codes, xml
from schemas.message import Body, Message, Officer

STEP = 128  # rows in one transaction: some tens of milliseconds for the database
BY = "ONE"
UNFORESEEN = "Something went wrong that should not have: please report it, with the line in the log."

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
    child: str
    said: str  # of the whole row
    sent: str | None = None
    kept: Draft | None = None

    @property
    def done(self) -> Line | None:
        """What there is to say where nothing is left to do."""
        number, kept = self.found.number, self.kept
        match self.decision:
            case Ignore(reason):
                return Line(number, "ignored", reason=reason)
            case Transfer(to) if self.sent:
                return Line(number, "before", to, self.sent)
            case Enquire() if self.sent:
                return Line(number, "before", message_id=self.sent)
            case Hold(reason) if kept and (
                kept.state is not State.OPEN or (kept.said, kept.reason) == (self.said, reason)
            ):
                return _waiting(number, kept, reason)
        return None


_Going = tuple[_Judged, list[Queued]]
_Held = tuple[_Judged, str]  # with why


async def step(here: Authority, rows: Sequence[Numbered], ring: Officer, seen: dict[str, int], file: str) -> list[Line]:
    """Do what is to be done about a few rows of this file, and say what became of each. `seen`: in which row a child stood."""
    found, lines = _read(rows, ring)
    judged = await here.store.read(partial(_judge, here=here, found=found, seen=seen)) if found else []
    fresh = [one for one in judged if one.done is None]
    lines += [one.done for one in judged if one.done]
    going: list[_Going] = []
    held: list[_Held] = []
    for at in range(0, len(fresh), TOGETHER):
        some = fresh[at : at + TOGETHER]
        messages = [() if isinstance(one.decision, Hold) else _messages(here, one) for one in some]
        notices = [message for those in messages for message in those]
        known = await here.store.read(partial(known_children.look_up, here=here, notices=notices))
        more, waiting = _sealed(here, list(zip(some, messages, strict=True)), known)
        going, held = going + more, held + waiting
        await asyncio.sleep(0)
    if going or held:
        made = [_draft(here, one, reason, file) for one, reason in held]
        before, drafted = await here.store.write(partial(_keep, here=here, going=going, made=made))
        lines += [_sent(one, messages, before) for one, messages in going]
        lines += [_waiting(one.found.number, drafted[one.draft], reason) for one, reason in held]
    return sorted(lines, key=lambda line: line.row)


def _read(rows: Sequence[Numbered], ring: Officer) -> tuple[list[_Found], list[Line]]:
    """Who left; and what there is to say of the rows that nobody left in, or that cannot be read."""
    found: list[_Found] = []
    lines: list[Line] = []
    for number, row in rows:
        if isinstance(row, Ignored):
            lines.append(Line(number, "ignored", reason=row.reason))
            continue
        read = row if isinstance(row, Unread) else leavers.leaver(row, ring)
        if isinstance(read, Leaver) and not isinstance(row, Unread):
            found.append(_Found(number, row, read))
        elif isinstance(read, Unread):
            lines.append(Line(number, "refused", reason=read.reason))
    return found, lines


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
    return _Judged(one, decision, digest, name, child, said)


def _waiting(number: int, kept: Draft, reason: str) -> Line:
    match kept.state:
        case State.SENT:
            return Line(number, "before", message_id=kept.message_id or "", draft=kept.draft_id)
        case State.DISCARDED:
            return Line(number, "before", reason="An officer discarded the draft.", draft=kept.draft_id)
        case State.OPEN:
            return Line(number, "held", reason=reason, draft=kept.draft_id)


def _sealed(
    here: Authority, fresh: Sequence[tuple[_Judged, Sequence[Message]]], known: Mapping[str, Known]
) -> tuple[list[_Going], list[_Held]]:
    """The sealed messages of each row; and those about which an officer must look, with why."""
    held = [(one, one.decision.reason) for one, _ in fresh if isinstance(one.decision, Hold)]
    going = [(one, messages) for one, messages in fresh if not isinstance(one.decision, Hold)]
    try:
        ready = iter(prepare(here, [message for _, messages in going for message in messages], BY, known=known))
        return [(one, list(islice(ready, len(messages)))) for one, messages in going], held
    except Exception:  # noqa: BLE001 - whatever it is: it is looked for among them
        return _sealed_alone(here, going, held, known)


def _sealed_alone(
    here: Authority,
    going: Sequence[tuple[_Judged, Sequence[Message]]],
    held: list[_Held],
    known: Mapping[str, Known],
) -> tuple[list[_Going], list[_Held]]:
    """One by one, because one of them cannot go."""
    ready: list[_Going] = []
    for one, messages in going:
        try:
            ready.append((one, prepare(here, messages, BY, known=known)))
        except (Unfit, Unconfirmed) as why:
            held.append((one, " ".join(finding.sentence for finding in why.findings)))
        except xml.Unreadable as why:
            held.append((one, why.problems[0].sentence))
        except Refusal as why:
            whom = " ".join(f"{codes.authority_name(to)} ({to})" for to in _recipients(one))
            held.append((one, f"{whom}: {why.sentence}"))
        except Exception as why:  # noqa: BLE001 - or one row would hold up the whole file
            failed("taking in a leaver", why)
            held.append((one, UNFORESEEN))
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
    body: Body = notice
    if isinstance(one.decision, Enquire):
        body = leavers.enquiry(notice, circulation(one.decision.of, here.code))
    case = new_case(here)
    return [Message(first_header(here, case, to), body) for to in _recipients(one)]


def _draft(here: Authority, one: _Judged, reason: str, file: str) -> Made:
    found = one.found
    return drafts.make(here, found.row, found.read, one.draft, reason, file, found.number, one.kept)


def _keep(
    tx: Connection, here: Authority, going: Sequence[_Going], made: Sequence[Made]
) -> tuple[dict[str, str], dict[str, Draft]]:
    """Queue what was not sent before, and remember it; keep the drafts. What was sent before, and the drafts as they stand."""
    before = intake.known(tx, [one.digest for one, _ in going])  # again, for another process may have been quicker
    if fresh := [(one, messages) for one, messages in going if one.digest not in before]:
        intake.remember(tx, here.now(), {one.digest: messages[0].message_id for one, messages in fresh})
        queue(tx, here, [message for _, messages in fresh for message in messages])
        drafts.answered(tx, here, {one.child: messages[0].message_id for one, messages in fresh})
    return before, drafts.keep(tx, here, made)


def _sent(one: _Judged, messages: Sequence[Queued], before: Mapping[str, str]) -> Line:
    result: Result = "before" if one.digest in before else "sent"
    to = " ".join(message.recipient for message in messages)
    return Line(one.found.number, result, to, before.get(one.digest, messages[0].message_id))
