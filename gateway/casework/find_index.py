"""The job that makes old notices findable: those of before the index, and those whose marks are of an older version.

It takes some at a time, the newest first, and begins where it was broken off: what it has done is no longer listed.
Until it is through, a notice is found by the marks that it has. What it did is an entry of the audit log for each turn:
how many, and by which version.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from gateway import copies
from gateway.background import is_stopped_within, run_every
from gateway.context import SYSTEM, Gateway
from gateway.copies import Copy, Machine
from gateway.core.search_terms import INDEX_VERSION, list_terms
from gateway.errors import StoreUnavailable
from gateway.logs import log_failure
from gateway.store import audit_log, blind_index
from gateway.store.audit_log import AuditEntry
from gateway.store.blind_index import IndexHit
from gateway.store.database import Tx
from keys import blind
from keys.errors import Destroyed

# Messages in one transaction.
TOGETHER = 100
# Seconds after them, for whatever else there is to do: a million take some half an hour.
REST = 0.05
# Seconds between two turns, and so until it is tried again where the database stands in the way.
AGAIN = 60.0
# In one turn, so that Health sees it go on: some minutes.
BATCHES = 1_000
# A turn that takes longer has come to a stop.
LATE = timedelta(hours=1)

MarkedHit = tuple[IndexHit, tuple[int, ...] | None]


async def index_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Make old messages findable, until told to stop. Once all are, a turn finds nothing to do."""

    async def index_old_messages() -> None:
        batches = count = 0
        try:
            while batches < BATCHES and not stop.is_set() and (some := await index_old_batch(gw)):
                batches, count = batches + 1, count + some
                await is_stopped_within(stop, REST)
        finally:
            if count:
                await gw.store.write(lambda tx: _log_renewal(tx, gw, count))

    await run_every(gw, stop, "making old notices findable", index_old_messages, seconds=AGAIN, late_after=LATE)


def _log_renewal(tx: Tx, gw: Gateway, count: int) -> None:
    detail: dict[str, str | int] = {"notices": count, "version": INDEX_VERSION}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("index.renewed", SYSTEM, detail=detail)])


async def index_old_batch(gw: Gateway) -> int:
    """Make the next TOGETHER old messages findable; return how many. It may be broken off, and done by many."""
    return await _index_batch(gw, blind_index.list_unindexed, _write_old_marks) or await _index_batch(
        gw, blind_index.list_outdated, _write_renewed_marks
    )


async def _index_batch(
    gw: Gateway,
    list_hits: Callable[[Tx, int], list[IndexHit]],
    write_marks: Callable[[Tx, Sequence[MarkedHit]], None],
) -> int:
    some = await gw.store.read(lambda tx: [(hit, _get_copy(tx, gw, hit)) for hit in list_hits(tx, TOGETHER)])
    if some:
        marked = await asyncio.to_thread(_compute_marks, gw, some)
        await gw.store.write(lambda tx: write_marks(tx, marked))
    return len(some)


def _write_old_marks(tx: Tx, some: Sequence[MarkedHit]) -> None:
    # What was destroyed meanwhile is not listed any more.
    still = {hit.number for hit in blind_index.list_unindexed(tx, TOGETHER)}
    readable = [(hit, own) for hit, own in some if own is not None and hit.number in still]
    blind_index.index_old_messages(tx, readable)
    blind_index.delete_unindexed(tx, [hit.number for hit, _ in some])


def _write_renewed_marks(tx: Tx, some: Sequence[MarkedHit]) -> None:
    blind_index.renew_marks(tx, some)


def _get_copy(tx: Tx, gw: Gateway, hit: IndexHit) -> Copy:
    return copies.take_copy(tx, gw, hit.name, Machine.INDEX)


def _compute_marks(gw: Gateway, some: Sequence[tuple[IndexHit, Copy]]) -> list[MarkedHit]:
    """Return the marks of each; None for one that cannot be opened, so that it holds up no other."""
    return [(hit, _compute_marks_of(gw, copy)) for hit, copy in some]


def _compute_marks_of(gw: Gateway, copy: Copy) -> tuple[int, ...] | None:
    try:
        return blind.compute_marks(list_terms(copies.open_copy(gw, copy)), gw.ring)
    except Destroyed:
        return None
    except StoreUnavailable:
        # The HSM: they are looked at again.
        raise
    except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
        log_failure("making an old notice findable", why)
        return None
