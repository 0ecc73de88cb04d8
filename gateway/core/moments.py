"""Moments as people read them on a page, in a finding or a sentence: in UK time, whatever the server's clock shows."""

from datetime import datetime

from gateway.core.calendar import LONDON
from schemas.reading import format_day


def format_moment(at: datetime) -> str:
    """Return a moment in UK time: "25 November 2026 at 4:12am"."""
    local = at.astimezone(LONDON)
    return f"{format_day(local)} at {format_clock(local)}"


def format_clock(at: datetime) -> str:
    """Return a time of day in UK time: "4:12am"."""
    local = at.astimezone(LONDON)
    return f"{local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"
