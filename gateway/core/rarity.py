"""How rare a name is among the children of one authority, in bits: what its agreement says.

A part of a name is counted over all children who bear it anywhere among their names, for it is compared wherever it
stands. Where two parts agree less than letter by letter, the count is that of all who would agree so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2

from gateway.core.name_parts import list_sounds
from gateway.core.names import Likeness

# What both names together may say: who bears a name alone here is not alone in the country.
RAREST, COMMONEST = 16.5, 5.0
# What one part may say.
RAREST_PART = 12.0


def part_key(part: str) -> str:
    """Return the key under which it is counted who bears a part."""
    return f"c|{part}"


def sound_key(sound: str) -> str:
    """Return the key under which it is counted who bears a part that sounds so."""
    return f"h|{sound}"


def list_count_keys(parts: Iterable[str]) -> set[str]:
    """Return the keys under which a child with these parts is counted."""
    return {key for part in parts for key in (part_key(part), *map(sound_key, list_sounds(part)))}


@dataclass(frozen=True, slots=True)
class NameCounts:
    """How many children bear what, of so many. What is missing is borne once."""

    of: int
    counts: Mapping[str, int]

    def weigh_part(self, sought: str, ours: str, likeness: Likeness) -> float:
        """Return the bits that these two parts say, where they are so near."""
        if likeness is Likeness.SAME:
            return self._bits(self.counts.get(part_key(ours), 1))
        kinds = (ours, sought) if likeness is Likeness.NICKNAME else (ours,)
        return self._bits(max(self.counts.get(sound_key(sound), 1) for part in kinds for sound in list_sounds(part)))

    def weigh_pair(self, key: str) -> float:
        """Return the bits that surname and forename together say at most, by `blocking.pair_count_key`."""
        return min(RAREST, max(COMMONEST, log2(max(self.of, 2) / self.counts.get(key, 1))))

    def _bits(self, count: int) -> float:
        return min(RAREST_PART, log2(max(self.of, 2) / max(1, min(count, self.of))))
