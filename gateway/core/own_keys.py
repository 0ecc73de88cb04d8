"""The keys of a gateway, of every kind, as a list shows them: nothing of them is secret."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyKind(StrEnum):
    """What a key is for."""

    IDENTITY = "identity"
    SIGNING = "signing"
    SEALING = "sealing"
    STORAGE = "storage"
    RECOGNITION = "recognition"
    CERTIFICATE = "certificate"
    LETTERS = "letters"


class KeyState(StrEnum):
    """How a key stands: it is not used yet; it is used; what it did still counts; nothing of it counts any more."""

    WAITING = "waiting"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One key of a gateway."""

    id: str
    kind: KeyKind
    state: KeyState
    # None: not known, as of an identity key that is kept elsewhere.
    created_at: datetime | None
    # None: it has no end.
    valid_until: datetime | None
    # Of the storage key in use, while it takes the place of an older one: data keys that were encrypted again under it,
    # those that are left (None: not counted yet), and those of them that no key here opens.
    rewrapped: int | None = None
    remaining: int | None = None
    unopened: int | None = None
