"""How a message may stand by what the audit log tells of it: the log is replayed, one act after the other. Pure.

What moved a message has an entry, of its own or of the message that answered it. Where an act need not have had an
effect (an answer that a later one had overtaken), both are possible. So what is found here is certain, and no honest
row is blamed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.core.delivery import DECIDED as THEY_DECIDED
from gateway.core.delivery import LOST, DeliveryState, may_move
from gateway.core.inbox_state import DECIDED as WE_DECIDED
from gateway.core.inbox_state import MAY_BECOME, InboxState
from schemas.message import OPENS_A_CASE, Decision, MessageKind

S = TypeVar("S", DeliveryState, InboxState)
# Between two looks at the clock within one transaction, which may wait for a lock.
NEAR = timedelta(seconds=60)
# On a notice of ours, and where each leaves it.
ACTS = {
    "notice.sent": DeliveryState.SENT,
    "notice.failed": DeliveryState.FAILED,
    "receipt.verified": DeliveryState.RECEIVED,
    "notice.rejected": DeliveryState.REJECTED,
    "notice.accepted-by-mail": DeliveryState.ACCEPTED_BY_MAIL,
    "notice.not-accepted": DeliveryState.REJECTED,
    "notice.not-from-a-person": DeliveryState.SENT,
    "notice.came-back": DeliveryState.FAILED,
    "notice.outcome-told": DeliveryState.CLOSED,
    "case.closed": DeliveryState.CLOSED,
    "notice.sent-on": DeliveryState.CLOSED,
    "notice.withdrawn": DeliveryState.WITHDRAWN,
    "notice.retried": DeliveryState.QUEUED,
}
# What no try's end moves, a person said, and stands.
OF_TRIES = {"notice.sent", "notice.failed"}
TRIED = frozenset({DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.FAILED})
# Of logs of before: any reply by mail did it, by itself.
ANSWERED = frozenset({DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL})
# From which only a statement, which writes nothing, queues anew; then a receipt moves it again.
OF_STATEMENTS = frozenset(LOST) - TRIED - {DeliveryState.RECEIVED}
# On all searches of a case.
OF_THE_CASE = {
    "case.stood-down": frozenset({DeliveryState.CONCLUDED, DeliveryState.WITHDRAWN}),
    "search.sent": frozenset({DeliveryState.WITHDRAWN}),
}
# The name under which a message is told of that answers, ends or replaces another.
REPLY = "reply"
TAKES_BACK = frozenset({InboxState.WITHDRAWN, InboxState.SUPERSEDED, InboxState.CONCLUDED})


@dataclass(frozen=True, slots=True)
class LoggedAct:
    """One thing that the log tells of a message: an act on it, or a message about it."""

    number: int
    at: datetime
    act: str
    # Of a message about it.
    kind: MessageKind | None = None
    # Of an acknowledgement; None where the log does not say.
    decision: Decision | None = None
    # False: the log says that it had none.
    effect: bool = True


def may_sent_stand(state: DeliveryState, state_at: datetime, queued_at: datetime, acts: Sequence[LoggedAct]) -> bool:
    """Tell whether a notice of ours may stand so."""
    possible: frozenset[DeliveryState] = frozenset({DeliveryState.QUEUED})
    near, last = [(queued_at, possible)], queued_at
    answered = False
    for logged in sorted(acts, key=lambda logged: logged.number):
        to, surely = _list_sent_moves(logged, answered)
        answered |= logged.act == REPLY
        if not to:
            continue
        may = _may_try_move if logged.act in OF_TRIES else may_move
        possible = _possible_after(possible, to, may, surely=surely and not possible & OF_STATEMENTS)
        near.append((logged.at, to))
        last = max(last, logged.at)
    # After a try that failed, or because a statement said that it is not there.
    if state is DeliveryState.QUEUED:
        return state in possible or state_at > last
    return state in possible and _is_near(state, state_at, near)


def _may_try_move(old: DeliveryState, new: DeliveryState) -> bool:
    return old in TRIED and may_move(old, new)


def _list_sent_moves(logged: LoggedAct, answered: bool) -> tuple[frozenset[DeliveryState], bool]:
    """Return where an act moves a notice of ours, and whether that is certain."""
    if logged.act in ACTS:
        return frozenset({ACTS[logged.act]}), True
    if logged.act == "notice.answered":
        return ANSWERED, False
    if logged.act in OF_THE_CASE:
        return OF_THE_CASE[logged.act], False
    if logged.act != REPLY or not logged.effect:
        return frozenset(), False
    if logged.kind == "Acknowledgement":
        decided = {THEY_DECIDED[logged.decision]} if logged.decision else set(THEY_DECIDED.values())
        return frozenset(decided), not answered
    ends = logged.kind in ("Outcome", "WhereaboutsResponse")
    return frozenset({DeliveryState.CONCLUDED} if ends else ()), ends


def may_received_stand(
    kind: MessageKind | None, state: InboxState, state_at: datetime, received_at: datetime, acts: Sequence[LoggedAct]
) -> bool:
    """Tell whether a message of theirs may stand so. Its kind is None where it was altered to what is none."""
    opens = kind in OPENS_A_CASE
    possible = frozenset({InboxState.NEW if opens else InboxState.FILED})
    near = [(received_at, possible)]
    for logged in sorted(acts, key=lambda logged: logged.number):
        to, surely = _list_received_moves(logged)
        if not to:
            continue
        possible = _possible_after(possible, to, _may_become, surely=surely)
        # It may come before this one.
        near += [(logged.at, to), (received_at, to)] if logged.act == "theirs" else [(logged.at, to)]
    if state is InboxState.NEW:
        return state in possible and state_at == received_at
    if state is InboxState.FILED and any(logged.act == "reply.without-effect" for logged in acts):
        # What it names came after it.
        return True
    return state in possible and _is_near(state, state_at, near)


def _may_become(old: InboxState, new: InboxState) -> bool:
    return new in MAY_BECOME[old]


def _list_received_moves(logged: LoggedAct) -> tuple[frozenset[InboxState], bool]:
    if logged.act == "reply.without-effect":
        return frozenset({InboxState.DOES_NOT_FIT, InboxState.ABOUT_NOTHING}), False
    if logged.act == "reply.put-aside":
        return frozenset({InboxState.FILED}), False
    # What its sender said of it later.
    if logged.act == "theirs":
        return TAKES_BACK | {InboxState.FILED}, False
    if logged.act != REPLY:
        return frozenset(), False
    if logged.kind == "Acknowledgement":
        decided = {WE_DECIDED[logged.decision]} if logged.decision else set(WE_DECIDED.values())
        return frozenset(decided), True
    ends = logged.kind in ("Outcome", "WhereaboutsResponse")
    return frozenset({InboxState.CONCLUDED} if ends else ()), ends


def _possible_after(
    before: frozenset[S], to: frozenset[S], may: Callable[[S, S], bool], *, surely: bool
) -> frozenset[S]:
    if not surely:
        return before | to
    moved = {new for old in before for new in to if may(old, new) or new is old}
    stayed = {old for old in before if not any(may(old, new) for new in to)}
    return frozenset(moved | stayed)


def _is_near(state: S, at: datetime, near: Iterable[tuple[datetime, frozenset[S]]]) -> bool:
    return any(state in states and abs(at - moment) <= NEAR for moment, states in near)
