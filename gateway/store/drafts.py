"""Drafts: rows of extracts that an officer must look at. What a draft says is locked; the columns only help to find it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from gateway.errors import NotAllowed, NotFound
from gateway.store.tables import drafts


class State(StrEnum):
    """How a draft stands."""

    OPEN = "open"
    SENT = "sent"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Made:
    """A draft that is to be kept."""

    draft_id: str
    digest: str  # of whom and when, so that the same row makes no second draft
    child: str  # of whom, so that a notice about the child ends it
    said: str  # of the whole row, so that a mended row takes its place
    reason: str
    file: str
    row: int
    data_key: bytes
    content: bytes
    person: str | None = None  # name and date of birth, so that another child with the same UPN does not take its place
    carried: str | None = None  # what a notice of it would carry, so that a mended row is not taken for done
    corrects: str | None = None  # the notice in whose place it may be sent


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands, without what it says."""

    draft_id: str
    state: State
    reason: str
    file: str
    row: int
    made_at: datetime
    digest: str
    child: str
    said: str
    ended_at: datetime | None
    ended_by: str | None
    discarded_as: str | None
    message_id: str | None
    person: str | None
    carried: str | None
    corrects: str | None


_VIEW = [drafts.c[name] for name in Draft.__dataclass_fields__]


def put(tx: Connection, now: datetime, made: Sequence[Made]) -> None:
    """Keep new drafts."""
    if made:
        tx.execute(insert(drafts), [_values(one) | {"made_at": now, "state": State.OPEN} for one in made])


def renew(tx: Connection, made: Made) -> None:
    """Let an open draft say what its row says now."""
    mine = update(drafts).where(drafts.c.draft_id == made.draft_id, drafts.c.state == State.OPEN)
    tx.execute(mine.values(_values(made)))


def _values(made: Made) -> dict[str, object]:
    return {name: getattr(made, name) for name in Made.__dataclass_fields__}


def known(tx: Connection, digests: Collection[str]) -> dict[str, Draft]:
    """The drafts that were made of these rows, by digest."""
    return {one.digest: one for one in _drafts(tx, _where(drafts.c.digest.in_(digests)))}


def open_of(tx: Connection, children: Collection[str]) -> list[Draft]:
    """The open drafts about these children, the oldest first."""
    found = _drafts(tx, _where(drafts.c.child.in_(children), drafts.c.state == State.OPEN))
    return sorted(found, key=lambda one: (one.made_at, one.draft_id))


def end(
    tx: Connection,
    now: datetime,
    draft_id: str,
    state: State,
    by: str,
    *,
    discarded_as: str | None = None,
    message_id: str | None = None,
) -> None:
    """End a draft. One that was discarded may still be sent. Raises NotAllowed where it has ended otherwise."""
    may = (State.OPEN, State.DISCARDED) if state is State.SENT else (State.OPEN,)
    change = (
        update(drafts)
        .where(drafts.c.draft_id == draft_id, drafts.c.state.in_(may))
        .values(state=state, ended_at=now, ended_by=by, discarded_as=discarded_as, message_id=message_id)
    )
    if tx.execute(change).rowcount != 1:
        raise NotAllowed("draft.ended", draft=draft_id)


def get(tx: Connection, draft_id: str) -> Draft:
    """One draft. Raises NotFound."""
    found = _drafts(tx, _where(drafts.c.draft_id == draft_id))
    if not found:
        raise NotFound("draft.not-found")
    return found[0]


def locked(tx: Connection, draft_id: str) -> tuple[bytes | None, bytes]:
    """The data key (None when destroyed) and the content. Raises NotFound."""
    get(tx, draft_id)
    row = tx.execute(select(drafts.c.data_key, drafts.c.content).where(drafts.c.draft_id == draft_id)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def search(tx: Connection, state: State, limit: int) -> list[Draft]:
    """The drafts in this state, the oldest first: who has waited longest has its turn."""
    query = _where(drafts.c.state == state).order_by(drafts.c.made_at, drafts.c.draft_id).limit(limit)
    return _drafts(tx, query)


def waiting(tx: Connection) -> tuple[int, datetime | None]:
    """How many are open, and since when the oldest."""
    count, oldest = tx.execute(
        select(func.count(), func.min(drafts.c.made_at)).where(drafts.c.state == State.OPEN)
    ).one()
    return count, oldest


def _where(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_VIEW).where(*conditions)


def _drafts(tx: Connection, query: Select[Any]) -> list[Draft]:
    return [Draft(**{**row._mapping, "state": State(row.state)}) for row in tx.execute(query)]
