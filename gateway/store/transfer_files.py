"""Common Transfer Files that we write: which are due, under which name each was written, and what the case system said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tables import transfer_files


class Stage(StrEnum):
    """How far a file has come."""

    WAITING = "waiting"
    WRITTEN = "written"
    MATCHED = "matched"  # the case system knew the child
    CONFLICTS = "conflicts"  # it knew the child, and holds something else of it: an officer decides there
    UNMATCHED = "unmatched"  # it did not know the child
    DROPPED = "dropped"  # the notice was taken back, corrected or rejected before the file was written


ANSWERS = (Stage.MATCHED, Stage.CONFLICTS, Stage.UNMATCHED)


@dataclass(frozen=True, slots=True)
class TransferFile:
    """One file as it stands."""

    sender: str  # of the notice in it; ourselves where it is for School2School
    message_id: str
    state: Stage
    state_at: datetime
    due_at: datetime
    number: int | None
    file: str | None
    shortened: str


_VIEW = [transfer_files.c[name] for name in TransferFile.__dataclass_fields__]
_at = transfer_files.c


def due(tx: Connection, now: datetime, notices: Sequence[tuple[str, str]]) -> None:
    """Note that these notices (sender, id) are to be written. One that was noted before stands, unless it was dropped."""
    made = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    fresh = {"state": Stage.WAITING, "state_at": now, "due_at": now}
    again = made(transfer_files).on_conflict_do_update(
        index_elements=["sender", "message_id"], set_=fresh, where=_at.state == Stage.DROPPED
    )
    tx.execute(again, [{"sender": sender, "message_id": one, "shortened": ""} | fresh for sender, one in notices])


def waiting(tx: Connection) -> list[tuple[str, str]]:
    """Those that are to be written (sender, id), oldest first."""
    query = select(_at.sender, _at.message_id).where(_at.state == Stage.WAITING).order_by(_at.due_at, _at.message_id)
    return [(row.sender, row.message_id) for row in tx.execute(query)]


def still_waits(tx: Connection, sender: str, message_id: str) -> bool:
    """Is it still to be written? With PostgreSQL another process that asks waits until this one has done."""
    state = tx.scalar(select(_at.state).where(_one(sender, message_id)).with_for_update())
    return state == Stage.WAITING


def next_number(tx: Connection, sender: str) -> int:
    """The number after the last of this sender's files."""
    return (tx.scalar(select(func.max(_at.number)).where(_at.sender == sender)) or 0) + 1


def set_written(
    tx: Connection, now: datetime, sender: str, message_id: str, number: int, file: str, shortened: Sequence[str]
) -> None:
    """It lies, or will lie in a moment, under this name."""
    values = {"number": number, "file": file, "shortened": " ".join(shortened)}
    tx.execute(
        update(transfer_files).where(_one(sender, message_id)).values(state=Stage.WRITTEN, state_at=now, **values)
    )


def drop(tx: Connection, now: datetime, sender: str, message_id: str) -> None:
    """It is not to be written any more."""
    tx.execute(update(transfer_files).where(_one(sender, message_id)).values(state=Stage.DROPPED, state_at=now))


def set_answer(tx: Connection, now: datetime, answered: TransferFile, answer: Stage) -> None:
    """What the case system said of it."""
    mine = _one(answered.sender, answered.message_id)
    tx.execute(update(transfer_files).where(mine).values(state=answer, state_at=now))


def get(tx: Connection, sender: str, message_id: str) -> TransferFile | None:
    """One of them."""
    row = tx.execute(select(*_VIEW).where(_one(sender, message_id))).first()
    return None if row is None else _file(row._mapping)


def named(tx: Connection, file: str) -> TransferFile | None:
    """The newest that was written under this name."""
    row = tx.execute(select(*_VIEW).where(_at.file == file).order_by(_at.number.desc()).limit(1)).first()
    return None if row is None else _file(row._mapping)


def search(tx: Connection, *, other_than: str, states: Sequence[Stage] = (), limit: int = 100) -> list[TransferFile]:
    """The newest whose notice is of `other_than` this sender, in one of these states where any is given, newest first."""
    query = (
        select(*_VIEW).where(_at.sender != other_than).order_by(_at.due_at.desc(), _at.message_id.desc()).limit(limit)
    )
    if states:
        query = query.where(_at.state.in_(states))
    return [_file(row._mapping) for row in tx.execute(query)]


def count(tx: Connection, state: Stage) -> int:
    """How many stand in this state."""
    return tx.scalar(select(func.count()).where(_at.state == state)) or 0


def oldest_waiting(tx: Connection) -> datetime | None:
    """Since when the oldest waits that is not yet written."""
    oldest: datetime | None = tx.scalar(select(func.min(_at.due_at)).where(_at.state == Stage.WAITING))
    return oldest


def _one(sender: str, message_id: str) -> ColumnElement[bool]:
    return and_(_at.sender == sender, _at.message_id == message_id)


def _file(row: RowMapping) -> TransferFile:
    return TransferFile(**{**row, "state": Stage(row["state"])})
