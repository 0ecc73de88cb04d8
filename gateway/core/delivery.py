"""The life of a notice that we sent: its states, what may move it from one to another, and how patient we are.

`EVENTS` is the whole of it; `docs/cases.md` draws it. `queued` and `sent` are the only states in which the dispatcher has
work to do. No state is called unknown. A telephone call in which the notice was handed over moves nothing, because the
sealed notice still has to arrive; it is kept beside the state, and closes the gap that an acknowledgement would have closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tenacity import RetryCallState, Retrying, wait_exponential


class State(StrEnum):
    """Where a notice stands (design section 6)."""

    QUEUED = "queued"  # durable here, not yet with the partner
    SENT = "sent"  # handed over by a route that answers later; no receipt yet
    RECEIVED = "received"  # the partner's signed receipt is verified
    ACKNOWLEDGED = "acknowledged"  # an officer there has it
    ACCEPTED_BY_MAIL = "accepted-by-mail"  # an officer of ours read so in a reply to a letter, which proves nothing
    PASSED_ON = "passed-on"  # an officer there says that another authority should have it
    CONCLUDED = "concluded"  # what became of the child is known, by their signed word or our own stand-down
    CLOSED = "closed"  # ended by an officer of ours: on a call, an acceptance, or a notice in its place
    REJECTED = "rejected"  # refused by a signed receipt, or by an officer there
    FAILED = "failed"  # our patience ended; a person is told
    WITHDRAWN = "withdrawn"  # taken back by us
    EXPIRED = "expired"  # no longer of use to anybody


class By(StrEnum):
    """Who makes an event happen."""

    GATEWAY = "our gateway"
    PARTNER = "their gateway"
    THEIR_OFFICER = "their officer"
    OUR_OFFICER = "our officer"


@dataclass(frozen=True, slots=True)
class Event:
    """What may happen to a notice: from which states, to which, and who does it."""

    name: str
    by: By
    come_from: tuple[State, ...]
    to: State


_UNDER_WAY = (State.QUEUED, State.SENT)
_THERE = (State.RECEIVED, State.ACKNOWLEDGED, State.ACCEPTED_BY_MAIL, State.PASSED_ON)
_STUCK = (State.FAILED, State.REJECTED)
_LIVE = (*_UNDER_WAY, *_THERE, *_STUCK)

EVENTS = (
    Event("handed over", By.GATEWAY, (State.QUEUED,), State.SENT),
    Event("tried again", By.GATEWAY, (State.SENT, State.FAILED), State.QUEUED),
    Event("gave up, or came back", By.GATEWAY, _UNDER_WAY, State.FAILED),
    Event("receipt", By.PARTNER, (*_UNDER_WAY, State.FAILED), State.RECEIVED),
    Event("refused by receipt", By.PARTNER, _UNDER_WAY, State.REJECTED),
    Event("accepted", By.THEIR_OFFICER, (*_LIVE, State.EXPIRED), State.ACKNOWLEDGED),
    Event("passed on", By.THEIR_OFFICER, _LIVE, State.PASSED_ON),
    Event("rejected", By.THEIR_OFFICER, (*_UNDER_WAY, *_THERE, State.FAILED), State.REJECTED),
    Event("accepted by mail", By.OUR_OFFICER, (*_UNDER_WAY, *_STUCK), State.ACCEPTED_BY_MAIL),
    Event("not accepted, by mail", By.OUR_OFFICER, (*_UNDER_WAY, State.ACCEPTED_BY_MAIL, State.FAILED), State.REJECTED),
    Event("no person's mail after all", By.OUR_OFFICER, (State.ACCEPTED_BY_MAIL, State.REJECTED), State.SENT),
    Event("came back, accepted by mail without a signature", By.GATEWAY, (State.ACCEPTED_BY_MAIL,), State.FAILED),
    Event("outcome, or answer", By.THEIR_OFFICER, (*_LIVE, State.EXPIRED), State.CONCLUDED),
    Event("outcome told, and written down", By.OUR_OFFICER, _LIVE, State.CLOSED),
    Event("located", By.OUR_OFFICER, _LIVE, State.CONCLUDED),
    Event("closed on acceptance, or on a recorded call", By.OUR_OFFICER, _LIVE, State.CLOSED),
    Event("sent on to another authority", By.OUR_OFFICER, (State.PASSED_ON, *_STUCK), State.CLOSED),
    Event("withdrawn, or corrected", By.OUR_OFFICER, (*_LIVE, State.EXPIRED), State.WITHDRAWN),
    Event("expired", By.GATEWAY, (*_UNDER_WAY, *_THERE), State.EXPIRED),
)
MOVES: Mapping[State, frozenset[State]] = {
    state: frozenset(event.to for event in EVENTS if state in event.come_from and state is not event.to)
    for state in State
}

LOST = (State.SENT, *_THERE, State.CONCLUDED, State.CLOSED, State.FAILED)  # from which `statements` alone
# queues anew: the partner says that it does not have it, or has it while we hold no receipt

PATIENCE = timedelta(days=5)  # a long weekend with a bank holiday, and a day to mend what is broken
RECEIPT_WAIT = timedelta(hours=1)  # for what was handed over to be receipted, before it is delivered again
LONGEST_WAIT = timedelta(minutes=15)  # a partner that is back is noticed within the quarter hour
BACKOFF = wait_exponential(multiplier=2, max=LONGEST_WAIT.total_seconds())

NOT_HOLDING = (
    "the receipt does not hold"  # begins the reason of a try that was answered with one that we do not believe
)

DECIDED = {"accepted": State.ACKNOWLEDGED, "passed-on": State.PASSED_ON, "rejected": State.REJECTED}


def may_move(old: State, new: State) -> bool:
    """Is this move one of the legal ones?"""
    return new in MOVES[old]


def may_send_on(state: State) -> bool:
    """May the notice go to another authority instead?"""
    return state in (State.PASSED_ON, *_STUCK)


def may_come_from(new: State) -> tuple[State, ...]:
    """Every state from which `new` may be reached: what an update in the database asks for."""
    return tuple(old for old, targets in MOVES.items() if new in targets)


def next_attempt(
    attempts: int, *, queued_at: datetime, now: datetime, jitter: float, after: timedelta | None = None
) -> datetime | None:
    """When to try again after `attempts` tries, or None when patience has ended.

    The wait doubles from two seconds to a quarter of an hour; `jitter` in [0, 1) spreads partners that failed together
    over half of it again; `after` is what the partner itself asked for, and is honoured where it is longer, up to the
    longest wait. Repeating is safe: a repeat carries the same id and the same bytes, and has one effect at the receiver.
    """
    if now - queued_at >= PATIENCE:
        return None
    tried = RetryCallState(Retrying(), None, (), {})
    tried.attempt_number = max(1, attempts)
    wait = timedelta(seconds=BACKOFF(tried) * (1 + jitter / 2))
    return now + max(wait, min(after or timedelta(0), LONGEST_WAIT))
