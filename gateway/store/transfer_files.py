"""Common Transfer Files that we write: which are due, under which name each was written, and what
the case system said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, update

from gateway.core.transfer_stage import TransferStage
from gateway.store.rows import build_insert, list_columns
from gateway.store.tables import transfer_files
from schemas.shapes import MessageId


@dataclass(frozen=True, slots=True)
class TransferFile:
    """One file as it stands."""

    # Of the notice in it; ourselves where it is for School2School.
    sender: str
    message_id: MessageId
    state: TransferStage
    state_at: datetime
    due_at: datetime
    number: int | None
    file: str | None
    shortened: str


_VIEW = list_columns(transfer_files, TransferFile)
_at = transfer_files.c


def add_files_due(tx: Connection, now: datetime, notices: Sequence[tuple[str, str]]) -> None:
    """Note that these notices (sender, id) are to be written. One noted before stands, unless it was dropped."""
    fresh = {"state": TransferStage.WAITING, "state_at": now, "due_at": now}
    again = build_insert(tx, transfer_files).on_conflict_do_update(
        index_elements=["sender", "message_id"], set_=fresh, where=_at.state == TransferStage.DROPPED
    )
    tx.execute(
        again, [{"sender": sender, "message_id": message_id, "shortened": ""} | fresh for sender, message_id in notices]
    )


def list_files_due(tx: Connection) -> list[tuple[str, MessageId]]:
    """List those that are to be written (sender, id), oldest first."""
    query = (
        select(_at.sender, _at.message_id)
        .where(_at.state == TransferStage.WAITING)
        .order_by(_at.due_at, _at.message_id)
    )
    return [(row.sender, row.message_id) for row in tx.execute(query)]


def is_file_due(tx: Connection, sender: str, message_id: MessageId) -> bool:
    """Tell whether it is still to be written. With PostgreSQL another process that asks waits for this one."""
    state = tx.scalar(select(_at.state).where(_is_file_of(sender, message_id)).with_for_update())
    return state == TransferStage.WAITING


def get_next_file_number(tx: Connection, sender: str) -> int:
    """Return the number after the last of this sender's files."""
    return (tx.scalar(select(func.max(_at.number)).where(_at.sender == sender)) or 0) + 1


def set_file_written(
    tx: Connection, now: datetime, sender: str, message_id: MessageId, number: int, file: str, shortened: Sequence[str]
) -> None:
    """Note that it lies, or will lie in a moment, under this name."""
    values = {"number": number, "file": file, "shortened": " ".join(shortened)}
    tx.execute(
        update(transfer_files)
        .where(_is_file_of(sender, message_id))
        .values(state=TransferStage.WRITTEN, state_at=now, **values)
    )


def set_file_dropped(tx: Connection, now: datetime, sender: str, message_id: MessageId) -> None:
    """Note that it is not to be written any more."""
    tx.execute(
        update(transfer_files).where(_is_file_of(sender, message_id)).values(state=TransferStage.DROPPED, state_at=now)
    )


def set_file_answer(tx: Connection, now: datetime, answered: TransferFile, answer: TransferStage) -> None:
    """Note what the case system said of it."""
    mine = _is_file_of(answered.sender, answered.message_id)
    tx.execute(update(transfer_files).where(mine).values(state=answer, state_at=now))


def find_transfer_file(tx: Connection, sender: str, message_id: MessageId) -> TransferFile | None:
    """Return one of them; None where there is none."""
    row = tx.execute(select(*_VIEW).where(_is_file_of(sender, message_id))).first()
    return None if row is None else _read_file(row._mapping)


def find_file_by_name(tx: Connection, file: str) -> TransferFile | None:
    """Return the newest that was written under this name; None where there is none."""
    row = tx.execute(select(*_VIEW).where(_at.file == file).order_by(_at.number.desc()).limit(1)).first()
    return None if row is None else _read_file(row._mapping)


def list_transfer_files(
    tx: Connection, *, other_than: str, states: Sequence[TransferStage] = (), limit: int = 100
) -> list[TransferFile]:
    """List the newest whose notice is of `other_than` this sender, in one of these states, newest first."""
    query = (
        select(*_VIEW).where(_at.sender != other_than).order_by(_at.due_at.desc(), _at.message_id.desc()).limit(limit)
    )
    if states:
        query = query.where(_at.state.in_(states))
    return [_read_file(row._mapping) for row in tx.execute(query)]


def count_files(tx: Connection, state: TransferStage) -> int:
    """Count those that stand in this state."""
    return tx.scalar(select(func.count()).where(_at.state == state)) or 0


def find_oldest_file_due(tx: Connection) -> datetime | None:
    """Return since when the oldest waits that is not yet written; None where none does."""
    oldest: datetime | None = tx.scalar(select(func.min(_at.due_at)).where(_at.state == TransferStage.WAITING))
    return oldest


def _is_file_of(sender: str, message_id: MessageId) -> ColumnElement[bool]:
    return and_(_at.sender == sender, _at.message_id == message_id)


def _read_file(row: RowMapping) -> TransferFile:
    return TransferFile(**{**row, "state": TransferStage(row["state"])})
