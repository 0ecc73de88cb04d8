"""Proofs over all leaves of a Merkle tree, as RFC 9162 has them; the gateway reads the subtrees from its store."""

from collections.abc import Iterable, Sequence
from itertools import islice

from gateway.core.merkle import list_consistency_subtrees, list_inclusion_subtrees, root


def _compute_roots(leaves: Iterable[bytes], subtrees: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """Compute the roots of subtrees that lie side by side, from leaves that begin with the lowest: in one pass."""
    passing = iter(leaves)
    root_of = {(start, end): root(islice(passing, end - start)) for start, end in sorted(subtrees)}
    return tuple(root_of[subtree] for subtree in subtrees)


def build_inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Build the path that shows the leaf at `index` to be in the tree of all `leaves` (RFC 9162, 2.1.3.1)."""
    return _compute_roots(leaves, list_inclusion_subtrees(index, len(leaves)))[1:]


def build_consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Build the proof that the tree of the first `old_size` leaves begins the whole (RFC 9162, 2.1.4.1)."""
    subtrees = list_consistency_subtrees(old_size, len(leaves))
    return _compute_roots(leaves[min((start for start, _ in subtrees), default=0) :], subtrees)
