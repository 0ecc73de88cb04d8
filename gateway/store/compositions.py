"""Notices that officers write. What one says is locked, and its key destroyed when it is sent or given up."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.errors import NotAllowed, NotFound
from gateway.store.rows import build_record, get_values, list_columns
from gateway.store.tables import compositions
from schemas.message import MessageKind, read_kind
from schemas.shapes import MessageId


class CompositionState(StrEnum):
    """The state of a composition."""

    WRITING = "writing"
    SENT = "sent"
    GIVEN_UP = "given-up"
    # Nobody touched it for too long.
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Composition:
    """A composition as it stands, without what it says."""

    composition_id: str
    kind: MessageKind
    by: str
    draft_id: str | None
    corrects: MessageId | None
    state: CompositionState
    changes: int
    changed_at: datetime
    told: str | None


_at = compositions.c
_VIEW = list_columns(compositions, Composition)


def add_composition(tx: Connection, composition: Composition, data_key: bytes, content: bytes) -> None:
    """Add a composition."""
    values = get_values(composition)
    tx.execute(insert(compositions).values(**values, data_key=data_key, content=content))


def update_composition(tx: Connection, now: datetime, name: str, was: int, data_key: bytes, content: bytes) -> None:
    """Replace what a composition says. Raises NotAllowed where it was changed since, or has ended."""
    mine = update(compositions).where(
        _at.composition_id == name, _at.changes == was, _at.state == CompositionState.WRITING
    )
    values = {"data_key": data_key, "content": content, "changes": was + 1, "changed_at": now}
    if tx.execute(mine.values(values)).rowcount != 1:
        raise NotAllowed("composition.overtaken")


def end_composition(
    tx: Connection,
    now: datetime,
    name: str,
    state: CompositionState,
    result: str | None = None,
    *,
    was: int | None = None,
) -> bool:
    """End it, and destroy its key; return False where it has ended already, or was changed since `was`."""
    mine = update(compositions).where(_at.composition_id == name, _at.state == CompositionState.WRITING)
    if was is not None:
        mine = mine.where(_at.changes == was)
    values = {"state": state, "data_key": None, "content": b"", "changed_at": now, "told": result}
    return tx.execute(mine.values(values)).rowcount == 1


def expire_compositions(tx: Connection, now: datetime, since: datetime, limit: int) -> list[Composition]:
    """End those that nobody has changed since then, the oldest first, and destroy their keys; list which they were."""
    old = select(*_VIEW).where(_at.state == CompositionState.WRITING, _at.changed_at <= since)
    untouched = [_read_composition(row) for row in tx.execute(old.order_by(_at.changed_at).limit(limit))]
    return [
        composition
        for composition in untouched
        if end_composition(tx, now, composition.composition_id, CompositionState.LAPSED, was=composition.changes)
    ]


def get_composition(tx: Connection, name: str) -> Composition:
    """Return one of them. Raises NotFound."""
    row = tx.execute(select(*_VIEW).where(_at.composition_id == name)).first()
    if row is None:
        raise _composition_not_found()
    return _read_composition(row)


def _read_composition(row: Row[Any]) -> Composition:
    return Composition(**{**row._mapping, "kind": read_kind(row.kind), "state": CompositionState(row.state)})


def get_locked_composition(tx: Connection, name: str) -> tuple[Composition, bytes | None, bytes]:
    """Return one with its data key (None when destroyed) and content, read at once: another may end it meanwhile."""
    row = tx.execute(select(*_VIEW, _at.data_key, _at.content).where(_at.composition_id == name)).first()
    if row is None:
        raise _composition_not_found()
    composition = replace(build_record(Composition, row), state=CompositionState(row.state))
    return composition, None if row.data_key is None else bytes(row.data_key), bytes(row.content)


def _composition_not_found() -> NotFound:
    return NotFound("composition.not-found")


def list_sent_results(tx: Connection, limit: int) -> list[tuple[str, str]]:
    """List the newest of those that were sent, each with what was told then."""
    query = select(_at.composition_id, _at.told).where(_at.state == CompositionState.SENT, _at.told.is_not(None))
    return [
        (row.composition_id, row.told) for row in tx.execute(query.order_by(_at.composition_id.desc()).limit(limit))
    ]


def list_unfinished(tx: Connection, limit: int | None = None) -> list[Composition]:
    """List those that are being written, the one that was changed last first: what was not changed for long ends."""
    query = select(*_VIEW).where(_at.state == CompositionState.WRITING)
    return [_read_composition(row) for row in tx.execute(query.order_by(_at.changed_at.desc()).limit(limit))]
