"""What was handed out and not acknowledged rests for a while, so that what lies behind it has its turn.

A bundle that its owner cannot handle would else be handed out again and again, before all others. The rest is short at
first, as the answer may have been lost on its way, and doubles each time.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from datetime import timedelta

# One who was killed, or lost the answer, soon gets it again.
FIRST_REST = timedelta(seconds=10).total_seconds()
LONGEST_REST = timedelta(minutes=10).total_seconds()


@dataclass(frozen=True, slots=True)
class _Rest:
    # By the monotonic clock.
    until: float
    seconds: float


class Resting:
    """What rests, by the place where it lies.

    It lives as long as the process: another hands out everything once more.
    """

    def __init__(self) -> None:
        """Begin with nothing that rests."""
        self._places: dict[Hashable, dict[str, _Rest]] = {}

    def list_names(self, place: Hashable, now: float) -> set[str]:
        """Say what rests in this place."""
        return {name for name, rest in self._places.get(place, {}).items() if rest.until > now}

    def handed_out(self, place: Hashable, names: Collection[str], now: float) -> None:
        """Let these rest, each for longer than the last time; what has not been handed out for long is forgotten."""
        rests = self._places.setdefault(place, {})
        for name in names:
            seconds = min(rests[name].seconds * 2, LONGEST_REST) if name in rests else FIRST_REST
            rests[name] = _Rest(now + seconds, seconds)
        for name in [name for name, rest in rests.items() if now - rest.until > LONGEST_REST]:
            del rests[name]

    def forget(self, place: Hashable, name: str) -> None:
        """Forget what was acknowledged."""
        self._places.get(place, {}).pop(name, None)
