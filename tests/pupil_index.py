"""A town's children under their keys, in memory: what an officer would be shown, as the flow finds it, without a store."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from gateway.core import blocking, matching
from gateway.core.child import ComparedChild
from gateway.core.matching import ChildMatch
from gateway.core.rarity import NameCounts


class MemoryIndex:
    """An index of these children."""

    def __init__(self, children: Sequence[ComparedChild]) -> None:
        """File them, and count their names."""
        self.children = children
        self.by_key: dict[str, list[int]] = defaultdict(list)
        counts: Counter[str] = Counter()
        for number, child in enumerate(children):
            for key in blocking.filing_keys(child):
                self.by_key[key].append(number)
            counts.update(blocking.count_keys(child))
        self.counts = NameCounts(len(children), counts)

    def compare(self, sought: ComparedChild) -> dict[int, ChildMatch]:
        """Everybody who is near enough to be compared."""
        near = {n for key in blocking.search_keys(sought) for n in self.by_key.get(key, ())}
        return {
            n: matching.match_child(sought, self.children[n], self.counts, blocking.pair_count_key(self.children[n]))
            for n in near
        }

    def show(self, sought: ComparedChild) -> tuple[dict[int, ChildMatch], str]:
        """Whom an officer sees, and the verdict: matched, person or none."""
        found = self.compare(sought)
        least = matching.get_least_strength(found.values())
        shown = {n: one for n, one in found.items() if matching.is_shown(one, least)}
        near = any(one.strength >= matching.CAUTIOUS for one in found.values())
        return shown, "matched" if shown else "person" if near else "none"
