"""The last twelve months, one by one: notices received, and how many first replies were sent on time.

Each figure is that of the reports of its month: what was received as in "Statistics", what was done on time as in
"Timeliness". All months are read at once, and each is judged by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.context import Gateway
from gateway.core.calendar import LONDON, Span
from gateway.core.duties import Missing
from gateway.core.figures import find_percentile
from gateway.core.periods import get_month, get_month_before
from gateway.paper.bars import Bar, Bars
from gateway.reconciliation import deadlines
from gateway.reports.journeys import JourneyLeg, PeriodRecords, list_legs, read_period
from gateway.reports.wording import format_figure

MONTHS = 12


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step of ours: so many on time, so many late, and the median of those that were done, in working days."""

    on_time: int
    late: int
    median: float | None

    @property
    def whole(self) -> int:
        """Return how many were judged."""
        return self.on_time + self.late

    @property
    def shown_median(self) -> str:
        """Return the median as reports have it."""
        return format_figure(self.median)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """What was received in one month, and our first replies to it."""

    days: Span
    received: int
    acknowledged: StepFigures
    answered: StepFigures


def list_month_figures(gw: Gateway) -> list[MonthFigures]:
    """List the figures of this month, so far, and of those before it; the oldest first."""
    terms, now = deadlines.read_terms(gw.config), gw.now()
    months = _list_months(now)
    known = gw.store.look(lambda tx: read_period(tx, Span(months[0].first, months[-1].last)))
    return [_build_figures(days, part, list(list_legs(part, now, terms))) for days, part in _split(known, months)]


def _list_months(now: datetime) -> list[Span]:
    today = now.astimezone(LONDON).date()
    months = [get_month(today.year, today.month)]
    while len(months) < MONTHS:
        months.insert(0, get_month_before(months[0].first))
    return months


def _split(known: PeriodRecords, months: Iterable[Span]) -> Iterable[tuple[Span, PeriodRecords]]:
    """Yield of each month the notices that were sent or received in it."""
    for days in months:
        mine = [notice for notice in known.notices if notice.at.astimezone(LONDON).date() in days]
        yield days, replace(known, notices=mine)


def _build_figures(days: Span, known: PeriodRecords, legs: Sequence[JourneyLeg]) -> MonthFigures:
    return MonthFigures(
        days,
        sum(notice.direction == "came" for notice in known.notices),
        _build_step(legs, Missing.ACKNOWLEDGEMENT),
        _build_step(legs, Missing.ANSWER),
    )


def _build_step(legs: Sequence[JourneyLeg], missing: Missing) -> StepFigures:
    mine = [leg for leg in legs if leg.direction == "came" and leg.missing is missing]
    took = [leg.took for leg in mine if leg.took is not None]
    late = sum(leg.late for leg in mine)
    return StepFigures(len(mine) - late, late, find_percentile(took, 50))


def build_trend_picture(months: Sequence[MonthFigures]) -> Bars:
    """Build a picture of the acknowledgements; the table below it has the same figures."""
    bars = [Bar(f"{month.days.first:%b %Y}", month.acknowledged.on_time, month.acknowledged.late) for month in months]
    whole, late = sum(month.acknowledged.whole for month in months), sum(month.acknowledged.late for month in months)
    sentence = f"{whole} acknowledgements were due from you in {len(months)} months, {late} of them overdue."
    return Bars("Acknowledgements you sent, by month in which the notice was received", sentence, bars)
