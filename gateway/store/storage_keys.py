"""Which of our storage keys wraps data keys now, for every process of this gateway, and how far a rotation is."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.core.own_keys import KeyState
from gateway.core.storage_rotation import StorageKey
from gateway.store.rows import get_values
from gateway.store.tables import storage_keys

_at = storage_keys.c


def list_storage_keys(tx: Connection) -> list[StorageKey]:
    """List them, the newest first."""
    rows = tx.execute(select(storage_keys).order_by(_at.added_at.desc(), _at.kid))
    return [StorageKey(**{**row._mapping, "state": KeyState(row.state)}) for row in rows]


def add_storage_key(tx: Connection, key: StorageKey) -> None:
    """Add a key."""
    tx.execute(insert(storage_keys).values(get_values(key)))


def activate_storage_key(tx: Connection, now: datetime, kid: str) -> None:
    """Have this key wrap from now on, and no other: those before it are retired."""
    others = _at.kid != kid, _at.state.in_([KeyState.ACTIVE, KeyState.WAITING])
    tx.execute(update(storage_keys).where(*others).values(state=KeyState.RETIRED))
    fresh = {"state": KeyState.ACTIVE, "used_from": now, "finished_at": None}
    tx.execute(update(storage_keys).where(_at.kid == kid).values(fresh))


def note_progress(
    tx: Connection, kid: str, *, rewrapped: int = 0, remaining: int | None = None, unopened: int | None = None
) -> None:
    """Note how many more were wrapped anew under this key; how many are left, and which of them nothing opens."""
    more = {"rewrapped": _at.rewrapped + rewrapped, "remaining": _at.remaining - rewrapped}
    counted = {name: value for name, value in (("remaining", remaining), ("unopened", unopened)) if value is not None}
    tx.execute(update(storage_keys).where(_at.kid == kid).values(more | counted))


def set_finished(tx: Connection, kid: str, at: datetime | None) -> None:
    """Note that nothing is left under another key than this; or None, that something may be again."""
    tx.execute(update(storage_keys).where(_at.kid == kid).values(finished_at=at))


def revoke_storage_key(tx: Connection, kid: str) -> None:
    """Note that a key was destroyed."""
    tx.execute(update(storage_keys).where(_at.kid == kid).values(state=KeyState.REVOKED))
