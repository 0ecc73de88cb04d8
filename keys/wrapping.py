"""Wrapping keys, under which lie the data keys of our own copies (`keys/at_rest.py`). Nothing else is done with them.

One wraps, as a rule the newest. Another opens what it wrapped, for as long as the ring keeps it. A wrapped data key
says which key wrapped it:

    key id (8 bytes) || nonce (12 bytes) || encrypted data key (32 bytes) || tag (16 bytes)

A key of version 0.1 has no id, and what it wrapped begins with the nonce. Keys in an HSM (`hsm.py`) wrap there, in the
same form.
"""

from collections.abc import Iterable
from secrets import token_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.errors import RefusalCode, build_refusal
from keys.hsm import Hsm
from keys.key_file import OwnKey, read_wrapping_id

NONCE_BYTES = 12
DATA_KEY_BYTES = 32
TAG_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES


class WrappingKeys:
    """Our wrapping keys. None of them can be read out."""

    __slots__ = ("_active", "_by_id", "_hsm", "active_kid")

    def __init__(self, keys: Iterable[OwnKey], active_kid: str, hsm: Hsm | None = None) -> None:
        """Take wrapping keys.

        Args:
            keys: of use "rest".
            active_kid: the id of the one that wraps.
            hsm: where some of them may be.
        """
        self._hsm = hsm
        self._by_id = {read_wrapping_id(key.kid): key for key in keys}
        self.active_kid = active_kid
        self._active = read_wrapping_id(self.active_kid)

    def wrap_key(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return the data key encrypted under the newest key, in the form that the module states.

        Args:
            data_key: 32 bytes.
            bound_to: what must be given again to unwrap it; it is not stored.
        """
        key = self._by_id[self._active]
        if key.in_hsm and self._hsm:
            return self._active + self._hsm.wrap_bytes(key.handle, data_key, bound_to)
        return self._active + encrypt_bound(key.secret, data_key, bound_to)

    def unwrap_key(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Return the data key (32 bytes).

        Args:
            wrapped: as `wrap_key` returned it, or version 0.1.
            bound_to: as it was given to `wrap_key`.

        Raises:
            AtRestRefused: the ring lacks the key that wrapped it (`at-rest.unknown-key`).
            InvalidTag: it was changed, or bound to something else.
            ValueError: it is too short to be a wrapped key.
        """
        key = self._by_id.get(wrapped[:-WRAPPED_BYTES])
        if key is None:
            raise build_refusal(RefusalCode.AT_REST_UNKNOWN_KEY)
        if key.in_hsm and self._hsm:
            return self._hsm.unwrap_bytes(key.handle, wrapped[-WRAPPED_BYTES:], bound_to)
        return decrypt_bound(key.secret, wrapped[-WRAPPED_BYTES:], bound_to)


def encrypt_bound(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    """Return nonce, ciphertext and tag (AES-256-GCM, NIST SP 800-38D), to be opened with the same `bound_to` alone.

    Args:
        key: 32 bytes.
        plain: any bytes.
        bound_to: additional authenticated data: it is not stored.
    """
    # Random, so that one key is safe for 2^32 texts (SP 800-38D, 8.3).
    nonce = token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def decrypt_bound(key: bytes, locked: bytes, bound_to: bytes) -> bytes:
    """Return what `encrypt_bound` encrypted.

    Args:
        key: 32 bytes.
        locked: nonce, ciphertext and tag.
        bound_to: as it was given to `encrypt_bound`.

    Raises:
        InvalidTag: it was changed, or bound to something else.
        ValueError: it is too short to hold a nonce.
    """
    return AESGCM(key).decrypt(locked[:NONCE_BYTES], locked[NONCE_BYTES:], bound_to)
