"""What lies somewhere and could not be handled is put off, so that it holds up nothing that lies behind it.

It is tried again after half a minute, then ever more seldom, as the reason may pass: a quota, a right, a server's bad
hour.
"""

import time
from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.route import Left

Key = TypeVar("Key", bound=Hashable)

# Seconds.
FIRST_AGAIN = 30.0
# Times as long before each further try.
SLOWER = 4
# Seconds: once an hour, for as long as it lies there.
LAST_AGAIN = 3600.0


@dataclass(frozen=True, slots=True)
class _DeferredThing:
    why: str
    tries: int
    # By the monotonic clock.
    again_at: float


class PutOff(Generic[Key]):
    """Remembers, for one place, what was put off there. Whoever has it asks `is_due` before a try."""

    def __init__(self) -> None:
        """Nothing is put off yet."""
        self._known: dict[Key, _DeferredThing] = {}

    def __contains__(self, key: Key) -> bool:
        """Say whether it was put off before."""
        return key in self._known

    def add(self, key: Key, why: str) -> None:
        """Put it off, for longer than the last time."""
        tries = self._known[key].tries if key in self._known else 0
        wait = min(FIRST_AGAIN * SLOWER ** min(tries, 10), LAST_AGAIN)
        self._known[key] = _DeferredThing(why, tries + 1, time.monotonic() + wait)

    def is_due(self, key: Key) -> bool:
        """Say whether it may be tried now."""
        return key not in self._known or time.monotonic() >= self._known[key].again_at

    def mark_handled(self, key: Key) -> None:
        """It was handled."""
        self._known.pop(key, None)

    def keep_only(self, keys: Collection[Key]) -> None:
        """Forget all but these: what lies there no more."""
        self._known = {key: known for key, known in self._known.items() if key in keys}

    def list_left(self) -> list[Left]:
        """Say what is put off: of each reason how many."""
        counts = Counter(known.why for known in self._known.values())
        return [Left(why, count) for why, count in sorted(counts.items())]
