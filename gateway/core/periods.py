"""The days that a report is about, in London, and the moments at which they begin and end."""

from datetime import UTC, date, datetime, time

from gateway.core.calendar import A_DAY, LONDON, Span


def month(year: int, number: int) -> Span:
    """One calendar month."""
    following = date(year + number // 12, number % 12 + 1, 1)
    return Span(date(year, number, 1), following - A_DAY)


def month_before(today: date) -> Span:
    """The last whole month."""
    last = today.replace(day=1) - A_DAY
    return month(last.year, last.month)


def moments(days: Span) -> tuple[datetime, datetime]:
    """When the first day begins, and when the day after the last one does."""
    return _midnight(days.first), _midnight(days.last + A_DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
