"""How long what is missing has been waited for: counts by working days."""

from collections.abc import Iterable
from dataclasses import dataclass

BANDS = ((0, 0, "0 days"), (1, 1, "1 day"), (2, 2, "2 days"), (3, 5, "3 to 5 days"), (6, 10, "6 to 10 days"))
MORE = "more than 10"


@dataclass(frozen=True, slots=True)
class AgeBand:
    """One band: how many have waited so long, and are in time, or late."""

    band: str
    in_time: int
    late: int


def count_ages(waited: Iterable[tuple[int, bool]]) -> list[AgeBand]:
    """Count by every band, the shortest first. Each of `waited` is its working days, and whether it is late."""
    counts = {name: [0, 0] for name in (*(band for _, _, band in BANDS), MORE)}
    for days, late in waited:
        counts[_find_band(days)][late] += 1
    return [AgeBand(name, in_time, late) for name, (in_time, late) in counts.items()]


def _find_band(days: int) -> str:
    return next((name for first, last, name in BANDS if first <= days <= last), MORE)
