"""The life of a notice that we sent: its states, what may move it from one to another, and how patient we are.

`EVENTS` is the whole of it; `docs/cases.md` draws it. `queued` and `sent` are the only states in which the dispatcher
has work to do. No state is called unknown. A telephone call in which the notice was handed over moves nothing, because
the sealed notice still has to arrive; it is kept beside the state, and closes the gap that an acknowledgement would
have closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tenacity import RetryCallState, Retrying, wait_exponential

from schemas.message import Decision


class DeliveryState(StrEnum):
    """Where a notice stands (design section 6)."""

    # Durable here, not yet with the partner.
    QUEUED = "queued"
    # Handed over by a route that answers later; no receipt yet.
    SENT = "sent"
    # The partner's signed receipt is verified.
    RECEIVED = "received"
    # An officer there has it.
    ACKNOWLEDGED = "acknowledged"
    # An officer of ours read so in a reply to a letter, which proves nothing.
    ACCEPTED_BY_MAIL = "accepted-by-mail"
    # An officer there says that another authority should have it.
    PASSED_ON = "passed-on"
    # What became of the child is known, by their signed word or our own stand-down.
    CONCLUDED = "concluded"
    # Ended by an officer of ours: on a call, an acceptance, or a notice in its place.
    CLOSED = "closed"
    # Refused by a signed receipt, or by an officer there.
    REJECTED = "rejected"
    # Our patience ended; a person is told.
    FAILED = "failed"
    # Taken back by us.
    WITHDRAWN = "withdrawn"
    # No longer of use to anybody.
    EXPIRED = "expired"


class DeliveryActor(StrEnum):
    """Who makes an event happen."""

    GATEWAY = "our gateway"
    PARTNER = "their gateway"
    THEIR_OFFICER = "their officer"
    OUR_OFFICER = "our officer"


@dataclass(frozen=True, slots=True)
class DeliveryEvent:
    """What may happen to a notice: from which states, to which, and who does it."""

    name: str
    by: DeliveryActor
    come_from: tuple[DeliveryState, ...]
    to: DeliveryState


_UNDER_WAY = (DeliveryState.QUEUED, DeliveryState.SENT)
_THERE = (DeliveryState.RECEIVED, DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL, DeliveryState.PASSED_ON)
_STUCK = (DeliveryState.FAILED, DeliveryState.REJECTED)
_LIVE = (*_UNDER_WAY, *_THERE, *_STUCK)

EVENTS = (
    DeliveryEvent("sent, awaiting receipt", DeliveryActor.GATEWAY, (DeliveryState.QUEUED,), DeliveryState.SENT),
    DeliveryEvent("retried", DeliveryActor.GATEWAY, (DeliveryState.SENT, DeliveryState.FAILED), DeliveryState.QUEUED),
    DeliveryEvent("not delivered, or returned", DeliveryActor.GATEWAY, _UNDER_WAY, DeliveryState.FAILED),
    DeliveryEvent(
        "delivery receipt received", DeliveryActor.PARTNER, (*_UNDER_WAY, DeliveryState.FAILED), DeliveryState.RECEIVED
    ),
    DeliveryEvent("refused by their gateway", DeliveryActor.PARTNER, _UNDER_WAY, DeliveryState.REJECTED),
    DeliveryEvent("accepted", DeliveryActor.THEIR_OFFICER, (*_LIVE, DeliveryState.EXPIRED), DeliveryState.ACKNOWLEDGED),
    DeliveryEvent("referred back", DeliveryActor.THEIR_OFFICER, _LIVE, DeliveryState.PASSED_ON),
    DeliveryEvent(
        "rejected", DeliveryActor.THEIR_OFFICER, (*_UNDER_WAY, *_THERE, DeliveryState.FAILED), DeliveryState.REJECTED
    ),
    DeliveryEvent(
        "accepted by email", DeliveryActor.OUR_OFFICER, (*_UNDER_WAY, *_STUCK), DeliveryState.ACCEPTED_BY_MAIL
    ),
    DeliveryEvent(
        "not accepted, by email",
        DeliveryActor.OUR_OFFICER,
        (*_UNDER_WAY, DeliveryState.ACCEPTED_BY_MAIL, DeliveryState.FAILED),
        DeliveryState.REJECTED,
    ),
    DeliveryEvent(
        "email found not to be from a person",
        DeliveryActor.OUR_OFFICER,
        (DeliveryState.ACCEPTED_BY_MAIL, DeliveryState.REJECTED),
        DeliveryState.SENT,
    ),
    DeliveryEvent(
        "returned, after an unsigned acceptance by email",
        DeliveryActor.GATEWAY,
        (DeliveryState.ACCEPTED_BY_MAIL,),
        DeliveryState.FAILED,
    ),
    DeliveryEvent(
        "outcome or answer received",
        DeliveryActor.THEIR_OFFICER,
        (*_LIVE, DeliveryState.EXPIRED),
        DeliveryState.CONCLUDED,
    ),
    DeliveryEvent("result recorded by phone", DeliveryActor.OUR_OFFICER, _LIVE, DeliveryState.CLOSED),
    DeliveryEvent("search ended", DeliveryActor.OUR_OFFICER, _LIVE, DeliveryState.CONCLUDED),
    DeliveryEvent(
        "closed after acceptance or a phone handover", DeliveryActor.OUR_OFFICER, _LIVE, DeliveryState.CLOSED
    ),
    DeliveryEvent(
        "redirected to another authority",
        DeliveryActor.OUR_OFFICER,
        (DeliveryState.PASSED_ON, *_STUCK),
        DeliveryState.CLOSED,
    ),
    DeliveryEvent(
        "sent to the successor of an authority that ended", DeliveryActor.OUR_OFFICER, _LIVE, DeliveryState.CLOSED
    ),
    DeliveryEvent(
        "withdrawn or corrected", DeliveryActor.OUR_OFFICER, (*_LIVE, DeliveryState.EXPIRED), DeliveryState.WITHDRAWN
    ),
    DeliveryEvent("expired", DeliveryActor.GATEWAY, (*_UNDER_WAY, *_THERE), DeliveryState.EXPIRED),
)
MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    state: frozenset(event.to for event in EVENTS if state in event.come_from and state is not event.to)
    for state in DeliveryState
}

# What is open with an authority that ended, and goes to its successor.
FOLLOWING = (
    *_UNDER_WAY,
    DeliveryState.FAILED,
    DeliveryState.RECEIVED,
    DeliveryState.ACKNOWLEDGED,
    DeliveryState.ACCEPTED_BY_MAIL,
)

# From which `statements` alone.
LOST = (
    DeliveryState.SENT,
    *_THERE,
    DeliveryState.CONCLUDED,
    DeliveryState.CLOSED,
    DeliveryState.FAILED,
)
# queues anew: the partner says that it does not have it, or has it while we hold no receipt

# A long weekend with a bank holiday, and a day to mend what is broken.
PATIENCE = timedelta(days=5)
# For what was handed over to be receipted, before it is delivered again.
RECEIPT_WAIT = timedelta(hours=1)
# A partner that is back is noticed within the quarter hour.
LONGEST_WAIT = timedelta(minutes=15)
BACKOFF = wait_exponential(multiplier=2, max=LONGEST_WAIT.total_seconds())

# Begins the reason of a try that was answered with one that we do not believe.
NOT_HOLDING = "the delivery receipt is not valid"

DECIDED: Mapping[Decision, DeliveryState] = {
    "accepted": DeliveryState.ACKNOWLEDGED,
    "passed-on": DeliveryState.PASSED_ON,
    "rejected": DeliveryState.REJECTED,
}


def may_move(old: DeliveryState, new: DeliveryState) -> bool:
    """Tell whether this move is one of the legal ones."""
    return new in MOVES[old]


def may_send_on(state: DeliveryState) -> bool:
    """Tell whether the notice may go to another authority instead."""
    return state in (DeliveryState.PASSED_ON, *_STUCK)


def list_origins(new: DeliveryState) -> tuple[DeliveryState, ...]:
    """Return every state from which `new` may be reached: what an update in the database asks for."""
    return tuple(old for old, targets in MOVES.items() if new in targets)


def get_next_attempt(
    attempts: int, *, queued_at: datetime, now: datetime, jitter: float, after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after `attempts` tries, or None when patience has ended.

    The wait doubles from two seconds to a quarter of an hour; `jitter` in [0, 1) spreads partners that failed together
    over half of it again; `after` is what the partner itself asked for, and is honoured where it is longer, up to the
    longest wait. Repeating is safe: a repeat carries the same id and the same bytes, and has one effect at the
    receiver.
    """
    if now - queued_at >= PATIENCE:
        return None
    tried = RetryCallState(Retrying(), None, (), {})
    tried.attempt_number = max(1, attempts)
    wait = timedelta(seconds=BACKOFF(tried) * (1 + jitter / 2))
    return now + max(wait, min(after or timedelta(0), LONGEST_WAIT))
