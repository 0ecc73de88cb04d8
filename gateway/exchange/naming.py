"""What came names other messages: which, under which case it lies here, and what comes of it.

`core/replies.py` says what fits; here it is asked, for all messages of one delivery together. All of them are by one sender.

A case lies here under the id that its opener gave it. Only who opened it may add notices to it: a notice by anybody else, under the
same id, lies in a case of its own, which has an id of ours (`said_case` keeps theirs, and answers go by that). It is not refused, for
it is about a child; and whoever hears of a case could otherwise have a notice of its opener refused by being there first.
A reply lies in the case of the message that it names, whatever case it says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from sqlalchemy import Connection

from gateway.core import replies
from gateway.core.causes import ENDED, find_cause
from gateway.core.delivery import RECEIPT_WAIT, State
from gateway.core.inbox_state import Standing
from gateway.core.replies import By, Judged, Misfit, Named, Said
from gateway.store import inbox, outbox
from gateway.store.inbox import Arrived, InCase
from schemas.identifiers import uuid7
from schemas.message import OPENS_A_CASE, SEARCHES, Acknowledgement, Message, WhereaboutsResponse

UNRECEIPTED = (  # states in which their answer may have come before their receipt
    *(State.QUEUED, State.SENT, State.FAILED),
    *(State.CONCLUDED, State.CLOSED, State.WITHDRAWN),
)
Came = tuple[Arrived, Message]


@dataclass(slots=True)
class Known:
    """What the messages of one delivery name, as it stood before they came, and as they change it."""

    sender: str
    ours: dict[str, Named]
    theirs: dict[str, Named]
    cases: dict[str, list[InCase]]  # what came, by the case that its sender names, and by the one in which it lies
    opened: dict[str, datetime]  # when we opened it
    shared: set[str]  # in which we sent something to this sender
    own: dict[str, str] = field(default_factory=dict)  # cases of its own, by the id that it gave them


def look(tx: Connection, came: Sequence[Came]) -> Known:
    """Read it: a few questions, however many messages there are."""
    sender = came[0][0].sender
    ids = {name for arrived, _ in came for name, _ in _names(arrived)}
    ours = outbox.named(tx, ids) if ids else {}
    theirs = inbox.named(tx, sender, ids) if ids else {}
    for arrived, _ in came:
        if arrived.message_id in ids and arrived.message_id not in theirs:
            theirs[arrived.message_id] = _as_named(arrived)
    known = {*ours, *theirs}
    strange = [arrived for arrived, _ in came if not any(name in known for name, _ in _names(arrived))]
    asked = {one.conversation_id for one in strange} | {a.conversation_id for a, _ in came if a.kind in OPENS_A_CASE}
    lying = inbox.in_cases(tx, asked) if asked else []
    lying += [_as_lying(arrived) for arrived, _ in came if arrived.conversation_id in asked]
    unknown = {one.conversation_id for one in strange if one.kind not in OPENS_A_CASE}
    return Known(
        sender,
        ours,
        theirs,
        {case: [one for one in lying if case in (one.case, one.said_case)] for case in asked},
        outbox.opened(tx, asked) if asked else {},
        outbox.cases_with(tx, sender, unknown) if unknown else set(),
    )


def _as_lying(arrived: Arrived) -> InCase:
    """One of this delivery, as if it lay there already; but after all that does, whatever its sender says of the time."""
    return InCase(
        arrived.sender,
        arrived.message_id,
        arrived.conversation_id,
        arrived.said_case,
        arrived.kind,
        arrived.in_reply_to,
        arrived.test,
        arrived.state,
        datetime.max.replace(tzinfo=UTC),
        arrived.created_at,
    )


def _names(arrived: Arrived) -> Iterator[tuple[str, By]]:
    """What it names. A correction that also answers what it replaces says so once."""
    if arrived.supersedes:
        yield arrived.supersedes, By.CORRECTION
    if arrived.in_reply_to and arrived.in_reply_to != arrived.supersedes:
        yield arrived.in_reply_to, By.REPLY


def _as_named(arrived: Arrived) -> Named:
    case = arrived.said_case or arrived.conversation_id
    return Named(arrived.kind, False, arrived.sender, case, arrived.test, arrived.state, arrived.conversation_id)


def _said(arrived: Arrived, message: Message, by: By) -> Said:
    decision = message.body.decision if isinstance(message.body, Acknowledgement) else None
    case = arrived.said_case or arrived.conversation_id
    return Said(arrived.kind, decision, arrived.sender, case, arrived.test, by)


def _judge(known: Known, arrived: Arrived, message: Message, name: str, by: By) -> tuple[Judged, Named | None]:
    """An id may name a message of ours and one of theirs: then the one that it fits better."""
    said = _said(arrived, message, by)
    found = [named for named in (known.ours.get(name), known.theirs.get(name)) if named]
    judged = [(replies.judge(said, named), named) for named in found]
    fits = [one for one in judged if not one[0].refused and one[0].misfit is None]
    kept = [one for one in judged if not one[0].refused]
    return next(iter([*fits, *kept, *judged]), (replies.judge(said, None), None))


def place(known: Known, arrived: Arrived, message: Message) -> Arrived | None:
    """The message, with the case under which it lies here and whether it fits; None where it is refused."""
    judged = [_judge(known, arrived, message, name, by) for name, by in _names(arrived)]
    if not judged and arrived.kind == "LocatedNotice":
        judged = [(_located(known, arrived), None)]
    if any(one.refused for one, _ in judged):
        return None
    if arrived.kind in OPENS_A_CASE:
        fits = next((named for one, named in judged if named and one.misfit is None), None)
        return _in_case(arrived, fits.case_here if fits else _own_case(known, arrived))
    verdict, named = judged[-1]  # what it answers; or, if it answers nothing, what it replaces
    misfit = verdict.misfit if verdict.misfit is not Misfit.LATE or named is None else None
    if misfit is Misfit.UNKNOWN and arrived.conversation_id not in known.shared:
        return replace(_in_case(arrived, _own_case(known, arrived)), state=Standing.ABOUT_NOTHING, misfit=misfit)
    arrived = _in_case(arrived, named.case_here) if named else arrived
    return replace(arrived, state=Standing.DOES_NOT_FIT, misfit=misfit) if misfit else arrived


def _in_case(arrived: Arrived, case: str) -> Arrived:
    if case == arrived.conversation_id:
        return arrived
    return replace(arrived, conversation_id=case, said_case=arrived.conversation_id)


def _own_case(known: Known, arrived: Arrived) -> str:
    """The case of what names none that we know: its own where this sender opened it or nobody did, else one by itself."""
    case, sender = arrived.conversation_id, arrived.sender
    lying = known.cases.get(case, [])
    openers = [(one.received_at, one.sender) for one in lying if one.case == case and one.kind in OPENS_A_CASE]
    opened_by = min(openers, default=None)
    ours = known.opened.get(case)
    if ours is None and (opened_by is None or opened_by[1] == sender):
        return case
    if ours and opened_by and opened_by[1] == sender and opened_by[0] < ours:
        return case
    before = next((one.case for one in lying if one.said_case == case and one.sender == sender), None)
    return known.own.setdefault(case, before or uuid7(arrived.created_at, token_bytes(10)))


def take_effect(tx: Connection, now: datetime, known: Known, arrived: Arrived, message: Message) -> Misfit | None:
    """Move on what it names, where it fits; put it aside where that came too late. Why it has no effect, if it has none."""
    names = list(_names(arrived))
    late = False
    for name, by in names:
        if arrived.misfit is not None and by is By.REPLY:
            return arrived.misfit
        judged, named = _judge(known, arrived, message, name, by)
        if judged.effect and named and not _is_overtaken(tx, arrived):
            late = not _move(tx, now, known, arrived, name, named, judged.effect, find_cause(message.body))
        elif judged.misfit is Misfit.LATE and by is By.REPLY:
            late = not _is_overtaken(tx, arrived)
        if named and named.ours and judged.misfit in (None, Misfit.LATE) and named.state in UNRECEIPTED:
            wait = RECEIPT_WAIT if named.state is State.SENT else timedelta(0)  # it may be on its way
            outbox.ask_receipt(tx, name, arrived.sender, now + wait)
    if arrived.misfit is not None:
        return arrived.misfit
    if not names and arrived.kind == "LocatedNotice":
        _end_searches(tx, now, arrived)
    if not late or arrived.kind in OPENS_A_CASE or _is_by_machine(message):
        return None
    inbox.set_aside(tx, now, arrived.sender, arrived.message_id, Standing.DOES_NOT_FIT, Misfit.LATE)
    return Misfit.LATE


def _is_by_machine(message: Message) -> bool:
    """No officer wrote it, so none is to be asked about it."""
    return isinstance(message.body, WhereaboutsResponse) and message.body.answered_by == "machine"


def _is_overtaken(tx: Connection, arrived: Arrived) -> bool:
    """Is it an acknowledgement, and its sender's newer word on the same message came first?"""
    return (
        arrived.kind == "Acknowledgement"
        and arrived.in_reply_to is not None
        and inbox.said_later(
            tx, arrived.sender, arrived.in_reply_to, arrived.message_id, arrived.created_at, arrived.sequence
        )
    )


def _move(
    tx: Connection,
    now: datetime,
    known: Known,
    arrived: Arrived,
    name: str,
    named: Named,
    to: State | Standing,
    cause: str | None,
) -> bool:
    """False where somebody else moved it just now."""
    if isinstance(to, Standing):
        known.theirs[name] = replace(named, state=to)
        return inbox.mark(tx, now, arrived.sender, name, to, cause=cause)
    known.ours[name] = replace(named, state=to)
    return outbox.advance(tx, now, name, arrived.sender, to, cause=cause)


def _located(known: Known, arrived: Arrived) -> Judged:
    """One that names no notice is about its sender's own searches in the case; refused where its notices there search for nobody."""
    mine = [one for one in known.cases[arrived.conversation_id] if _opens(one, arrived)]
    judged = [_ends(one, arrived) for one in mine]
    fits = [one for one in judged if not one.refused and one.misfit is None]
    kept = [one for one in judged if not one.refused]
    return next(iter([*fits, *kept, *judged]), Judged(misfit=Misfit.UNKNOWN))


def _ends(one: InCase, located: Arrived) -> Judged:
    case = located.said_case or located.conversation_id
    judged = replies.judge(Said(located.kind, None, located.sender, case, located.test), one.named)
    if judged.effect and one.created_at > located.created_at:
        return Judged(misfit=Misfit.LATE)  # they ask again since
    return judged


def _opens(one: InCase, arrived: Arrived) -> bool:
    case = arrived.said_case or arrived.conversation_id
    return one.sender == arrived.sender and one.kind in OPENS_A_CASE and (one.said_case or one.case) == case


def _end_searches(tx: Connection, now: datetime, arrived: Arrived) -> None:
    """Those of its sender's searches in the case that were written before it."""
    for one in inbox.in_cases(tx, [arrived.said_case or arrived.conversation_id]):
        if _opens(one, arrived) and isinstance(effect := _ends(one, arrived).effect, Standing):
            inbox.mark(tx, now, one.sender, one.message_id, effect, cause=ENDED)


def catch_up(tx: Connection, now: datetime, known: Known, new: Sequence[Arrived]) -> None:
    """What its sender took back, corrected or located may come after the message that says so."""
    standing = {one.message_id: known.theirs.get(one.message_id) or _as_named(one) for one in new}
    for early in inbox.overtakers(tx, known.sender, list(standing)):
        judged = replies.judge(early.said, standing[early.names])
        if isinstance(judged.effect, Standing):
            inbox.mark(
                tx,
                now,
                known.sender,
                early.names,
                judged.effect,
                cause=ENDED if early.said.kind == "LocatedNotice" else None,
            )
            standing[early.names] = replace(standing[early.names], state=judged.effect)
        if not judged.refused and judged.misfit is None and early.said.kind not in OPENS_A_CASE:
            inbox.mark(tx, now, known.sender, early.message_id, Standing.FILED)
    for one in new:
        if one.kind in SEARCHES:
            _was_located(tx, now, known, one)


def _was_located(tx: Connection, now: datetime, known: Known, search: Arrived) -> None:
    case = search.said_case or search.conversation_id
    for one in known.cases.get(case, []):
        located = one.kind == "LocatedNotice" and one.in_reply_to is None and one.sender == search.sender
        if located and one.test == search.test and one.created_at >= search.created_at:
            inbox.mark(tx, now, search.sender, search.message_id, Standing.CONCLUDED, cause=ENDED)
            inbox.mark(tx, now, one.sender, one.message_id, Standing.FILED)
