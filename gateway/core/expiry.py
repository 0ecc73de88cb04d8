"""What ends some day: how many days are left, and how much it presses. A partner needs the new one before the old one ends."""

from datetime import datetime, timedelta
from enum import IntEnum


class Presses(IntEnum):
    """How much it presses."""

    NOT_YET = 0
    SOON = 1
    NOW = 2
    AT_ONCE = 3
    ENDED = 4


WITHIN = ((7, Presses.AT_ONCE), (30, Presses.NOW), (60, Presses.SOON))  # days


def days_left(ends: datetime, now: datetime) -> int:
    """Whole days until then; none once it has ended."""
    return max((ends - now) // timedelta(days=1), 0)


def presses(ends: datetime, now: datetime) -> Presses:
    """How much the end presses now."""
    if ends <= now:
        return Presses.ENDED
    return next((how for days, how in WITHIN if ends - now <= timedelta(days=days)), Presses.NOT_YET)
