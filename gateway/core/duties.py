"""What is still owed on a message, by whom, and when it is late.

    what we sent        its state         what is missing
    sealed              queued, sent      their gateway's receipt
    a notice, sealed    received          an acknowledgement by an officer there
    a notice, letter    queued, sent      an answer by a person there
    a notice            acknowledged      the outcome
    anything            failed            a decision of ours: try again, or ring
    a notice            rejected          a decision of ours: withdraw it, or ring
    whatever else                         nothing

    a notice that came  new               our acknowledgement, or our answer
                        acknowledged      the outcome, from us

Nobody owes an outcome to a circulated WhereaboutsUnknownNotice: its end is our own LocatedNotice. A reply is no notice: once it
is received, it has done its work. Test messages are owed nothing; who asks leaves them out.

A duty waits until it is late; from then on somebody is rung; after as long again the service manager is told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from gateway.core.calendar import Calendar
from gateway.core.delivery import State

NO_OUTCOME = ("WhereaboutsUnknownNotice",)
NEW, ACKNOWLEDGED = "new", "acknowledged"  # of what came, as `store.inbox.Standing` has them


class Missing(StrEnum):
    """What has not come."""

    RECEIPT = "receipt"
    ANSWER = "answer to a letter"
    ACKNOWLEDGEMENT = "acknowledgement"
    OUTCOME = "outcome"
    DECISION = "decision"


class Step(StrEnum):
    """What is done about it now."""

    WAIT = "wait"
    RING = "ring"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each may take."""

    receipt: timedelta = timedelta(hours=1)
    acknowledgement: int = 2  # working days
    outcome: int = 10  # school days


@dataclass(frozen=True, slots=True)
class Duty:
    """What is missing, since when, when it is late, and when the service manager is told."""

    missing: Missing
    since: datetime
    late_at: datetime
    escalate_at: datetime

    def step(self, now: datetime) -> Step:
        """What is done about it at this moment."""
        if now < self.late_at:
            return Step.WAIT
        return Step.RING if now < self.escalate_at else Step.ESCALATE


def of_sent(kind: str, state: State, *, is_notice: bool, sealed: bool) -> Missing | None:
    """What is missing on a message of ours; None where nothing is."""
    match state:
        case State.QUEUED | State.SENT:
            if sealed:
                return Missing.RECEIPT
            return Missing.ANSWER if is_notice or state is State.QUEUED else None
        case State.RECEIVED:
            return Missing.ACKNOWLEDGEMENT if is_notice else None
        case State.ACKNOWLEDGED:
            return Missing.OUTCOME if is_notice and kind not in NO_OUTCOME else None
        case State.FAILED:
            return Missing.DECISION
        case State.REJECTED:
            return Missing.DECISION if is_notice else None
        case State.CONCLUDED | State.WITHDRAWN | State.EXPIRED:
            return None
        case _:
            assert_never(state)


def of_received(kind: str, standing: str) -> Missing | None:
    """What we owe on a notice that came; None where nothing."""
    if standing == NEW:
        return Missing.ACKNOWLEDGEMENT
    return Missing.OUTCOME if standing == ACKNOWLEDGED and kind not in NO_OUTCOME else None


def duty(missing: Missing, since: datetime, calendar: Calendar, deadlines: Deadlines) -> Duty:
    """The duty with its dates. A decision is due at once, and escalated as an acknowledgement is."""
    match missing:
        case Missing.RECEIPT:
            return Duty(missing, since, since + deadlines.receipt, since + 2 * deadlines.receipt)
        case Missing.ANSWER | Missing.ACKNOWLEDGEMENT:
            late, later = (calendar.add_working_days(since, n * deadlines.acknowledgement) for n in (1, 2))
            return Duty(missing, since, late, later)
        case Missing.OUTCOME:
            late, later = (calendar.add_school_days(since, n * deadlines.outcome) for n in (1, 2))
            return Duty(missing, since, late, later)
        case Missing.DECISION:
            return Duty(missing, since, since, calendar.add_working_days(since, deadlines.acknowledgement))
        case _:
            assert_never(missing)
