"""Where secrets are shown, and wrong ones in a row: after five, whoever they were shown for is locked for 15 minutes.

For people and case systems alike.
"""

from datetime import datetime, timedelta
from enum import StrEnum

TRIES, LOCKED = 5, timedelta(minutes=15)


class Entrance(StrEnum):
    """Where a secret is shown, or a card."""

    CONSOLE = "console"
    API = "api"
    EXCHANGE = "exchange"


def is_locked(until: datetime | None, now: datetime) -> bool:
    """Tell whether a lock that was set until then holds now."""
    return until is not None and until > now


def count_wrong_secret(failed: int, now: datetime) -> tuple[int, datetime | None]:
    """Count one wrong secret more; return how many there were in a row, and until when nobody is let in."""
    return (0, now + LOCKED) if failed + 1 >= TRIES else (failed + 1, None)
