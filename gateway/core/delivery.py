"""The life of one delivery: its states, the legal moves between them, and how patient we are.

    queued --try--> sent --receipt--> received --officer there--> acknowledged --> concluded
      |  ^           |                  |                            |
      |  '--later----'                  '------- any officer's reply may come first, or alone
      '--> rejected | failed | withdrawn | expired

`queued` and `sent` are the only states in which the dispatcher has work to do. No state is called unknown.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from tenacity import RetryCallState, Retrying, wait_exponential


class State(StrEnum):
    """Where a delivery stands (design section 6)."""

    QUEUED = "queued"  # durable here, not yet with the partner
    SENT = "sent"  # handed over by a route that answers later; no receipt yet
    RECEIVED = "received"  # the partner's signed receipt is verified
    ACKNOWLEDGED = "acknowledged"  # an officer there has it
    CONCLUDED = "concluded"  # what became of the child is known
    REJECTED = "rejected"  # refused by a signed receipt, or by an officer there
    FAILED = "failed"  # our patience ended; a person is told
    WITHDRAWN = "withdrawn"  # taken back by us
    EXPIRED = "expired"  # no longer of use to anybody


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset(State) - {State.QUEUED},
    State.SENT: frozenset(State) - {State.SENT},
    State.RECEIVED: frozenset({State.ACKNOWLEDGED, State.CONCLUDED, State.REJECTED, State.WITHDRAWN, State.EXPIRED}),
    State.ACKNOWLEDGED: frozenset({State.CONCLUDED, State.REJECTED, State.WITHDRAWN, State.EXPIRED}),
    State.FAILED: frozenset({State.QUEUED, State.RECEIVED, State.ACKNOWLEDGED, State.CONCLUDED, State.WITHDRAWN}),
    State.EXPIRED: frozenset({State.ACKNOWLEDGED, State.CONCLUDED}),
    State.CONCLUDED: frozenset(),
    State.REJECTED: frozenset({State.WITHDRAWN}),
    State.WITHDRAWN: frozenset(),
}

LOST = (State.SENT, State.RECEIVED, State.ACKNOWLEDGED, State.CONCLUDED, State.FAILED)  # from which `statements` alone
# queues anew: the partner says that it does not have it, or has it while we hold no receipt

PATIENCE = timedelta(days=5)  # a long weekend with a bank holiday, and a day to mend what is broken
RECEIPT_WAIT = timedelta(hours=1)  # for what was handed over to be receipted, before it is delivered again
LONGEST_WAIT = timedelta(minutes=15)  # a partner that is back is noticed within the quarter hour
BACKOFF = wait_exponential(multiplier=2, max=LONGEST_WAIT.total_seconds())

REPLY_MOVES = {"accepted": State.ACKNOWLEDGED, "passed-on": State.ACKNOWLEDGED, "rejected": State.REJECTED}


def may_move(old: State, new: State) -> bool:
    """Is this move one of the legal ones?"""
    return new in MOVES[old]


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


def after_reply(kind: str, decision: str | None = None) -> State | None:
    """What an officer's reply of this kind makes of the notice it answers; None where it changes nothing."""
    match kind:
        case "Acknowledgement":
            return REPLY_MOVES[decision or "accepted"]
        case "Outcome" | "WhereaboutsResponse" | "LocatedNotice":
            return State.CONCLUDED
        case _:
            return None
