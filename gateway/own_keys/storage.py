"""The storage key is replaced while the gateway runs: `core/storage_rotation` says by which steps.

Data keys are wrapped anew a few at a time, each few in one transaction, and nothing that they lock is opened. So a
process that ends anywhere leaves each under the old key or the new, which both open, and whoever leads next goes on.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gateway import home_folder
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.storage_rotation import (
    SETTLE,
    StorageKey,
    find_reopened,
    find_unfinished,
    is_rotation_under_way,
    may_finish,
    pick_next_key,
)
from gateway.errors import NotAllowed
from gateway.store import audit_log, running_processes, storage_keys, wrapped_keys
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.wrapped_keys import COLUMNS, WrappedColumn
from keys import at_rest
from keys.errors import AtRestRefused
from keys.ring import Ring

# Seconds between two looks.
LOOK_EVERY = 3.0
# In one transaction, which takes some milliseconds, so that nobody else waits for long; and seconds between two.
TOGETHER = 200
PAUSE = 0.05
# A process of which nothing was seen for so long does not run.
SERVES_WITHIN = timedelta(minutes=1)
# Where something is left that no key of ours opens, all is looked through again after this.
AGAIN_AFTER = timedelta(hours=1)
# A pass over millions of data keys takes minutes.
LATE = timedelta(hours=2)


def rotate_storage_key(gw: Gateway, *, by: str) -> str:
    """Make a new storage key; return its id. A gateway that runs does the rest.

    Raises NotAllowed `keys.rotation-under-way` where another takes the place of an older one already, whichever process
    began that.
    """
    folder, passphrase = gw.config.home / home_folder.KEYS, gw.config.read_passphrase()
    with Ring.hold_files(folder):
        held = home_folder.unlock_ring(gw.config)
        gw.store.run(lambda tx: home_folder.add_held_storage_keys(tx, gw.now(), held))
        _check_no_rotation(gw.store.look(storage_keys.list_storage_keys))
        places = home_folder.build_key_places(gw.config)
        ring = Ring.rotate(folder, passphrase=passphrase, now=gw.now(), places=places, uses=("rest",))
        kid = ring.storage_kids[0]
        try:
            gw.store.run(lambda tx: _begin_rotation(tx, gw, ring, by))
        except NotAllowed:
            # From another home folder of this gateway. Nothing was wrapped under ours.
            Ring.drop_storage_key(folder, kid, passphrase=passphrase, hsm=places.hsm)
            raise
    return kid


def _begin_rotation(tx: Tx, gw: Gateway, ring: Ring, by: str) -> None:
    audit_log.lock_log(tx)
    _check_no_rotation(storage_keys.list_storage_keys(tx))
    for kid in home_folder.add_held_storage_keys(tx, gw.now(), ring):
        audit_log.append_entries(tx, gw.now(), [AuditEntry("keys.storage-rotated", by, kid)])


def _check_no_rotation(keys: list[StorageKey]) -> None:
    if is_rotation_under_way(keys):
        raise NotAllowed("keys.rotation-under-way")


def follow_storage_key(gw: Gateway) -> None:
    """Note what this process holds and none knew, as of a command that was killed, and wrap with what all use now.

    Raises ConfigProblem, StoreUnavailable.
    """

    def note_held(tx: Tx) -> list[StorageKey]:
        for kid in home_folder.add_held_storage_keys(tx, gw.now(), gw.ring):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("keys.storage-rotated", SYSTEM, kid)])
        return storage_keys.list_storage_keys(tx)

    stored = gw.store.look(storage_keys.list_storage_keys)
    if not {key.kid for key in stored}.issuperset(gw.ring.storage_kids):
        stored = gw.store.run(note_held)
    gw.ring = home_folder.choose_storage_key(stored, gw.ring)


@dataclass(slots=True)
class StorageRotation:
    """A rotation as the process that leads goes on with it, a look at a time."""

    gw: Gateway
    stop: asyncio.Event
    # Of the next pass, where the last left something, or could not know that it left nothing.
    not_before: datetime | None = None

    async def go_on(self) -> None:
        """Use a new key once all processes hold it, and wrap anew what lies under another."""
        gw = self.gw
        keys, held = await gw.store.read(self._look)
        if pick_next_key(keys, held) or find_reopened(keys, held):
            await gw.store.write(self._use_next_key)
            keys, held = await gw.store.read(self._look)
        active = find_unfinished(keys)
        waits = self.not_before is not None and gw.now() < self.not_before
        # Each process takes up what wraps by itself, within seconds (`follow_storage_key`).
        if active is not None and not waits and gw.ring.storage_key.kid == active.kid:
            await self._wrap_all(active.kid)

    def _look(self, tx: Tx) -> tuple[list[StorageKey], list[Sequence[str]]]:
        return storage_keys.list_storage_keys(tx), [self.gw.ring.storage_kids, *_list_held(tx, self.gw)]

    def _use_next_key(self, tx: Tx) -> None:
        keys, held = self._look(tx)
        if following := pick_next_key(keys, held):
            storage_keys.activate_storage_key(tx, self.gw.now(), following.kid)
            entry = AuditEntry("keys.storage-used", SYSTEM, following.kid)
            audit_log.append_entries(tx, self.gw.now(), [entry])
            self.not_before = None
        elif reopened := find_reopened(keys, held):
            storage_keys.set_finished(tx, reopened.kid, None)

    async def _wrap_all(self, kid: str) -> None:
        """Look through the whole database once."""
        gw, unopened = self.gw, 0
        await gw.store.write(partial(_count_remaining, kid=kid))
        for column in COLUMNS:
            after: tuple[Any, ...] = ()
            while True:
                batch = await gw.store.write(partial(wrap_batch, gw=gw, column=column, kid=kid, after=after))
                if not batch.last:
                    break
                after, unopened = batch.last, unopened + batch.unopened
                await asyncio.sleep(PAUSE)
                if self.stop.is_set() or not gw.leads or gw.ring.storage_key.kid != kid:
                    return
        is_finished = await gw.store.write(partial(_end_pass, gw=gw, kid=kid, unopened=unopened))
        self.not_before = None if is_finished else gw.now() + (AGAIN_AFTER if unopened else SETTLE)


def _list_held(tx: Tx, gw: Gateway) -> Iterator[list[str]]:
    """Yield of each process that serves which storage keys it holds."""
    for running in running_processes.list_running_processes(tx, gw.now() - SERVES_WITHIN):
        yield running.storage_keys.split()


def _count_remaining(tx: Tx, kid: str) -> None:
    storage_keys.note_progress(tx, kid, remaining=wrapped_keys.count_under_others(tx, kid))


@dataclass(frozen=True, slots=True)
class WrappedBatch:
    """Some data keys that were looked at: the row of the last, if there were any, and how many did not open."""

    last: tuple[Any, ...]
    unopened: int


def wrap_batch(tx: Tx, gw: Gateway, column: WrappedColumn, kid: str, after: tuple[Any, ...]) -> WrappedBatch:
    """Wrap anew some data keys of a column, in the rows after this one. One that no key opens stays as it is."""
    batch = wrapped_keys.list_under_others(tx, column, kid, after, TOGETHER)
    done = unopened = 0
    for old in batch:
        try:
            fresh = at_rest.rewrap_key(old.data_key, about=old.name, ring=gw.ring)
        except AtRestRefused:
            unopened += 1
        else:
            done += wrapped_keys.replace_wrapped_key(tx, column, old, fresh)
    if done:
        storage_keys.note_progress(tx, kid, rewrapped=done)
    return WrappedBatch(batch[-1].place if batch else (), unopened)


def _end_pass(tx: Tx, gw: Gateway, kid: str, unopened: int) -> bool:
    """Count what is left after a pass; where nothing is, and nothing can come, note that the rotation is finished."""
    remaining = wrapped_keys.count_under_others(tx, kid)
    storage_keys.note_progress(tx, kid, remaining=remaining, unopened=unopened)
    active = find_unfinished(storage_keys.list_storage_keys(tx))
    holds_all = all(kid in kids for kids in _list_held(tx, gw))
    if active is None or active.kid != kid or not holds_all or not may_finish(active, remaining, gw.now()):
        return False
    storage_keys.set_finished(tx, kid, gw.now())
    detail: dict[str, str | int] = {"copies": active.rewrapped}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("keys.storage-rewrapped", SYSTEM, kid, detail=detail)])
    return True


async def rotate_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Go on with rotations of the storage key until told to stop."""
    work = StorageRotation(gw, stop).go_on
    await run_every(gw, stop, "storage key", work, seconds=LOOK_EVERY, late_after=LATE)
