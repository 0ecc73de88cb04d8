"""Our own copy of a notice: under a data key of its own, which lies beside it, wrapped under the ring's at-rest key.

Destroying a notice is deleting its wrapped data key: copies of the content in old backups stay shut, provided that the
wrapped key is not in them too, which is why the store keeps the two apart. What the notice was about is bound to both
parts (AES-256-GCM, NIST SP 800-38D), so that no copy can be put in another's place.
"""

from dataclasses import dataclass, field
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys import errors
from keys.ring import Ring

NONCE_BYTES = 12
DATA_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Locked:
    """A copy that only our ring opens. `data_key` is the wrapped key, or None once it has been destroyed."""

    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)


def lock(payload: bytes, *, about: str, ring: Ring) -> Locked:
    """Lock a copy. `about` is its message id, and is asked for again when it is opened."""
    data_key = token_bytes(DATA_KEY_BYTES)
    return Locked(
        _encrypt(ring.at_rest_key, data_key, _bound_to("key", about)),
        _encrypt(data_key, payload, _bound_to("content", about)),
    )


def unlock(locked: Locked, *, about: str, ring: Ring) -> bytes:
    """Open our copy."""
    if locked.data_key is None:
        raise errors.Destroyed
    try:
        data_key = _decrypt(ring.at_rest_key, locked.data_key, _bound_to("key", about))
        return _decrypt(data_key, locked.content, _bound_to("content", about))
    except (InvalidTag, ValueError):
        raise errors.AtRestAltered from None


def _bound_to(part: str, about: str) -> bytes:
    return f"cme-gateway/at-rest/{part}\0{about}".encode()


def _encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = token_bytes(NONCE_BYTES)  # random: with one wrapping key safe for 2^32 notices (SP 800-38D, 8.3)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def _decrypt(key: bytes, locked: bytes, bound_to: bytes) -> bytes:
    return AESGCM(key).decrypt(locked[:NONCE_BYTES], locked[NONCE_BYTES:], bound_to)
