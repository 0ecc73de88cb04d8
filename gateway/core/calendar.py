"""Days on which an office works, and days on which schools are open: two words, because half-term is one and not the other.

Days are those of England, Europe/London; moments are UTC. A deadline falls at the same time of day as what it is counted
from; that hour always exists, because the clocks change on Sundays. Bank holidays are those that the `holidays` package
knows; its load takes half a second, so it is loaded with the first question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import cast
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
SATURDAY = 5
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From a first day to a last, both counted."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days count. Beyond the terms that are given, a school day is a working day."""

    closed: frozenset[date] = frozenset()  # days on which our office is closed, besides bank holidays
    terms: Sequence[Span] = ()
    breaks: Sequence[Span] = ()  # half-terms

    def is_working_day(self, day: date) -> bool:
        """Neither a weekend, nor a bank holiday in England, nor closed."""
        return day.weekday() < SATURDAY and day not in self.closed and day not in _bank_holidays()

    def is_school_day(self, day: date) -> bool:
        """A working day within a term and outside its half-term."""
        if not self.is_working_day(day):
            return False
        if not self.terms or not min(t.first for t in self.terms) <= day <= max(t.last for t in self.terms):
            return True
        return any(day in term for term in self.terms) and not any(day in pause for pause in self.breaks)

    def add_working_days(self, moment: datetime, days: int) -> datetime:
        """The same time of day so many working days later."""
        return _add(moment, days, self.is_working_day)

    def add_school_days(self, moment: datetime, days: int) -> datetime:
        """The same time of day so many school days later."""
        return _add(moment, days, self.is_school_day)

    def working_days_between(self, start: datetime, end: datetime) -> int:
        """How many working days began after `start`, up to and with the day of `end`."""
        first, last = (moment.astimezone(LONDON).date() for moment in (start, end))
        return sum(self.is_working_day(first + A_DAY * n) for n in range(1, (last - first).days + 1))


def _add(moment: datetime, days: int, counts: Callable[[date], bool]) -> datetime:
    local = moment.astimezone(LONDON)
    day = local.date()
    while days > 0:
        day += A_DAY
        days -= counts(day)
    return datetime.combine(day, local.timetz()).astimezone(UTC)


@cache
def _bank_holidays() -> Mapping[date, str]:
    import holidays  # here, because its load takes half a second

    return cast(Mapping[date, str], holidays.country_holidays("GB", subdiv="ENG"))
