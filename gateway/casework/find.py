"""Finding notices by what a person types: a name, a date of birth, a UPN, a reference, or several of these together.

Our copies are locked, so they are found by marks (`keys/blind.py`) of their terms (`core/search_terms.py`), written in
the transaction that queues or keeps a message. No copy is opened to find it: a mark that is shared by chance is rarer
than any other error. What is found says where a message lies and how it stands, and nothing about the child; to read it
is another act.

That somebody searched is an entry of the audit log: how many were found, and by which kinds of terms, never by which
terms.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway import copies
from gateway.background import is_stopped_within, run_every
from gateway.context import Gateway
from gateway.copies import Copy, Machine
from gateway.core.message_name import DIRECTIONS, Direction
from gateway.core.message_summary import MessageSummary
from gateway.core.search_terms import NoticeQuery, list_terms, parse_query
from gateway.logs import log_failure
from gateway.store import audit_log, blind_index, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.blind_index import IndexHit
from gateway.store.database import Tx
from keys import blind
from keys.errors import Destroyed
from schemas.shapes import MessageId

# Messages of before in one transaction.
TOGETHER = 100
# Seconds after them, for whatever else there is to do: a million take some half an hour.
REST = 0.05
# Seconds between two turns, and so until it is tried again where the database stands in the way.
AGAIN = 60.0
# In one turn, so that Health sees it go on: some minutes.
BATCHES = 1_000
# A turn that takes longer has come to a stop.
LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FoundNotices:
    """The newest messages that were found."""

    hits: tuple[MessageSummary, ...]
    # There are more, before this.
    more: int | None
    # False: messages of before the index are still being put into it.
    complete: bool


def find_notices(
    gw: Gateway, typed: str, by: str, *, alike: bool = False, limit: int = 50, cursor: int | None = None
) -> FoundNotices:
    """Find the newest messages of which all that was typed holds. Raises Unusable where that is not understood."""
    sought = parse_query(typed, alike=alike)
    wanted = [blind.compute_marks(part, gw.ring) for part in sought.parts]

    def search_index(tx: Tx) -> FoundNotices:
        lying = blind_index.find_marked(tx, wanted, limit=limit + 1, cursor=cursor)
        more = lying[limit - 1].number if len(lying) > limit else None
        return FoundNotices(_read_summaries(tx, gw, sought, lying[:limit]), more, not blind_index.list_unindexed(tx, 1))

    results = gw.store.look(search_index)
    detail: dict[str, str | int] = {"by": " ".join(sought.kinds), "found": len(results.hits)}
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [AuditEntry("notice.searched", by, detail=detail)]))
    return results


def _read_summaries(tx: Tx, gw: Gateway, sought: NoticeQuery, lying: Sequence[IndexHit]) -> tuple[MessageSummary, ...]:
    """Return how these stand, without those that may not be shown yet, and those of which only the id's end agrees."""
    ids: dict[Direction, list[MessageId]] = {
        direction: [message.message_id for message in lying if message.direction == direction]
        for direction in DIRECTIONS
    }
    known = {
        ("sent", message.recipient, message.message_id): message.summary
        for message in outbox.list_deliveries_by_id(tx, ids["sent"])
    }
    known |= {
        ("came", message.sender, message.message_id): message.summary
        for message in inbox.list_messages_by_id(tx, gw.now(), ids["came"])
    }
    hits = [known.get((message.direction, message.partner, message.message_id)) for message in lying]
    return tuple(hit for hit in hits if hit and sought.ids <= {hit.message_id, hit.case})


async def index_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Make the messages of before the index findable, until told to stop. Once all are, a turn finds nothing to do."""

    async def index_old_messages() -> None:
        batches = 0
        while batches < BATCHES and not stop.is_set() and await index_old_batch(gw):
            batches += 1
            await is_stopped_within(stop, REST)

    await run_every(gw, stop, "making old notices findable", index_old_messages, seconds=AGAIN, late_after=LATE)


async def index_old_batch(gw: Gateway) -> int:
    """Make the next TOGETHER messages of before findable; return how many. It may be broken off, and done by many."""
    some = await gw.store.read(
        lambda tx: [(hit, _get_copy(tx, gw, hit)) for hit in blind_index.list_unindexed(tx, TOGETHER)]
    )
    marked = await asyncio.to_thread(_compute_marks, gw, some)
    await gw.store.write(lambda tx: _write_old_marks(tx, [hit for hit, _ in some], marked))
    return len(some)


def _write_old_marks(tx: Tx, some: Sequence[IndexHit], marked: Sequence[tuple[IndexHit, tuple[int, ...]]]) -> None:
    # What was destroyed meanwhile is not listed any more.
    still = {hit.number for hit in blind_index.list_unindexed(tx, TOGETHER)}
    blind_index.index_old_messages(tx, [(hit, marks_of) for hit, marks_of in marked if hit.number in still])
    blind_index.delete_unindexed(tx, [hit.number for hit in some])


def _get_copy(tx: Tx, gw: Gateway, hit: IndexHit) -> Copy:
    return copies.take_copy(tx, gw, hit.name, Machine.INDEX)


def _compute_marks(gw: Gateway, some: Sequence[tuple[IndexHit, Copy]]) -> list[tuple[IndexHit, tuple[int, ...]]]:
    """Return the marks of those that can be opened; one that cannot be is passed by, so that it holds up no other."""
    marked = []
    for hit, copy in some:
        try:
            marked.append((hit, blind.compute_marks(list_terms(copies.open_copy(gw, copy)), gw.ring)))
        except Destroyed:
            continue
        except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
            log_failure("making an old notice findable", why)
    return marked
