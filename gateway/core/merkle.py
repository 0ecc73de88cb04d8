"""The Merkle tree of the audit log, hashed as RFC 9162 section 2.1 says.

A `Frontier` is the right edge of the tree: the roots of its complete subtrees, largest first. It is all that must be
remembered to append a leaf or to state the root, and takes 32 bytes for each bit that is set in the size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()  # RFC 9162, 2.1.1: the root of no leaves


def leaf_hash(entry: bytes) -> bytes:
    """RFC 9162, 2.1.1: SHA-256 of 0x00 and the entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162, 2.1.1: SHA-256 of 0x01 and both children; the prefix keeps a leaf from passing as a node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree of `size` leaves."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaf hashes, in order."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            peaks.append(leaf)
            carry = size
            while carry & 1:  # each trailing one bit is a complete subtree of the new leaf's height
                right = peaks.pop()
                peaks.append(node_hash(peaks.pop(), right))
                carry >>= 1
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """The peaks, 32 bytes each; the size is kept beside them."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> "Frontier":
        """The frontier that `to_bytes` wrote.

        Raises ValueError where the number of peaks is not the number of bits set in the size.
        """
        if size < 0 or len(peaks) != size.bit_count() * HASH_BYTES:
            raise ValueError("the peaks do not fit the size")
        return cls(size, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


def _split(size: int) -> int:
    """RFC 9162, 2.1.1: the largest power of two smaller than the size."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of these leaf hashes."""
    return Frontier().append(leaves).root()


def inclusion(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """RFC 9162, 2.1.3.1: the path that shows the leaf at `index` to be in the tree of all `leaves`."""
    return roots_of(leaves, inclusion_subtrees(index, len(leaves)))[1:]


def inclusion_subtrees(index: int, size: int) -> tuple[tuple[int, int], ...]:
    """The leaf itself, and which subtrees' roots make that path, in its order. Together they are all leaves, each once."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    return _subpath(0, size, index)


def _subpath(start: int, end: int, index: int) -> tuple[tuple[int, int], ...]:
    if end - start == 1:
        return ((start, end),)
    middle = start + _split(end - start)
    if index < middle:
        return (*_subpath(start, middle, index), (middle, end))
    return (*_subpath(middle, end, index), (start, middle))


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """RFC 9162, 2.1.3.2: does the path lead from the leaf to the root?"""
    if not 0 <= index < size:
        return False
    node, last, at = leaf, size - 1, index
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == expected_root


def consistency(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """RFC 9162, 2.1.4.1: the proof that the tree of the first `old_size` leaves is the beginning of the whole."""
    subtrees = consistency_subtrees(old_size, len(leaves))
    return roots_of(leaves[min((start for start, _ in subtrees), default=0) :], subtrees)


def consistency_subtrees(old_size: int, new_size: int) -> tuple[tuple[int, int], ...]:
    """Which subtrees' roots make that proof, in its order: from which leaf, and up to which.

    Together they are all leaves from the lowest of them to the last, each once.
    """
    if not 0 < old_size <= new_size:
        raise ValueError("the older tree has between one leaf and as many as the newer")
    return _subproof(0, new_size, old_size, whole=True)


def _subproof(start: int, end: int, old_end: int, *, whole: bool) -> tuple[tuple[int, int], ...]:
    if old_end == end:
        return () if whole else ((start, end),)
    middle = start + _split(end - start)
    if old_end <= middle:
        return (*_subproof(start, middle, old_end, whole=whole), (middle, end))
    return (*_subproof(middle, end, old_end, whole=False), (start, middle))


def roots_of(leaves: Iterable[bytes], subtrees: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """The roots of subtrees that lie side by side, from leaves that begin with the lowest: in one pass, holding no leaf."""
    passing = iter(leaves)
    found = {(start, end): root(islice(passing, end - start)) for start, end in sorted(subtrees)}
    return tuple(found[subtree] for subtree in subtrees)


def consistent(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2: does the proof show that the older tree is the beginning of the newer?"""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # a power of two: the older root is itself a node of the newer tree
        path.insert(0, old_root)
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == new_root
