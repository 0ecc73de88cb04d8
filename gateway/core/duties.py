"""What is still owed on a message, by whom, and when it is late.

    what we sent          its state                  what is missing
    sealed                queued, sent               their gateway's receipt
    a letter              queued                     that their mail server takes it
    a transfer notice     received; a letter, sent   an acknowledgement by an officer there
    a transfer notice     acknowledged, by mail too  the outcome
    a transfer notice     handed over by telephone   the outcome, whatever the state
    an enquiry            received, acknowledged     the answer
    anything              failed                     a decision of ours: try again, send it on, or ring
    a notice              rejected, passed on        a decision of ours: send it on, withdraw it, or ring
    whatever else                                    nothing

    a notice that came    new                        our acknowledgement, or our answer
    a transfer notice     acknowledged               the outcome, from us
    an enquiry            acknowledged               our answer

Of a circulated WhereaboutsUnknownNotice nobody owes more than the receipt: we look at it again every fourteen days, and
its end is our own LocatedNotice. A reply is no notice: once it is received, it has done its work. Test messages are
owed nothing; who asks leaves them out.

A duty waits until it is late; from then on they are reminded, and somebody is rung; after as long again the service
manager is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from gateway.core.calendar import Calendar
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from schemas.message import OPENS_A_CASE, MessageKind


class Missing(StrEnum):
    """What has not come."""

    RECEIPT = "receipt"
    DELIVERY = "delivery"
    ACKNOWLEDGEMENT = "acknowledgement"
    ANSWER = "answer"
    OUTCOME = "outcome"
    DECISION = "decision"


class DutyStep(StrEnum):
    """What is done about it now."""

    WAIT = "wait"
    RING = "ring"
    ESCALATE = "escalate"


# More than are open in an authority, a few megabytes.
DUTIES_KEPT = 16_384
FIRST_WORD = {"TransferNotice": Missing.ACKNOWLEDGEMENT, "WhereaboutsEnquiry": Missing.ANSWER}
LAST_WORD = {"TransferNotice": Missing.OUTCOME, "WhereaboutsEnquiry": Missing.ANSWER}
# Of whom a reminder can ask it.
FROM_AN_OFFICER = (Missing.ACKNOWLEDGEMENT, Missing.ANSWER, Missing.OUTCOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each may take; where nothing else is agreed, as the settings say (`DeadlinesSettings`)."""

    receipt: timedelta
    # Working days.
    acknowledgement: int
    # Working days; no law sets a limit for enquiries.
    answer: int
    # School days.
    outcome: int


@dataclass(frozen=True, slots=True)
class Duty:
    """What is missing, since when, when it is late, and when the service manager is told."""

    missing: Missing
    since: datetime
    late_at: datetime
    escalate_at: datetime

    def decide_step(self, now: datetime) -> DutyStep:
        """Return what is done about it at this moment."""
        if now < self.late_at:
            return DutyStep.WAIT
        return DutyStep.RING if now < self.escalate_at else DutyStep.ESCALATE


def find_missing_on_sent(
    kind: MessageKind, state: DeliveryState, *, sealed: bool, handed_over: bool = False
) -> Missing | None:
    """Return what is missing on a message of ours; None where nothing is."""
    if handed_over and state not in (
        DeliveryState.CONCLUDED,
        DeliveryState.CLOSED,
        DeliveryState.WITHDRAWN,
        DeliveryState.EXPIRED,
    ):
        return LAST_WORD.get(kind)
    match state:
        case DeliveryState.QUEUED | DeliveryState.SENT:
            if sealed:
                return Missing.RECEIPT
            return Missing.DELIVERY if state is DeliveryState.QUEUED else FIRST_WORD.get(kind)
        case DeliveryState.RECEIVED:
            return FIRST_WORD.get(kind)
        case DeliveryState.ACKNOWLEDGED | DeliveryState.ACCEPTED_BY_MAIL:
            return LAST_WORD.get(kind)
        case DeliveryState.FAILED:
            return Missing.DECISION if kind != "Reminder" else None
        case DeliveryState.REJECTED | DeliveryState.PASSED_ON:
            return Missing.DECISION if kind in OPENS_A_CASE else None
        case DeliveryState.CONCLUDED | DeliveryState.CLOSED | DeliveryState.WITHDRAWN | DeliveryState.EXPIRED:
            return None
        case _:
            assert_never(state)


def find_missing_on_received(kind: MessageKind, standing: InboxState) -> Missing | None:
    """Return what we owe on a notice that came; None where nothing."""
    if standing is InboxState.NEW:
        return FIRST_WORD.get(kind)
    return LAST_WORD.get(kind) if standing is InboxState.ACKNOWLEDGED else None


@lru_cache(DUTIES_KEPT)
def build_duty(missing: Missing, since: datetime, calendar: Calendar, deadlines: Deadlines) -> Duty:
    """Build the duty with its dates, which do not change: whoever looks again asks for the same ones.

    A decision is due at once, and escalated as an acknowledgement is.
    """
    match missing:
        case Missing.RECEIPT | Missing.DELIVERY:
            late, later = since + deadlines.receipt, since + 2 * deadlines.receipt
        case Missing.ACKNOWLEDGEMENT:
            late, later = _add_twice(calendar.add_working_days, since, deadlines.acknowledgement)
        case Missing.ANSWER:
            late, later = _add_twice(calendar.add_working_days, since, deadlines.answer)
        case Missing.OUTCOME:
            late, later = _add_twice(calendar.add_school_days, since, deadlines.outcome)
        case Missing.DECISION:
            late, later = since, calendar.add_working_days(since, deadlines.acknowledgement)
        case _:
            assert_never(missing)
    return Duty(missing, since, late, later)


def _add_twice(add: Callable[[datetime, int], datetime], since: datetime, days: int) -> tuple[datetime, datetime]:
    return add(since, days), add(since, 2 * days)
