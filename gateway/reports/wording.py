"""How our authority, periods and moments are called on a page."""

from datetime import date, datetime

from gateway.context import Gateway
from gateway.core.calendar import LONDON, Span

NOTHING = "-"


def format_own_authority(gw: Gateway) -> str:
    """Format our own name and code."""
    return f"{gw.config.authority.name} ({gw.code})"


def format_period(days: Span) -> str:
    """Format a period: 1 November 2026 to 30 November 2026."""
    return f"{format_day(days.first)} to {format_day(days.last)}"


def format_day(date_shown: date) -> str:
    """Format a day as people write it."""
    return f"{date_shown.day} {date_shown:%B %Y}"


def format_moment(at: datetime) -> str:
    """Format a moment as people here write it, in their time."""
    return f"{format_day(at.astimezone(LONDON))}, {at.astimezone(LONDON):%H:%M}"


def format_figure(value: float | None) -> str:
    """Format a figure of a report with at most one decimal; what there is none of as a dash."""
    return NOTHING if value is None else f"{value:.1f}".removesuffix(".0")
