"""What others can have us note as often as they like becomes one entry a minute and kind, with how many there were.

The first of a kind is noted at once, as it is. What comes within a minute of that is counted, and noted together when
the minute is over. `gateway.auditing.bursts` writes the entries.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

MINUTE = timedelta(minutes=1)
# Of one minute are told apart.
MOST_ADDRESSES = 10_000
# Codes, of which there are few.
MOST_WORDS = 12


@dataclass(frozen=True, slots=True)
class BurstCount:
    """What is to be noted now: how many there were, from how many addresses, and with which codes."""

    count: int
    addresses: int
    words: tuple[str, ...]


@dataclass(slots=True)
class _Burst:
    began: datetime
    # That were noted one by one since then.
    single: int = 0
    # That were not.
    count: int = 0
    addresses: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


class Bursts:
    """What was counted, by kind, and is not noted yet. Any thread may use it."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._kinds: dict[Hashable, _Burst] = {}
        self._lock = Lock()

    def add(self, kind: Hashable, word: str, address: str, now: datetime, *, singly: int = 1) -> BurstCount | None:
        """Count one more of a kind; return what is to be noted of it now. So many in a minute are noted `singly`."""
        with self._lock:
            burst = self._kinds.get(kind)
            # Also where the clock was put back.
            if burst is None or abs(now - burst.began) >= MINUTE:
                before = self._kinds[kind] = _Burst(now) if burst is None else burst
                _count_one(before, word, address)
                return _take_count(before, now)
            if burst.single < singly and not burst.count:
                burst.single += 1
                return BurstCount(1, 1, (word,))
            _count_one(burst, word, address)
            return None

    def take_due(self, now: datetime, *, everything: bool = False) -> list[tuple[Hashable, BurstCount]]:
        """List what was counted and is to be noted now, since its minute is over, or since we stop."""
        with self._lock:
            over = [kind for kind, burst in self._kinds.items() if everything or abs(now - burst.began) >= MINUTE]
            counted = [(kind, _take_count(self._kinds[kind], now)) for kind in over if self._kinds[kind].count]
            for kind in over:
                if kind not in dict(counted):
                    del self._kinds[kind]
            return counted


def _count_one(burst: _Burst, word: str, address: str) -> None:
    burst.count += 1
    if len(burst.addresses) < MOST_ADDRESSES:
        burst.addresses.add(address)
    if len(burst.words) < MOST_WORDS:
        burst.words.add(word)


def _take_count(burst: _Burst, now: datetime) -> BurstCount:
    noted = BurstCount(burst.count, len(burst.addresses - {""}), tuple(sorted(burst.words)))
    burst.began, burst.single, burst.count = now, 1, 0
    burst.addresses, burst.words = set(), set()
    return noted
