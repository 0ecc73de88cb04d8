"""The days that a report is about, in London, and the moments at which they begin and end."""

from datetime import UTC, date, datetime, time

from gateway.core.calendar import A_DAY, LONDON, Calendar, Span


def month(year: int, number: int) -> Span:
    """One calendar month."""
    following = date(year + number // 12, number % 12 + 1, 1)
    return Span(date(year, number, 1), following - A_DAY)


def month_before(today: date) -> Span:
    """The last whole month."""
    last = today.replace(day=1) - A_DAY
    return month(last.year, last.month)


def half_terms(calendar: Calendar) -> list[Span]:
    """The halves of each term, before its break and after it, the oldest first; a term without a break is one."""
    halves = []
    for term in sorted(calendar.terms, key=lambda one: one.first):
        first = term.first
        for pause in sorted((one for one in calendar.breaks if one.first in term), key=lambda one: one.first):
            halves.append(Span(first, pause.first - A_DAY))
            first = pause.last + A_DAY
        halves.append(Span(first, term.last))
    return [half for half in halves if half.first <= half.last]


def moments(days: Span) -> tuple[datetime, datetime]:
    """When the first day begins, and when the day after the last one does."""
    return _midnight(days.first), _midnight(days.last + A_DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
