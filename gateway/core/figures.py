"""Figures of a report: percentiles, and DfE's bands of how long a child has been out of education."""

from collections.abc import Sequence
from datetime import date
from math import ceil

# Days below which each band ends; the codes are those of schemas/codes/durations.csv.
BANDS = (
    (14, "under-2-weeks"),
    (28, "2-to-4-weeks"),
    (56, "4-to-8-weeks"),
    (84, "8-to-12-weeks"),
    (182, "12-to-26-weeks"),
    (364, "26-to-52-weeks"),
)
LONGEST, NOT_KNOWN = "over-52-weeks", "unknown"


def find_duration_band(since: date | None, until: date) -> str:
    """Return the band of the time between two days; a first day that is missing, or after the last, is not known."""
    if since is None or since > until:
        return NOT_KNOWN
    days = (until - since).days
    return next((code for end, code in BANDS if days < end), LONGEST)


def find_percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that at least so many per cent do not exceed (nearest rank); None of no values."""
    if not values:
        return None
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
