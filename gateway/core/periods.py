"""The days that a report is about, in London, and the moments at which they begin and end."""

from datetime import UTC, date, datetime, time

from gateway.core.calendar import A_DAY, LONDON, Calendar, Span

SUNDAY = 6


def get_month(year: int, number: int) -> Span:
    """Return one calendar month."""
    following = date(year + number // 12, number % 12 + 1, 1)
    return Span(date(year, number, 1), following - A_DAY)


def get_month_before(today: date) -> Span:
    """Return the last whole month."""
    last = today.replace(day=1) - A_DAY
    return get_month(last.year, last.month)


def list_half_terms(calendar: Calendar) -> list[Span]:
    """List the halves of each term, before its break and after it, the oldest first; a term without a break is one."""
    halves = []
    for term in sorted(calendar.terms, key=lambda span: span.first):
        first = term.first
        for pause in sorted((span for span in calendar.breaks if span.first in term), key=lambda span: span.first):
            halves.append(Span(first, pause.first - A_DAY))
            first = pause.last + A_DAY
        halves.append(Span(first, term.last))
    return [half for half in halves if half.first <= half.last]


def find_week_end(now: datetime) -> date:
    """Return the Sunday with which this week ends."""
    today = now.astimezone(LONDON).date()
    return today + (SUNDAY - today.weekday()) * A_DAY


def is_within_week(due_at: datetime, now: datetime) -> bool:
    """Tell whether it is yet to come, and comes by the end of this week."""
    return due_at > now and due_at.astimezone(LONDON).date() <= find_week_end(now)


def get_moments(days: Span) -> tuple[datetime, datetime]:
    """Return when the first day begins, and when the day after the last one does."""
    return _find_midnight(days.first), _find_midnight(days.last + A_DAY)


def _find_midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
