"""Wrong secrets by address, so that one who tries many is held up, whatever they try.

Kept in memory, and not for ever: a gateway that begins anew, or an attacker with thousands of addresses, loses the
count.
"""

from dataclasses import dataclass, field

# Wrong tries of one address, and in how many seconds: some officers share one.
MOST, WINDOW = 30, 900.0
# Are remembered, the newest.
ADDRESSES = 4_096


@dataclass(slots=True)
class WrongTries:
    """How often each address was wrong, since when."""

    counts: dict[str, tuple[int, float]] = field(default_factory=dict)

    def get_wait(self, address: str, now: float) -> int:
        """Return the seconds for which this address is not listened to; 0 where it is."""
        count, since = self.counts.get(address, (0, now))
        return int(since + WINDOW - now) + 1 if count >= MOST and now < since + WINDOW else 0

    def count_wrong(self, address: str, now: float) -> None:
        """Count one wrong try more."""
        count, since = self.counts.pop(address, (0, now))
        self.counts[address] = (1, now) if now >= since + WINDOW else (count + 1, since)
        if len(self.counts) > ADDRESSES:
            self.counts.pop(next(iter(self.counts)))
