"""How authorities and periods are called on a page."""

from datetime import date, datetime

from gateway.context import Authority
from gateway.core.calendar import LONDON, Span
from schemas import codes


def named(code: str) -> str:
    """An authority's name and code."""
    return f"{codes.authority_name(code) or 'unknown'} ({code})"


def whose(here: Authority) -> str:
    """Our own name and code."""
    return f"{here.config.authority.name} ({here.code})"


def said(days: Span) -> str:
    """A period: 1 November 2026 to 30 November 2026."""
    return f"{day(days.first)} to {day(days.last)}"


def day(one: date) -> str:
    """A day as people write it."""
    return f"{one.day} {one:%B %Y}"


def moment(at: datetime) -> str:
    """A moment as people here write it, in their time."""
    return f"{day(at.astimezone(LONDON))}, {at.astimezone(LONDON):%H:%M}"
