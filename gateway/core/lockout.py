"""Wrong secrets in a row: after five, whoever they were shown for is locked for a quarter of an hour. For people and case systems alike."""

from datetime import datetime, timedelta

TRIES, LOCKED = 5, timedelta(minutes=15)


def is_locked(until: datetime | None, now: datetime) -> bool:
    """Does a lock that was set until then hold now?"""
    return until is not None and until > now


def after_wrong(failed: int, now: datetime) -> tuple[int, datetime | None]:
    """After one wrong secret more: how many there were in a row, and until when nobody is let in. A lock begins the count anew."""
    return (0, now + LOCKED) if failed + 1 >= TRIES else (failed + 1, None)
