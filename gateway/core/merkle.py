"""The Merkle tree of the audit log, hashed as RFC 9162 section 2.1 says.

A `Frontier` is the right edge of the tree: the roots of its complete subtrees, largest first. It is all that must be
remembered to append a leaf or to state the root, and takes 32 bytes for each bit that is set in the size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
# RFC 9162, 2.1.1: the root of no leaves.
EMPTY_ROOT = sha256(b"").digest()


def hash_leaf(entry: bytes) -> bytes:
    """Return SHA-256 of 0x00 and the entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return SHA-256 of 0x01 and both children (RFC 9162, 2.1.1); the prefix keeps a leaf from passing as a node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree of `size` leaves."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaves: Iterable[bytes]) -> "Frontier":
        """Return the frontier after these leaf hashes, in order."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            peaks.append(leaf)
            carry = size
            # Each trailing one bit is a complete subtree of the new leaf's height.
            while carry & 1:
                right = peaks.pop()
                peaks.append(hash_node(peaks.pop(), right))
                carry >>= 1
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hash_node(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the peaks, 32 bytes each; the size is kept beside them."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> "Frontier":
        """Build the frontier that `to_bytes` wrote.

        Raises ValueError where the number of peaks is not the number of bits set in the size.
        """
        if size < 0 or len(peaks) != size.bit_count() * HASH_BYTES:
            raise ValueError("the peaks do not fit the size")
        return cls(size, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


def _split_size(size: int) -> int:
    """Return the largest power of two smaller than the size (RFC 9162, 2.1.1)."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of these leaf hashes."""
    return Frontier().append(leaves).root()


def list_inclusion_subtrees(index: int, size: int) -> tuple[tuple[int, int], ...]:
    """Return the leaf, and which subtrees' roots make that path, in order. Together they are all leaves, each once."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    return _find_subpath(0, size, index)


def _find_subpath(start: int, end: int, index: int) -> tuple[tuple[int, int], ...]:
    if end - start == 1:
        return ((start, end),)
    middle = start + _split_size(end - start)
    if index < middle:
        return (*_find_subpath(start, middle, index), (middle, end))
    return (*_find_subpath(middle, end, index), (start, middle))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Verify that the path leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, at = leaf, size - 1, index
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = hash_node(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = hash_node(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == expected_root


def list_consistency_subtrees(old_size: int, new_size: int) -> tuple[tuple[int, int], ...]:
    """Return which subtrees' roots make that proof, in its order: from which leaf, and up to which.

    Together they are all leaves from the lowest of them to the last, each once.
    """
    if not 0 < old_size <= new_size:
        raise ValueError("the older tree has between one leaf and as many as the newer")
    return _find_subproof(0, new_size, old_size, whole=True)


def _find_subproof(start: int, end: int, old_end: int, *, whole: bool) -> tuple[tuple[int, int], ...]:
    if old_end == end:
        return () if whole else ((start, end),)
    middle = start + _split_size(end - start)
    if old_end <= middle:
        return (*_find_subproof(start, middle, old_end, whole=whole), (middle, end))
    return (*_find_subproof(middle, end, old_end, whole=False), (start, middle))


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Verify by the proof that the older tree is the beginning of the newer (RFC 9162, 2.1.4.2)."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    path = list(proof)
    # A power of two: the older root is itself a node of the newer tree.
    if old_size & (old_size - 1) == 0:
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
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            new = hash_node(new, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and old == old_root and new == new_root
