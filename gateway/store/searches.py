"""Searches that came, and the possible matches of each. Who matches is locked; no reason says a word about a child.

A search is matched once against each load of the index, as long as it waits for us. One that has ended has no matches any more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from gateway.core.message_name import MessageName
from gateway.store.tables import matches, searches

OVER = 2**62  # beyond every load


class Found(StrEnum):
    """What our index says to a search."""

    NEW = "new"  # it was not asked yet
    MATCHED = "matched"
    PERSON = "person"  # nothing that a machine may say: an officer looks
    NONE = "none"
    ANSWERED = "answered"  # by machine
    ENDED = "ended"  # answered by a person, or taken back by its sender


OPEN = (Found.NEW, Found.MATCHED, Found.PERSON, Found.NONE)
FOR_PEOPLE = (Found.MATCHED, Found.PERSON)


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it stands."""

    sender: str
    message_id: str
    kind: str
    came_at: datetime
    state: Found
    state_at: datetime

    @property
    def name(self) -> MessageName:
        """What it is named by, everywhere."""
        return MessageName(self.sender, self.message_id)


@dataclass(frozen=True, slots=True)
class Possible:
    """A child of ours who may be the one, locked."""

    rank: int
    strength: int  # in a hundred
    reasons: tuple[str, ...]
    data_key: bytes
    content: bytes


_VIEW = [searches.c[name] for name in Search.__dataclass_fields__]
_at = searches.c


def note(tx: Connection, now: datetime, came: Sequence[tuple[str, str, str]]) -> None:
    """Note that these (sender, id, kind) came, and are to be matched."""
    if came:
        fresh = {"came_at": now, "state": Found.NEW, "state_at": now, "load": 0}
        rows = [{"sender": sender, "message_id": one, "kind": kind} | fresh for sender, one, kind in came]
        tx.execute(insert(searches), rows)


def due(tx: Connection, load: int, limit: int) -> list[Search]:
    """Those that were not matched against this load, the oldest load first."""
    query = select(*_VIEW).where(_at.load < load).order_by(_at.load, _at.came_at, _at.message_id).limit(limit)
    return [_search(row) for row in tx.execute(query)]


def set_found(
    tx: Connection, now: datetime, search: Search, load: int, state: Found, possible: Sequence[Possible]
) -> bool:
    """Keep what this load says to it; False where the search has ended."""
    mine = (*_one(search.sender, search.message_id), _at.state.in_(OPEN))
    values: dict[str, object] = {"load": load, "state": state}
    if state is not search.state:
        values["state_at"] = now
    if tx.execute(update(searches).where(*mine).values(values)).rowcount != 1:
        return False
    _forget(tx, search.sender, search.message_id)
    if possible:
        of = {"sender": search.sender, "message_id": search.message_id}
        tx.execute(
            insert(matches),
            [
                of
                | {
                    "rank": one.rank,
                    "strength": one.strength,
                    "reasons": " ".join(one.reasons),
                    "data_key": one.data_key,
                    "content": one.content,
                }
                for one in possible
            ],
        )
    return True


def end(tx: Connection, now: datetime, sender: str, message_id: str) -> None:
    """It waits for us no more: its matches go."""
    mine = (*_one(sender, message_id), _at.state.in_(OPEN))
    if tx.execute(update(searches).where(*mine).values(state=Found.ENDED, state_at=now, load=OVER)).rowcount:
        _forget(tx, sender, message_id)


def set_answered(tx: Connection, search: Search) -> None:
    """It ended by an answer of the machine."""
    tx.execute(update(searches).where(*_one(search.sender, search.message_id)).values(state=Found.ANSWERED))


def _forget(tx: Connection, sender: str, message_id: str) -> None:
    tx.execute(delete(matches).where(matches.c.sender == sender, matches.c.message_id == message_id))


def get(tx: Connection, sender: str, message_id: str) -> Search | None:
    """One of them; None where it is no search, or was not noted, as a test is not."""
    row = tx.execute(select(*_VIEW).where(*_one(sender, message_id))).first()
    return None if row is None else _search(row)


def possible(tx: Connection, sender: str, message_id: str) -> list[Possible]:
    """Who may be the child, the likeliest first."""
    mine = and_(matches.c.sender == sender, matches.c.message_id == message_id)
    query = select(matches.c.rank, matches.c.strength, matches.c.reasons, matches.c.data_key, matches.c.content).where(
        mine
    )
    return [
        Possible(row.rank, row.strength, tuple(row.reasons.split()), bytes(row.data_key), bytes(row.content))
        for row in tx.execute(query.order_by(matches.c.rank))
    ]


def strengths(tx: Connection, some: Sequence[Search]) -> dict[MessageName, list[int]]:
    """The strengths of the possible matches of these, by their names, the strongest first."""
    query = select(matches.c.sender, matches.c.message_id, matches.c.strength).order_by(matches.c.rank)
    found: dict[MessageName, list[int]] = {}
    for one in some:
        mine = query.where(matches.c.sender == one.sender, matches.c.message_id == one.message_id)
        found[one.name] = [row.strength for row in tx.execute(mine)]
    return found


def waiting(tx: Connection, states: Collection[Found], limit: int | None) -> list[Search]:
    """Those in these states, the oldest first: who has waited longest has its turn."""
    found: list[Search] = []
    for state in states:  # one after the other, for each is read in order from an index
        query = select(*_VIEW).where(_at.state == state).order_by(_at.came_at, _at.message_id).limit(limit)
        found += [_search(row) for row in tx.execute(query)]
    return sorted(found, key=lambda one: (one.came_at, one.message_id))[:limit]


def count(tx: Connection, state: Found) -> tuple[int, datetime | None]:
    """How many stand so, and since when the oldest waits."""
    number, oldest = tx.execute(select(func.count(), func.min(_at.came_at)).where(_at.state == state)).one()
    return number, oldest


def _one(sender: str, message_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _at.sender == sender, _at.message_id == message_id


def _search(row: Row[Any]) -> Search:
    return Search(**{**row._mapping, "state": Found(row.state)})
