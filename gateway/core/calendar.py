"""Days on which an office works, and days on which schools are open: two words, because half-term is one and not the
other.

Days are those of England, Europe/London; moments are UTC. A deadline falls at the same time of day as what it is
counted from; that hour always exists, because the clocks change on Sundays. Bank holidays are those that the `holidays`
package knows; its load takes half a second, so it is loaded with the first question.

The days of each year that count are found once for a calendar and kept in order; then to add days and to count them is
to find a place in that order.
"""

from bisect import bisect_right
from calendar import isleap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import cast
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
SATURDAY = 5
A_DAY = timedelta(days=1)
# Since when something is owed: the same are asked about day after day.
MOMENTS_KEPT = 16_384
# Of all calendars together, some three for each authority of England.
YEARS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Span:
    """From a first day to a last, both counted."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


# Its days are kept by which calendar it is, not by all that it holds.
@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Which days count. Beyond the terms that are given, a school day is a working day."""

    # Days on which our office is closed, besides bank holidays.
    closed: frozenset[date] = frozenset()
    terms: Sequence[Span] = ()
    # half-terms.
    breaks: Sequence[Span] = ()

    def is_working_day(self, day: date) -> bool:
        """Tell whether it is neither a weekend, nor a bank holiday in England, nor closed."""
        return day.weekday() < SATURDAY and day not in self.closed and day not in _bank_holidays()

    def is_school_day(self, day: date) -> bool:
        """Tell whether it is a working day within a term and outside its half-term."""
        if not self.is_working_day(day):
            return False
        if not self.terms or not min(t.first for t in self.terms) <= day <= max(t.last for t in self.terms):
            return True
        return any(day in term for term in self.terms) and not any(day in pause for pause in self.breaks)

    def add_working_days(self, moment: datetime, days: int) -> datetime:
        """Return the same time of day so many working days later."""
        return _add_days(moment, days, self, _working_days)

    def add_school_days(self, moment: datetime, days: int) -> datetime:
        """Return the same time of day so many school days later."""
        return _add_days(moment, days, self, _school_days)

    def working_days_between(self, start: datetime, end: datetime) -> int:
        """Count how many working days began after `start`, up to and with the day of `end`."""
        first, last = _day_of(start), _day_of(end)
        if last <= first:
            return 0
        count = bisect_right(_working_days(self, last.year), last) - bisect_right(
            _working_days(self, first.year), first
        )
        for year in range(first.year, last.year):
            count += len(_working_days(self, year))
        return count


def _add_days(
    moment: datetime, days: int, calendar: Calendar, of_year: Callable[[Calendar, int], Sequence[date]]
) -> datetime:
    if days <= 0:
        return moment
    local = moment.astimezone(LONDON)
    year, counted = local.year, of_year(calendar, local.year)
    place = bisect_right(counted, local.date()) + days - 1
    while place >= len(counted):
        year, place = year + 1, place - len(counted)
        counted = of_year(calendar, year)
    return datetime.combine(counted[place], local.timetz()).astimezone(UTC)


@lru_cache(MOMENTS_KEPT)
def _day_of(moment: datetime) -> date:
    return moment.astimezone(LONDON).date()


@lru_cache(YEARS_KEPT)
def _working_days(calendar: Calendar, year: int) -> Sequence[date]:
    return [day for day in _days_of_year(year) if calendar.is_working_day(day)]


@lru_cache(YEARS_KEPT)
def _school_days(calendar: Calendar, year: int) -> Sequence[date]:
    return [day for day in _working_days(calendar, year) if calendar.is_school_day(day)]


def _days_of_year(year: int) -> Iterator[date]:
    first = date(year, 1, 1)
    return (first + A_DAY * number for number in range(366 if isleap(year) else 365))


@cache
def _bank_holidays() -> Mapping[date, str]:
    # Here, because its load takes half a second.
    import holidays

    return cast(Mapping[date, str], holidays.country_holidays("GB", subdiv="ENG"))
