"""Finding notices by what a person types: a name, a date of birth, a UPN, a reference, or several of these together.

Our copies are locked, so they are found by marks (`keys/blind.py`) of their terms (`core/marks.py`), written in the transaction that
queues or keeps a message. No copy is opened to find it: a mark that is shared by chance is rarer than any other error. What is
found says where a message lies and how it stands, and nothing about the child; to read it is another act.

That somebody searched is an entry of the audit log: how many were found, and by which kinds of terms, never by which terms.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway import copies
from gateway.background import is_stopped_within
from gateway.casework.message_summary import Stands, stands
from gateway.context import Authority
from gateway.copies import Copy, Key, Machine
from gateway.core.search_terms import Sought, terms, understood
from gateway.errors import GatewayError
from gateway.logs import failed
from gateway.store import audit_log, blind_index, inbox, outbox
from gateway.store.audit_log import Entry
from gateway.store.blind_index import Lies, Lying
from keys import blind
from keys.errors import Destroyed

TOGETHER = 100  # messages of before in one transaction
REST = 0.05  # seconds after them, for whatever else there is to do: a million take some half an hour
AGAIN = 60.0  # seconds after which it is tried again where the database stands in the way


@dataclass(frozen=True, slots=True)
class Found:
    """The newest messages that were found."""

    hits: tuple[Stands, ...]
    more: int | None  # there are more, before this
    complete: bool  # False: messages of before the index are still being put into it


def find(
    here: Authority, typed: str, by: str, *, alike: bool = False, limit: int = 50, before: int | None = None
) -> Found:
    """The newest messages of which everything that was typed holds. Raises Unusable where that is too little or not understood."""
    sought = understood(typed, alike=alike)
    wanted = [blind.marks(part, here.ring) for part in sought.parts]

    def look(tx: Connection) -> Found:
        lying = blind_index.find(tx, wanted, limit=limit + 1, before=before)
        more = lying[limit - 1].number if len(lying) > limit else None
        return Found(_hits(tx, here, sought, lying[:limit]), more, not blind_index.old(tx, 1))

    found = here.store.look(look)
    detail: dict[str, str | int] = {"by": " ".join(sought.kinds), "found": len(found.hits)}
    here.store.run(lambda tx: audit_log.append(tx, here.now(), [Entry("notice.searched", by, detail=detail)]))
    return found


def _hits(tx: Connection, here: Authority, sought: Sought, lying: Sequence[Lying]) -> tuple[Stands, ...]:
    """How these stand; without those that may not be shown yet, and those of which only the end of the id agrees."""
    ids: dict[Lies, list[str]] = {
        lies: [one.message_id for one in lying if one.lies == lies] for lies in ("sent", "came")
    }
    known = {("sent", one.recipient, one.message_id): stands(one) for one in outbox.several(tx, ids["sent"])}
    known |= {("came", one.sender, one.message_id): stands(one) for one in inbox.several(tx, here.now(), ids["came"])}
    hits = [known.get((one.lies, one.partner, one.message_id)) for one in lying]
    return tuple(hit for hit in hits if hit and sought.ids <= {hit.message_id, hit.case})


async def mark_forever(here: Authority, stop: asyncio.Event) -> None:
    """Make the messages of before the index findable, until all are, or until told to stop."""
    while not stop.is_set():
        pause = REST
        try:
            if not await mark_old(here):
                return
        except GatewayError as why:  # the database stands in the way
            failed("making old notices findable", why)
            pause = AGAIN
        await is_stopped_within(stop, pause)


async def mark_old(here: Authority) -> int:
    """Make the next TOGETHER messages of before findable: how many. It may be broken off, and done by many at once."""
    some = await here.store.read(lambda tx: [(one, _copy(tx, here, one)) for one in blind_index.old(tx, TOGETHER)])
    made = await asyncio.to_thread(_marked, here, some)
    await here.store.write(lambda tx: _put_old(tx, [one for one, _ in some], made))
    return len(some)


def _put_old(tx: Connection, some: Sequence[Lying], made: Sequence[tuple[Lying, tuple[int, ...]]]) -> None:
    still = {one.number for one in blind_index.old(tx, TOGETHER)}  # what was destroyed meanwhile is not listed any more
    blind_index.put_old(tx, [(one, its) for one, its in made if one.number in still])
    blind_index.settle_old(tx, [one.number for one in some])


def _copy(tx: Connection, here: Authority, one: Lying) -> Copy:
    return copies.take_copy(tx, here, _key(one), Machine.INDEX)


def _key(one: Lying) -> Key:
    return ("" if one.lies == "sent" else one.partner), one.message_id


def _marked(here: Authority, some: Sequence[tuple[Lying, Copy]]) -> list[tuple[Lying, tuple[int, ...]]]:
    """The marks of those that can be opened; one that cannot be is passed by, so that it does not hold up the others."""
    made = []
    for one, copy in some:
        try:
            made.append((one, blind.marks(terms(copies.open_copy(here, copy)), here.ring)))
        except Destroyed:
            continue
        except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
            failed("making an old notice findable", why)
    return made
