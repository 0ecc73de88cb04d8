"""How long each step of a notice's way took: its receipt, an officer's acknowledgement, the outcome.

The store knows when a notice was queued here or came, when we had its receipt, when each reply came or was queued, and
when a letter was answered. It does not know when a partner sent what came, so nothing is said of that.

A step is judged once it is done, or once its limit has passed; what is still in time is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.calendar import Calendar, Span
from gateway.core.delivery import DeliveryState
from gateway.core.duties import FIRST_WORD, Missing
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import Direction
from gateway.core.periods import get_moments
from gateway.reconciliation.deadlines import AgreedTerms
from gateway.store import report_queries
from gateway.store.database import Tx
from gateway.store.report_queries import ReportedNotice, ReportedReply
from schemas.message import MessageKind

# Seconds.
AN_HOUR = 3600
ENDS: tuple[MessageKind, ...] = ("Outcome", "WhereaboutsResponse")
ANSWERS: tuple[MessageKind, ...] = ("Acknowledgement", *ENDS)
# The states in which a step is still to come.
AWAITED: Mapping[Missing, Sequence[str]] = {
    Missing.RECEIPT: (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.FAILED),
    Missing.ANSWER: (
        *(
            DeliveryState.QUEUED,
            DeliveryState.SENT,
            DeliveryState.FAILED,
            DeliveryState.RECEIVED,
            DeliveryState.ACKNOWLEDGED,
        ),
        DeliveryState.ACCEPTED_BY_MAIL,
        *(InboxState.NEW, InboxState.ACKNOWLEDGED),
    ),
    Missing.ACKNOWLEDGEMENT: (
        DeliveryState.QUEUED,
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.RECEIVED,
        InboxState.NEW,
    ),
    Missing.OUTCOME: (DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL, InboxState.ACKNOWLEDGED),
}


@dataclass(frozen=True, slots=True)
class JourneyLeg:
    """One step that is judged: hours for a receipt, otherwise working days; None where it has not been done."""

    direction: Direction
    partner: str
    missing: Missing
    took: float | None
    late: bool


@dataclass(frozen=True, slots=True)
class PeriodRecords:
    """What the store knows of the notices of a period."""

    notices: Sequence[ReportedNotice]
    # By the notice's direction and id, the oldest first.
    replies: Mapping[tuple[Direction, str], Sequence[ReportedReply]]
    receipted: Mapping[str, datetime]
    answered: Mapping[str, datetime]


def read_period(tx: Tx, days: Span) -> PeriodRecords:
    """Read what the store knows of the notices of a period."""
    since, until = get_moments(days)
    replies: dict[tuple[Direction, str], list[ReportedReply]] = {}
    for reply in report_queries.list_their_replies(tx, since, until):
        replies.setdefault(("sent", reply.answers), []).append(reply)
    for reply in report_queries.list_our_replies(tx, since, until):
        replies.setdefault(("came", reply.answers), []).append(reply)
    notices = report_queries.list_period_notices(tx, since, until)
    receipted, answered = (
        report_queries.list_first_receipts(tx, since, until),
        report_queries.list_answered_letters(tx, since, until),
    )
    return PeriodRecords(notices, replies, receipted, answered)


def list_legs(known: PeriodRecords, now: datetime, terms: AgreedTerms) -> Iterator[JourneyLeg]:
    """Yield every step that is judged."""
    for notice in known.notices:
        for missing, start, end in _list_steps(known, notice):
            if start is None or (end is None and not _is_awaited(known, notice, missing)):
                continue
            owed_by = notice.partner if notice.direction == "sent" else terms.own
            limit = terms.build_duty(missing, start, kind=notice.kind, partner=notice.partner, owed_by=owed_by).late_at
            if end is not None or now >= limit:
                took = None if end is None else _measure_step(missing, start, end, terms.get_calendar(owed_by))
                yield JourneyLeg(notice.direction, notice.partner, missing, took, (end or now) >= limit)


def _is_awaited(known: PeriodRecords, notice: ReportedNotice, missing: Missing) -> bool:
    """Tell whether this step is still to come. A receipt is, in any state, once its recipient answered."""
    answered = missing is Missing.RECEIPT and (notice.direction, notice.message_id) in known.replies
    return answered or notice.state in AWAITED[missing]


def _list_steps(
    known: PeriodRecords, notice: ReportedNotice
) -> Iterator[tuple[Missing, datetime | None, datetime | None]]:
    """Yield each step of a notice: from when, and to when."""
    replies = known.replies.get((notice.direction, notice.message_id), ())
    by_mail = known.answered.get(notice.message_id)
    answered = _first_reply_at(replies, ANSWERS) or by_mail or notice.handed_over_at
    arrived: datetime | None = notice.at
    if notice.direction == "sent" and notice.sealed:
        receipted = known.receipted.get(notice.message_id)
        yield Missing.RECEIPT, notice.at, receipted
        arrived = receipted or (notice.at if answered else None)
    match FIRST_WORD.get(notice.kind):
        case Missing.ACKNOWLEDGEMENT as first:
            yield first, arrived, answered
            yield Missing.OUTCOME, answered, _first_reply_at(replies, ENDS)
        case Missing.ANSWER as first:
            yield first, notice.at, _first_reply_at(replies, ENDS) or by_mail


def _first_reply_at(replies: Sequence[ReportedReply], kinds: Sequence[MessageKind]) -> datetime | None:
    return next((reply.at for reply in replies if reply.kind in kinds), None)


def _measure_step(missing: Missing, start: datetime, end: datetime, calendar: Calendar) -> float:
    if missing is Missing.RECEIPT:
        return max((end - start).total_seconds() / AN_HOUR, 0.0)
    return calendar.working_days_between(start, end)
