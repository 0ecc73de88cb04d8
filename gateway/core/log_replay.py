"""How a message may stand by what the audit log tells of it: the log is replayed, one act after the other. Pure.

What moved a message has an entry, of its own or of the message that answered it. Where an act need not have had an effect
(an answer that a later one had overtaken), both are possible. So what is found here is certain, and no honest row is blamed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.core.delivery import DECIDED as THEY_DECIDED
from gateway.core.delivery import State, may_move
from gateway.core.inbox_state import DECIDED as WE_DECIDED
from gateway.core.inbox_state import MAY_BECOME, Standing
from schemas.message import OPENS_A_CASE

S = TypeVar("S", State, Standing)
NEAR = timedelta(seconds=60)  # between two looks at the clock within one transaction, which may wait for a lock
ACTS = {  # on a notice of ours, and where each leaves it
    "notice.sent": State.SENT,
    "notice.failed": State.FAILED,
    "receipt.verified": State.RECEIVED,
    "notice.rejected": State.REJECTED,
    "notice.accepted-by-mail": State.ACCEPTED_BY_MAIL,
    "notice.not-accepted": State.REJECTED,
    "notice.not-from-a-person": State.SENT,
    "notice.came-back": State.FAILED,
    "notice.outcome-told": State.CLOSED,
    "case.closed": State.CLOSED,
    "notice.sent-on": State.CLOSED,
    "notice.withdrawn": State.WITHDRAWN,
    "notice.retried": State.QUEUED,
}
OF_TRIES = {"notice.sent", "notice.failed"}  # what no try's end moves, a person said, and stands
TRIED = frozenset({State.QUEUED, State.SENT, State.FAILED})
ANSWERED = frozenset(
    {State.ACKNOWLEDGED, State.ACCEPTED_BY_MAIL}
)  # of logs of before: any reply by mail did it, by itself
OF_ENDS = frozenset({State.CONCLUDED, State.CLOSED})  # from which only a statement, which writes nothing, queues anew
OF_THE_CASE = {  # on all searches of a case
    "case.stood-down": frozenset({State.CONCLUDED, State.WITHDRAWN}),
    "search.sent": frozenset({State.WITHDRAWN}),
}
REPLY = "reply"  # the name under which a message is told of that answers, ends or replaces another
TAKES_BACK = frozenset({Standing.WITHDRAWN, Standing.SUPERSEDED, Standing.CONCLUDED})


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that the log tells of a message: an act on it, or a message about it."""

    number: int
    at: datetime
    act: str
    kind: str = ""  # of a message about it
    decision: str | None = None  # of an acknowledgement; None where the log does not say
    effect: bool = True  # False: the log says that it had none


def stands_sent(state: State, state_at: datetime, queued_at: datetime, told: Sequence[Told]) -> bool:
    """May a notice of ours stand so?"""
    possible: frozenset[State] = frozenset({State.QUEUED})
    near, last = [(queued_at, possible)], queued_at
    answered = False
    for one in sorted(told, key=lambda one: one.number):
        to, surely = _moves_sent(one, answered)
        answered |= one.act == REPLY
        if not to:
            continue
        may = _try_may_move if one.act in OF_TRIES else may_move
        possible = _after(possible, to, may, surely=surely and not possible & OF_ENDS)
        near.append((one.at, to))
        last = max(last, one.at)
    if state is State.QUEUED:  # after a try that failed, or because a statement said that it is not there
        return state in possible or state_at > last
    return state in possible and _is_near(state, state_at, near)


def _try_may_move(old: State, new: State) -> bool:
    return old in TRIED and may_move(old, new)


def _moves_sent(one: Told, answered: bool) -> tuple[frozenset[State], bool]:
    """Where to; and is that certain?"""
    if one.act in ACTS:
        return frozenset({ACTS[one.act]}), True
    if one.act == "notice.answered":
        return ANSWERED, False
    if one.act in OF_THE_CASE:
        return OF_THE_CASE[one.act], False
    if one.act != REPLY or not one.effect:
        return frozenset(), False
    if one.kind == "Acknowledgement":
        decided = {THEY_DECIDED[one.decision]} if one.decision in THEY_DECIDED else set(THEY_DECIDED.values())
        return frozenset(decided), not answered
    ends = one.kind in ("Outcome", "WhereaboutsResponse")
    return frozenset({State.CONCLUDED} if ends else ()), ends


def stands_came(kind: str, state: Standing, state_at: datetime, received_at: datetime, told: Sequence[Told]) -> bool:
    """May a message of theirs stand so?"""
    opens = kind in OPENS_A_CASE
    possible = frozenset({Standing.NEW if opens else Standing.FILED})
    near = [(received_at, possible)]
    for one in sorted(told, key=lambda one: one.number):
        to, surely = _moves_came(one)
        if not to:
            continue
        possible = _after(possible, to, _may_become, surely=surely)
        near += (
            [(one.at, to), (received_at, to)] if one.act == "theirs" else [(one.at, to)]
        )  # it may come before this one
    if state is Standing.NEW:
        return state in possible and state_at == received_at
    if state is Standing.FILED and any(one.act == "reply.without-effect" for one in told):
        return True  # what it names came after it
    return state in possible and _is_near(state, state_at, near)


def _may_become(old: Standing, new: Standing) -> bool:
    return new in MAY_BECOME[old]


def _moves_came(one: Told) -> tuple[frozenset[Standing], bool]:
    if one.act == "reply.without-effect":
        return frozenset({Standing.DOES_NOT_FIT, Standing.ABOUT_NOTHING}), False
    if one.act == "reply.put-aside":
        return frozenset({Standing.FILED}), False
    if one.act == "theirs":  # what its sender said of it later
        return TAKES_BACK | {Standing.FILED}, False
    if one.act != REPLY:
        return frozenset(), False
    if one.kind == "Acknowledgement":
        decided = {WE_DECIDED[one.decision]} if one.decision in WE_DECIDED else set(WE_DECIDED.values())
        return frozenset(decided), True
    ends = one.kind in ("Outcome", "WhereaboutsResponse")
    return frozenset({Standing.CONCLUDED} if ends else ()), ends


def _after(before: frozenset[S], to: frozenset[S], may: Callable[[S, S], bool], *, surely: bool) -> frozenset[S]:
    if not surely:
        return before | to
    moved = {new for old in before for new in to if may(old, new) or new is old}
    stayed = {old for old in before if not any(may(old, new) for new in to)}
    return frozenset(moved | stayed)


def _is_near(state: S, at: datetime, near: Iterable[tuple[datetime, frozenset[S]]]) -> bool:
    return any(state in states and abs(at - moment) <= NEAR for moment, states in near)
