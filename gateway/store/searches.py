"""Searches that came, and the possible matches of each. Who matches is locked; no reason says a word about a child.

A search is matched once against each load of the index, as long as it waits for us. One that has ended has no matches
any more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from gateway.core.match_state import MatchState
from gateway.core.message_name import MessageName
from gateway.store.rows import list_columns
from gateway.store.tables import matches, searches
from schemas.message import MessageKind, read_kind
from schemas.shapes import MessageId

# Beyond every load.
OVER = 2**62


OPEN = (MatchState.NEW, MatchState.MATCHED, MatchState.PERSON, MatchState.NONE)


@dataclass(frozen=True, slots=True)
class ReceivedSearch:
    """A search as it stands."""

    sender: str
    message_id: MessageId
    kind: MessageKind
    came_at: datetime
    state: MatchState
    state_at: datetime

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return MessageName(self.sender, self.message_id)


@dataclass(frozen=True, slots=True)
class PossibleMatch:
    """A child of ours who may be the one, locked."""

    rank: int
    # In a hundred.
    strength: int
    reasons: tuple[str, ...]
    data_key: bytes
    content: bytes


_VIEW = list_columns(searches, ReceivedSearch)
_at = searches.c


def add_searches(tx: Connection, now: datetime, came: Sequence[tuple[str, MessageId, MessageKind]]) -> None:
    """Note that these (sender, id, kind) came, and are to be matched."""
    if came:
        fresh = {"came_at": now, "state": MatchState.NEW, "state_at": now, "load": 0}
        rows = [{"sender": sender, "message_id": message_id, "kind": kind} | fresh for sender, message_id, kind in came]
        tx.execute(insert(searches), rows)


def list_searches_due(tx: Connection, load: int, limit: int) -> list[ReceivedSearch]:
    """List those that were not matched against this load, the oldest load first."""
    query = select(*_VIEW).where(_at.load < load).order_by(_at.load, _at.came_at, _at.message_id).limit(limit)
    return [_read_search(row) for row in tx.execute(query)]


def set_matches(
    tx: Connection,
    now: datetime,
    search: ReceivedSearch,
    load: int,
    state: MatchState,
    possible: Sequence[PossibleMatch],
) -> bool:
    """Keep what this load says to it; return False where the search has ended."""
    mine = (*_is_search_named(search.sender, search.message_id), _at.state.in_(OPEN))
    values: dict[str, object] = {"load": load, "state": state}
    if state is not search.state:
        values["state_at"] = now
    if tx.execute(update(searches).where(*mine).values(values)).rowcount != 1:
        return False
    _delete_matches(tx, search.sender, search.message_id)
    if possible:
        of = {"sender": search.sender, "message_id": search.message_id}
        tx.execute(
            insert(matches),
            [
                of
                | {
                    "rank": match.rank,
                    "strength": match.strength,
                    "reasons": " ".join(match.reasons),
                    "data_key": match.data_key,
                    "content": match.content,
                }
                for match in possible
            ],
        )
    return True


def end_search(tx: Connection, now: datetime, sender: str, message_id: MessageId) -> None:
    """End a search that waits for us no more: its matches go."""
    mine = (*_is_search_named(sender, message_id), _at.state.in_(OPEN))
    if tx.execute(update(searches).where(*mine).values(state=MatchState.ENDED, state_at=now, load=OVER)).rowcount:
        _delete_matches(tx, sender, message_id)


def set_machine_answered(tx: Connection, search: ReceivedSearch) -> None:
    """Note that it ended by an answer of the machine."""
    tx.execute(
        update(searches).where(*_is_search_named(search.sender, search.message_id)).values(state=MatchState.ANSWERED)
    )


def _delete_matches(tx: Connection, sender: str, message_id: MessageId) -> None:
    tx.execute(delete(matches).where(matches.c.sender == sender, matches.c.message_id == message_id))


def find_search(tx: Connection, sender: str, message_id: MessageId) -> ReceivedSearch | None:
    """Return one of them; None where it is no search, or was not noted, as a test is not."""
    row = tx.execute(select(*_VIEW).where(*_is_search_named(sender, message_id))).first()
    return None if row is None else _read_search(row)


def list_matches(tx: Connection, sender: str, message_id: MessageId) -> list[PossibleMatch]:
    """List who may be the child, the likeliest first."""
    mine = and_(matches.c.sender == sender, matches.c.message_id == message_id)
    query = select(matches.c.rank, matches.c.strength, matches.c.reasons, matches.c.data_key, matches.c.content).where(
        mine
    )
    return [
        PossibleMatch(row.rank, row.strength, tuple(row.reasons.split()), bytes(row.data_key), bytes(row.content))
        for row in tx.execute(query.order_by(matches.c.rank))
    ]


def list_match_strengths(tx: Connection, some: Sequence[ReceivedSearch]) -> dict[MessageName, list[int]]:
    """Return the strengths of the possible matches of these, by their names, the strongest first."""
    query = select(matches.c.sender, matches.c.message_id, matches.c.strength).order_by(matches.c.rank)
    strengths_of: dict[MessageName, list[int]] = {}
    for search in some:
        mine = query.where(matches.c.sender == search.sender, matches.c.message_id == search.message_id)
        strengths_of[search.name] = [row.strength for row in tx.execute(mine)]
    return strengths_of


def list_searches(tx: Connection, states: Collection[MatchState], limit: int | None) -> list[ReceivedSearch]:
    """List those in these states, the oldest first: who has waited longest has its turn."""
    waiting_searches: list[ReceivedSearch] = []
    # One after the other, for each is read in order from an index.
    for state in states:
        query = select(*_VIEW).where(_at.state == state).order_by(_at.came_at, _at.message_id).limit(limit)
        waiting_searches += [_read_search(row) for row in tx.execute(query)]
    return sorted(waiting_searches, key=lambda search: (search.came_at, search.message_id))[:limit]


def count_searches(tx: Connection, state: MatchState) -> tuple[int, datetime | None]:
    """Count those that stand so, and tell since when the oldest waits."""
    number, oldest = tx.execute(select(func.count(), func.min(_at.came_at)).where(_at.state == state)).one()
    return number, oldest


def _is_search_named(sender: str, message_id: MessageId) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _at.sender == sender, _at.message_id == message_id


def _read_search(row: Row[Any]) -> ReceivedSearch:
    return ReceivedSearch(**{**row._mapping, "kind": read_kind(row.kind), "state": MatchState(row.state)})
