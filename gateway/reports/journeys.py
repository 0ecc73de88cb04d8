"""How long each step of a notice's way took: its receipt, an officer's acknowledgement, the outcome.

The store knows when a notice was queued here or came, when we had its receipt, when each reply came or was queued, and
when a letter was answered. It does not know when a partner sent what came, so nothing is said of that.

A step is judged once it is done, or once its limit has passed; what is still in time is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gateway.core.calendar import Calendar, Span
from gateway.core.delivery import State
from gateway.core.duties import FIRST_WORD, Missing
from gateway.core.inbox_state import Standing
from gateway.core.periods import moments
from gateway.reconciliation.deadlines import Agreed
from gateway.store import report_queries
from gateway.store.report_queries import Direction, ReportedNotice, ReportedReply

AN_HOUR = 3600  # seconds
ENDS = ("Outcome", "WhereaboutsResponse")
ANSWERS = ("Acknowledgement", *ENDS)
AWAITED: Mapping[Missing, Sequence[str]] = {  # the states in which a step is still to come
    Missing.RECEIPT: (State.QUEUED, State.SENT, State.FAILED),
    Missing.ANSWER: (
        *(State.QUEUED, State.SENT, State.FAILED, State.RECEIVED, State.ACKNOWLEDGED),
        State.ACCEPTED_BY_MAIL,
        *(Standing.NEW, Standing.ACKNOWLEDGED),
    ),
    Missing.ACKNOWLEDGEMENT: (State.QUEUED, State.SENT, State.FAILED, State.RECEIVED, Standing.NEW),
    Missing.OUTCOME: (State.ACKNOWLEDGED, State.ACCEPTED_BY_MAIL, Standing.ACKNOWLEDGED),
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One step that is judged: hours for a receipt, otherwise working days; None where it has not been done."""

    direction: Direction
    partner: str
    missing: Missing
    took: float | None
    late: bool


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of the notices of a period."""

    notices: Sequence[ReportedNotice]
    replies: Mapping[
        tuple[Direction, str], Sequence[ReportedReply]
    ]  # by the notice's direction and id, the oldest first
    receipted: Mapping[str, datetime]
    answered: Mapping[str, datetime]


def past(tx: Connection, days: Span) -> Past:
    """Read it."""
    since, until = moments(days)
    replies: dict[tuple[Direction, str], list[ReportedReply]] = {}
    for one in report_queries.list_their_replies(tx, since, until):
        replies.setdefault(("sent", one.answers), []).append(one)
    for one in report_queries.list_our_replies(tx, since, until):
        replies.setdefault(("received", one.answers), []).append(one)
    notices = report_queries.list_period_notices(tx, since, until)
    receipted, answered = (
        report_queries.list_first_receipts(tx, since, until),
        report_queries.list_answered_letters(tx, since, until),
    )
    return Past(notices, replies, receipted, answered)


def legs(known: Past, now: datetime, terms: Agreed) -> Iterator[Leg]:
    """Every step that is judged."""
    for one in known.notices:
        for missing, start, end in _steps(known, one):
            if start is None or (end is None and not _is_awaited(known, one, missing)):
                continue
            owed_by = one.partner if one.direction == "sent" else terms.own
            limit = terms.duty(missing, start, kind=one.kind, partner=one.partner, owed_by=owed_by).late_at
            if end is not None or now >= limit:
                took = None if end is None else _took(missing, start, end, terms.calendar(owed_by))
                yield Leg(one.direction, one.partner, missing, took, (end or now) >= limit)


def _is_awaited(known: Past, one: ReportedNotice, missing: Missing) -> bool:
    """Is this step still to come? A receipt is, whatever the state, once its recipient answered: it surely has the notice."""
    answered = missing is Missing.RECEIPT and (one.direction, one.message_id) in known.replies
    return answered or one.state in AWAITED[missing]


def _steps(known: Past, one: ReportedNotice) -> Iterator[tuple[Missing, datetime | None, datetime | None]]:
    """Each step of a notice: from when, and to when."""
    replies = known.replies.get((one.direction, one.message_id), ())
    by_mail = known.answered.get(one.message_id)
    answered = _first(replies, ANSWERS) or by_mail or one.handed_over_at
    arrived: datetime | None = one.at
    if one.direction == "sent" and one.sealed:
        receipted = known.receipted.get(one.message_id)
        yield Missing.RECEIPT, one.at, receipted
        arrived = receipted or (one.at if answered else None)
    match FIRST_WORD.get(one.kind):
        case Missing.ACKNOWLEDGEMENT as first:
            yield first, arrived, answered
            yield Missing.OUTCOME, answered, _first(replies, ENDS)
        case Missing.ANSWER as first:
            yield first, one.at, _first(replies, ENDS) or by_mail


def _first(replies: Sequence[ReportedReply], kinds: Sequence[str]) -> datetime | None:
    return next((one.at for one in replies if one.kind in kinds), None)


def _took(missing: Missing, start: datetime, end: datetime, calendar: Calendar) -> float:
    if missing is Missing.RECEIPT:
        return max((end - start).total_seconds() / AN_HOUR, 0.0)
    return calendar.working_days_between(start, end)
