"""Notices that officers write. What one says is locked, and its key destroyed when it is sent or given up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.errors import NotAllowed, NotFound
from gateway.store.tables import compositions


class State(StrEnum):
    """How a composition stands."""

    WRITING = "writing"
    SENT = "sent"
    GIVEN_UP = "given-up"
    LAPSED = "lapsed"  # nobody touched it for too long


@dataclass(frozen=True, slots=True)
class Composition:
    """A composition as it stands, without what it says."""

    composition_id: str
    kind: str
    by: str
    draft_id: str | None
    corrects: str | None
    state: State
    changes: int
    changed_at: datetime
    told: str | None


_at = compositions.c
_VIEW = [_at[name] for name in Composition.__dataclass_fields__]


def put(tx: Connection, made: Composition, data_key: bytes, content: bytes) -> None:
    """Keep a new one."""
    values = {name: getattr(made, name) for name in Composition.__dataclass_fields__}
    tx.execute(insert(compositions).values(**values, data_key=data_key, content=content))


def change(tx: Connection, now: datetime, name: str, was: int, data_key: bytes, content: bytes) -> None:
    """Let it say something else. Raises NotAllowed where it was changed since, or has ended."""
    mine = update(compositions).where(_at.composition_id == name, _at.changes == was, _at.state == State.WRITING)
    values = {"data_key": data_key, "content": content, "changes": was + 1, "changed_at": now}
    if tx.execute(mine.values(values)).rowcount != 1:
        raise NotAllowed("composition.overtaken")


def end(
    tx: Connection, now: datetime, name: str, state: State, told: str | None = None, *, was: int | None = None
) -> bool:
    """End it, and destroy its key; False where it has ended already, or `was` is given and it was changed since."""
    mine = update(compositions).where(_at.composition_id == name, _at.state == State.WRITING)
    if was is not None:
        mine = mine.where(_at.changes == was)
    values = {"state": state, "data_key": None, "content": b"", "changed_at": now, "told": told}
    return tx.execute(mine.values(values)).rowcount == 1


def end_untouched(tx: Connection, now: datetime, since: datetime, limit: int) -> list[Composition]:
    """End those that nobody has changed since then, the oldest first, and destroy their keys: which they were."""
    old = select(*_VIEW).where(_at.state == State.WRITING, _at.changed_at <= since)
    found = [_composition(row) for row in tx.execute(old.order_by(_at.changed_at).limit(limit))]
    return [one for one in found if end(tx, now, one.composition_id, State.LAPSED, was=one.changes)]


def get(tx: Connection, name: str) -> Composition:
    """One of them. Raises NotFound."""
    row = tx.execute(select(*_VIEW).where(_at.composition_id == name)).first()
    if row is None:
        raise _not_found()
    return _composition(row)


def _composition(row: Row[Any]) -> Composition:
    return Composition(**{**row._mapping, "state": State(row.state)})


def opened(tx: Connection, name: str) -> tuple[Composition, bytes | None, bytes]:
    """One of them with its data key (None when destroyed) and content, in one look: another may end it at this moment."""
    row = tx.execute(select(*_VIEW, _at.data_key, _at.content).where(_at.composition_id == name)).first()
    if row is None:
        raise _not_found()
    values = {one: row._mapping[one] for one in Composition.__dataclass_fields__}
    made = Composition(**{**values, "state": State(row.state)})
    return made, None if row.data_key is None else bytes(row.data_key), bytes(row.content)


def _not_found() -> NotFound:
    return NotFound("composition.not-found")


def writing(tx: Connection, limit: int) -> list[Composition]:
    """Those that are being written, the one that was changed last first."""
    query = select(*_VIEW).where(_at.state == State.WRITING).order_by(_at.changed_at.desc()).limit(limit)
    return [_composition(row) for row in tx.execute(query)]
