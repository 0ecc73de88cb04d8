"""Our own copy of a notice: under a data key of its own, which lies beside it, wrapped under a key of the ring.

Destroying a notice is deleting its wrapped data key: copies of the content in old backups stay shut, provided that the
wrapped key is not in them too, which is why the store keeps the two apart. What the notice was about is bound to both
parts, so that no copy can be put in another's place. Both are encrypted with AES-256-GCM (`keys/wrapping.py`).
"""

from dataclasses import dataclass, field
from secrets import token_bytes

from cryptography.exceptions import InvalidTag

from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring
from keys.wrapping import DATA_KEY_BYTES, decrypt_bound, encrypt_bound


@dataclass(frozen=True, slots=True)
class Locked:
    """A copy that only our ring opens. `data_key` is the wrapped key, or None once it has been destroyed."""

    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)


def lock(payload: bytes, *, about: str, ring: Ring) -> Locked:
    """Encrypt a copy of `payload` under a new data key of its own, and wrap that key.

    Args:
        payload: any bytes, as the XML of a message.
        about: what the copy is of, as a message id. It is bound to both parts, and asked for again by `unlock`.
        ring: our keys. Its newest wrapping key wraps.
    """
    data_key = token_bytes(DATA_KEY_BYTES)
    return Locked(
        ring.wrapping.wrap_key(data_key, _bind_to("key", about)),
        encrypt_bound(data_key, payload, _bind_to("content", about)),
    )


def unlock(locked: Locked, *, about: str, ring: Ring) -> bytes:
    """Return the payload of our own copy.

    Args:
        locked: as `lock` returned it.
        about: what it was locked with.
        ring: our keys, among them the one that wrapped the data key.

    Raises:
        Destroyed: its data key is gone (`at-rest.destroyed`).
        AtRestRefused: `at-rest.unknown-key` where the data key was wrapped under a key that the ring does not hold;
            `at-rest.altered` where anything of it does not fit.
    """
    if locked.data_key is None:
        raise build_refusal(RefusalCode.AT_REST_DESTROYED)
    try:
        data_key = ring.wrapping.unwrap_key(locked.data_key, _bind_to("key", about))
        return decrypt_bound(data_key, locked.content, _bind_to("content", about))
    except (InvalidTag, ValueError):
        raise build_refusal(RefusalCode.AT_REST_ALTERED) from None


def rewrap_key(data_key: bytes, *, about: str, ring: Ring) -> bytes:
    """Return the wrapped data key of a copy wrapped anew, under the key of the ring that wraps now.

    The copy itself is neither needed nor opened.

    Args:
        data_key: as `Locked.data_key` has it.
        about: what the copy was locked with.
        ring: our keys, among them the one that wrapped it.

    Raises:
        AtRestRefused: as `unlock` does.
    """
    bound_to = _bind_to("key", about)
    try:
        return ring.wrapping.wrap_key(ring.wrapping.unwrap_key(data_key, bound_to), bound_to)
    except (InvalidTag, ValueError):
        raise build_refusal(RefusalCode.AT_REST_ALTERED) from None


def _bind_to(part: str, about: str) -> bytes:
    return f"cme-gateway/at-rest/{part}\0{about}".encode()
