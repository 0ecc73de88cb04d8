"""Our own copy of a notice: under a data key of its own, which lies beside it, wrapped under a key of the ring.

Destroying a notice is deleting its wrapped data key: copies of the content in old backups stay shut, provided that the
wrapped key is not in them too, which is why the store keeps the two apart. What the notice was about is bound to both
parts, so that no copy can be put in another's place.
"""

from dataclasses import dataclass, field
from secrets import token_bytes

from cryptography.exceptions import InvalidTag

from keys import errors
from keys.ring import Ring
from keys.wrapping import DATA_KEY_BYTES, decrypt_bound, encrypt_bound


@dataclass(frozen=True, slots=True)
class Locked:
    """A copy that only our ring opens. `data_key` is the wrapped key, or None once it has been destroyed."""

    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)


def lock(payload: bytes, *, about: str, ring: Ring) -> Locked:
    """Lock a copy. `about` is its message id, and is asked for again when it is opened."""
    data_key = token_bytes(DATA_KEY_BYTES)
    return Locked(
        ring.wrapping.wrap_key(data_key, _bind_to("key", about)),
        encrypt_bound(data_key, payload, _bind_to("content", about)),
    )


def unlock(locked: Locked, *, about: str, ring: Ring) -> bytes:
    """Open our copy. `about` is what it was locked with.

    Raises Destroyed where its data key is gone, UnknownWrappingKey where that was wrapped under a key that the ring
    does not hold, and AtRestAltered where anything of it does not fit.
    """
    if locked.data_key is None:
        raise errors.Destroyed
    try:
        data_key = ring.wrapping.unwrap_key(locked.data_key, _bind_to("key", about))
        return decrypt_bound(data_key, locked.content, _bind_to("content", about))
    except (InvalidTag, ValueError):
        raise errors.AtRestAltered from None


def _bind_to(part: str, about: str) -> bytes:
    return f"cme-gateway/at-rest/{part}\0{about}".encode()
