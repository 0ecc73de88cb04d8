"""What ends some day: how many days are left, and how much it presses.

A partner needs the new one before the old one ends.
"""

from datetime import datetime, timedelta
from enum import IntEnum


class ExpiryLevel(IntEnum):
    """How much it presses."""

    NOT_YET = 0
    SOON = 1
    NOW = 2
    AT_ONCE = 3
    ENDED = 4


# Days.
WITHIN = ((7, ExpiryLevel.AT_ONCE), (30, ExpiryLevel.NOW), (60, ExpiryLevel.SOON))


def count_days_left(ends: datetime, now: datetime) -> int:
    """Count the whole days until then; none once it has ended."""
    return max((ends - now) // timedelta(days=1), 0)


def get_expiry_level(ends: datetime, now: datetime) -> ExpiryLevel:
    """Return how much the end presses now."""
    if ends <= now:
        return ExpiryLevel.ENDED
    return next((how for days, how in WITHIN if ends - now <= timedelta(days=days)), ExpiryLevel.NOT_YET)
