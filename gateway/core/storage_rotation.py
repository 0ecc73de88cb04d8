"""How one storage key takes the place of another while several processes go on, and none stores what another cannot
open: the decisions.

    waiting   it is in a key ring. It wraps nothing until every process that serves holds it
    active    every process wraps data keys under it, and what lies under others is wrapped anew, a little at a time
    retired   it still opens. When nothing lies under it any more, the rotation is finished
    revoked   a person destroyed it
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.own_keys import KeyState

# What a process had begun to wrap under the key before is stored by then.
SETTLE = timedelta(seconds=30)
# From when on a key under which nothing lies may be destroyed: by then, a backup that was begun before has its keys.
KEPT_AT_LEAST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StorageKey:
    """One of our storage keys, as all processes know it."""

    kid: str
    state: KeyState
    added_at: datetime
    # Since when it wraps.
    used_from: datetime | None = None
    # Data keys that were wrapped anew under it.
    rewrapped: int = 0
    # Those that were still under another key, as counted last; None: not counted yet.
    remaining: int | None = None
    # Of them, those that no key of ours opens.
    unopened: int = 0
    # When nothing was left under another key.
    finished_at: datetime | None = None


def find_active(keys: Iterable[StorageKey]) -> StorageKey | None:
    """Return the one that wraps; None where nobody has said yet."""
    return next((key for key in keys if key.state is KeyState.ACTIVE), None)


def find_waiting(keys: Iterable[StorageKey]) -> StorageKey | None:
    """Return the newest that waits until every process holds it; None where none does."""
    waiting = (key for key in keys if key.state is KeyState.WAITING)
    return max(waiting, key=lambda key: key.added_at, default=None)


def find_unfinished(keys: Collection[StorageKey]) -> StorageKey | None:
    """Return the one that wraps where something may be left under another; None where nothing is."""
    active = find_active(keys)
    has_old = any(key.state is KeyState.RETIRED for key in keys)
    return active if active and has_old and active.finished_at is None else None


def is_rotation_under_way(keys: Collection[StorageKey]) -> bool:
    """Tell whether a new key is not used by all processes yet, or something may be left under an old one."""
    return find_waiting(keys) is not None or find_unfinished(keys) is not None


def find_reopened(keys: Iterable[StorageKey], held: Iterable[Collection[str]]) -> StorageKey | None:
    """Return the one that wraps where its rotation was finished, but a process has older keys and goes on under one."""
    active = find_active(keys)
    is_held = active is None or all(active.kid in kids for kids in held)
    return None if active is None or active.finished_at is None or is_held else active


def pick_next_key(keys: Iterable[StorageKey], held: Iterable[Collection[str]]) -> StorageKey | None:
    """Return the newest waiting key that every process holds; None where there is none.

    Args:
        keys: all of them.
        held: of each process that serves the ids of the keys that it holds.
    """
    by_each = list(held)
    return find_waiting(key for key in keys if all(key.kid in ids for ids in by_each))


def may_finish(active: StorageKey, remaining: int, now: datetime) -> bool:
    """Tell whether the rotation to this key is finished: nothing was left, and nothing can come under an old one."""
    return remaining == 0 and active.used_from is not None and now - active.used_from >= SETTLE
