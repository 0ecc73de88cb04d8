"""Digests under our own keys: what is stored can be recognised again, and says nothing to whoever lacks the keys.

Each purpose has an HMAC key of its own (NIST SP 800-57 part 1, 5.2: a key serves one purpose). It is expanded from one
root (HKDF-Expand, RFC 5869, 2.3) that never rotates: with another root a leaver would be sent a second time, a letter
would change its reference, and no notice would be found.

In a home that version 0.1 made, the root is the key under which data keys were wrapped, and four purposes used it as it
is. What that version stored must stay recognisable, so those four go on with the same key and the same bytes. Only
wrapping gets a key of its own there, with the next `keys rotate` (`keys/ring.py`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES = 32
# What a database keeps and compares as one number.
NUMBER_BYTES = 8


class Purpose(StrEnum):
    """What a digest is for. A value is part of every digest of its purpose, so it never changes."""

    # The reference of a letter to people.
    LETTER = "letter"
    # A row of an extract of leavers, and the child in it.
    LEAVER = "leaver"
    # A request of a case system that came with an Idempotency-Key.
    REQUEST = "request"
    # A key under which a child of the pupil index is found.
    CHILD = "child-key"
    # A term by which a notice is found.
    MARK = "marks"
    # A backup code of somebody's second factor.
    BACKUP_CODE = "backup-code"


# What version 0.1 wrote before the parts, where the root itself was the key. Marks had a key of their own already.
_PREFIXES_OF_0_1: Mapping[Purpose, bytes] = {
    Purpose.LETTER: b"letter\0",
    Purpose.LEAVER: b"",
    Purpose.REQUEST: b"request\0",
    Purpose.CHILD: b"child-key\0",
}


class DigestKeys:
    """One HMAC key (RFC 2104, with SHA-256) for each purpose. None of them can be read out."""

    __slots__ = ("_keyed",)

    def __init__(self, root: bytes, *, made_by_0_1: bool) -> None:
        """Derive the key of each purpose from the root (HKDF-Expand, RFC 5869, 2.3).

        Args:
            root: 32 random bytes.
            made_by_0_1: the home was made by version 0.1, whose digests must stay as they are.
        """
        self._keyed = {
            purpose: _key_of_0_1(root, purpose)
            if made_by_0_1 and purpose in _PREFIXES_OF_0_1
            else HMAC(_derive_key(root, purpose), SHA256())
            for purpose in Purpose
        }

    def compute_digest(self, purpose: Purpose, *parts: str | bytes) -> bytes:
        """Return 32 bytes: the digest (HMAC-SHA256, RFC 2104) of these parts, in this order.

        Args:
            purpose: what it is for. Digests of two purposes have nothing in common.
            *parts: text is taken as UTF-8. They are joined by a zero byte, so at most one of them may hold such bytes
                itself.
        """
        keyed = self._keyed[purpose].copy()
        keyed.update(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))
        return keyed.finalize()

    def compute_numbers(self, purpose: Purpose, texts: Iterable[str]) -> set[int]:
        """Return the first 64 bits of the digest of each text, as databases keep numbers: big-endian, with a sign.

        Args:
            purpose: as for `compute_digest`.
            texts: each is digested by itself, as UTF-8.
        """
        keyed = self._keyed[purpose]
        return {_compute_number(keyed.copy(), text) for text in texts}


def _derive_key(root: bytes, purpose: Purpose) -> bytes:
    # No extract step (RFC 5869, 3.3): the root is random already.
    return HKDFExpand(SHA256(), KEY_BYTES, f"cme-gateway/{purpose}".encode()).derive(root)


def _key_of_0_1(root: bytes, purpose: Purpose) -> HMAC:
    keyed = HMAC(root, SHA256())
    keyed.update(_PREFIXES_OF_0_1[purpose])
    return keyed


def _compute_number(keyed: HMAC, text: str) -> int:
    keyed.update(text.encode())
    return int.from_bytes(keyed.finalize()[:NUMBER_BYTES], "big", signed=True)
