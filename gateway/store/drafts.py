"""Drafts: rows of extracts that an officer must look at.

What a draft says is locked; the columns only help to find it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from gateway.core.draft_state import DraftState
from gateway.errors import NotAllowed, NotFound
from gateway.store.rows import get_values, list_columns
from gateway.store.tables import drafts
from schemas.shapes import MessageId


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A draft that is to be kept."""

    draft_id: str
    # Of whom and when, so that the same row makes no second draft.
    digest: str
    # Of whom, so that a notice about the child ends it.
    child: str
    # Of the whole row, so that a mended row takes its place.
    said: str
    reason: str
    file: str
    row: int
    data_key: bytes
    content: bytes
    # Name and date of birth, so that another child with the same UPN does not take its place.
    person: str | None = None
    # What a notice of it would carry, so that a mended row is not taken for done.
    carried: str | None = None
    # The notice in whose place it may be sent.
    corrects: MessageId | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands, without what it says."""

    draft_id: str
    state: DraftState
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
    message_id: MessageId | None
    person: str | None
    carried: str | None
    corrects: MessageId | None


_VIEW = list_columns(drafts, Draft)


def add_drafts(tx: Connection, now: datetime, new_drafts: Sequence[NewDraft]) -> None:
    """Add new drafts."""
    if new_drafts:
        tx.execute(
            insert(drafts), [get_values(draft) | {"made_at": now, "state": DraftState.OPEN} for draft in new_drafts]
        )


def update_draft(tx: Connection, draft: NewDraft) -> None:
    """Let an open draft say what its row says now."""
    mine = update(drafts).where(drafts.c.draft_id == draft.draft_id, drafts.c.state == DraftState.OPEN)
    tx.execute(mine.values(get_values(draft)))


def find_drafts_by_digest(tx: Connection, digests: Collection[str]) -> dict[str, Draft]:
    """Return the drafts that were made of these rows, by digest."""
    return {draft.digest: draft for draft in _read_drafts(tx, _select_drafts(drafts.c.digest.in_(digests)))}


def list_open_drafts(tx: Connection, children: Collection[str]) -> list[Draft]:
    """List the open drafts about these children, the oldest first."""
    open_drafts = _read_drafts(tx, _select_drafts(drafts.c.child.in_(children), drafts.c.state == DraftState.OPEN))
    return sorted(open_drafts, key=lambda draft: (draft.made_at, draft.draft_id))


def end_draft(
    tx: Connection,
    now: datetime,
    draft_id: str,
    state: DraftState,
    by: str,
    *,
    discarded_as: str | None = None,
    message_id: MessageId | None = None,
) -> None:
    """End a draft. One that was discarded may still be sent. Raises NotAllowed where it has ended otherwise."""
    may = (DraftState.OPEN, DraftState.DISCARDED) if state is DraftState.SENT else (DraftState.OPEN,)
    change = (
        update(drafts)
        .where(drafts.c.draft_id == draft_id, drafts.c.state.in_(may))
        .values(state=state, ended_at=now, ended_by=by, discarded_as=discarded_as, message_id=message_id)
    )
    if tx.execute(change).rowcount != 1:
        raise NotAllowed("draft.ended", draft=draft_id)


def get_draft(tx: Connection, draft_id: str) -> Draft:
    """Return one draft. Raises NotFound."""
    matching = _read_drafts(tx, _select_drafts(drafts.c.draft_id == draft_id))
    if not matching:
        raise NotFound("draft.not-found")
    return matching[0]


def get_locked_draft(tx: Connection, draft_id: str) -> tuple[bytes | None, bytes]:
    """Return the data key (None when destroyed) and the content. Raises NotFound."""
    get_draft(tx, draft_id)
    row = tx.execute(select(drafts.c.data_key, drafts.c.content).where(drafts.c.draft_id == draft_id)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def list_locked_drafts(tx: Connection, limit: int) -> list[tuple[str, bytes | None, bytes]]:
    """List the newest drafts, whatever became of them, with their data key (None when destroyed) and content."""
    query = select(drafts.c.draft_id, drafts.c.data_key, drafts.c.content).order_by(drafts.c.draft_id.desc())
    return [
        (row.draft_id, None if row.data_key is None else bytes(row.data_key), bytes(row.content))
        for row in tx.execute(query.limit(limit))
    ]


def list_drafts(tx: Connection, state: DraftState, limit: int) -> list[Draft]:
    """List the drafts in this state, the oldest first: who has waited longest has its turn."""
    query = _select_drafts(drafts.c.state == state).order_by(drafts.c.made_at, drafts.c.draft_id).limit(limit)
    return _read_drafts(tx, query)


def count_open_drafts(tx: Connection) -> tuple[int, datetime | None]:
    """Count those that are open, and tell since when the oldest is."""
    count, oldest = tx.execute(
        select(func.count(), func.min(drafts.c.made_at)).where(drafts.c.state == DraftState.OPEN)
    ).one()
    return count, oldest


def _select_drafts(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_VIEW).where(*conditions)


def _read_drafts(tx: Connection, query: Select[Any]) -> list[Draft]:
    return [Draft(**{**row._mapping, "state": DraftState(row.state)}) for row in tx.execute(query)]
