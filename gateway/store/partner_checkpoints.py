"""Checkpoints of partners' audit logs.

A row counts until a person has accepted that the log began anew; it is kept even then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from gateway.core.checkpoint_rules import LogContradiction, SeenCheckpoint
from gateway.store.rows import list_columns
from gateway.store.tables import witnessed


@dataclass(frozen=True, slots=True)
class AlarmedCheckpoint:
    """A checkpoint that contradicts another."""

    authority: str
    alarm: LogContradiction
    seen_at: datetime
    note: str
    against: str


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """How far a partner's log is known."""

    authority: str
    size: int
    note: str
    seen_at: datetime
    # Up to this size it is one log.
    checked: int
    alarm: LogContradiction | None


def find_largest_checkpoint(tx: Connection, authority: str) -> SeenCheckpoint | None:
    """Return the largest checkpoint that counts; None where there is none."""
    return _find_checkpoint(tx, witnessed.c.authority == authority)


def find_checkpoint_of_size(tx: Connection, authority: str, size: int) -> SeenCheckpoint | None:
    """Return the checkpoint of this size that counts; None where there is none."""
    return _find_checkpoint(tx, and_(witnessed.c.authority == authority, witnessed.c.size == size))


def _find_checkpoint(tx: Connection, which: ColumnElement[bool]) -> SeenCheckpoint | None:
    query = select(witnessed.c.size, witnessed.c.root, witnessed.c.note, witnessed.c.made_at)
    counts = and_(which, witnessed.c.ended_at.is_(None), witnessed.c.alarm.is_(None))
    row = tx.execute(query.where(counts).order_by(witnessed.c.size.desc(), witnessed.c.number.desc()).limit(1)).first()
    return None if row is None else _read_checkpoint(row._mapping)


def _read_checkpoint(row: Mapping[Any, Any]) -> SeenCheckpoint:
    return SeenCheckpoint(row["size"], bytes(row["root"]), row["note"], row["made_at"])


def add_partner_checkpoint(
    tx: Connection,
    now: datetime,
    authority: str,
    seen: SeenCheckpoint,
    *,
    checked: bool = False,
    alarm: LogContradiction | None = None,
    against: str | None = None,
) -> None:
    """Keep a checkpoint; with an alarm, beside the note that it contradicts."""
    values = {"authority": authority, "size": seen.size, "root": seen.root, "note": seen.note, "made_at": seen.made_at}
    marks = {"checked_at": now if checked else None, "alarm": alarm, "against": against}
    tx.execute(insert(witnessed).values(**values, **marks, seen_at=now))


def list_unchecked(tx: Connection, authority: str, most: int) -> list[SeenCheckpoint]:
    """List the largest that is checked, and after it those that are not, by size."""
    counts = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None), witnessed.c.alarm.is_(None))
    query = select(witnessed.c.size, witnessed.c.root, witnessed.c.note, witnessed.c.made_at).where(counts)
    by_size = (witnessed.c.size, witnessed.c.number)
    query = query.where(witnessed.c.size >= _checked_size(tx, authority)).order_by(*by_size).limit(most + 1)
    return [_read_checkpoint(row._mapping) for row in tx.execute(query)]


def _checked_size(tx: Connection, authority: str) -> int:
    mine = and_(witnessed.c.authority == authority, witnessed.c.checked_at.is_not(None), witnessed.c.ended_at.is_(None))
    return tx.scalar(select(func.max(witnessed.c.size)).where(mine)) or 0


def set_checked(tx: Connection, now: datetime, authority: str, seen: SeenCheckpoint) -> None:
    """Note that it was shown to continue the one before it."""
    tx.execute(update(witnessed).where(_is_checkpoint(authority, seen)).values(checked_at=now))


def set_contradicted(
    tx: Connection, authority: str, seen: SeenCheckpoint, against: SeenCheckpoint, alarm: LogContradiction
) -> None:
    """Note that it does not continue the one before it."""
    tx.execute(update(witnessed).where(_is_checkpoint(authority, seen)).values(alarm=alarm, against=against.note))


def _is_checkpoint(authority: str, seen: SeenCheckpoint) -> ColumnElement[bool]:
    whose = and_(witnessed.c.authority == authority, witnessed.c.size == seen.size, witnessed.c.root == seen.root)
    return and_(whose, witnessed.c.ended_at.is_(None))


def list_alarms(tx: Connection) -> list[AlarmedCheckpoint]:
    """List every alarm that stands."""
    names = list_columns(witnessed, AlarmedCheckpoint)
    standing = and_(witnessed.c.alarm.is_not(None), witnessed.c.ended_at.is_(None))
    rows = tx.execute(select(*names).where(standing).order_by(witnessed.c.authority, witnessed.c.number))
    return [AlarmedCheckpoint(**{**row._mapping, "alarm": LogContradiction(row.alarm)}) for row in rows]


def find_alarm(tx: Connection, authority: str) -> LogContradiction | None:
    """Return the alarm that stands against this authority; None where none does."""
    mine = and_(witnessed.c.authority == authority, witnessed.c.alarm.is_not(None), witnessed.c.ended_at.is_(None))
    alarm = tx.scalar(select(witnessed.c.alarm).where(mine).order_by(witnessed.c.number).limit(1))
    return None if alarm is None else LogContradiction(alarm)


def find_restart_accepted(tx: Connection, authority: str) -> datetime | None:
    """Return when a person last accepted that its log began anew; None where nobody did."""
    since: datetime | None = tx.scalar(select(func.max(witnessed.c.ended_at)).where(witnessed.c.authority == authority))
    return since


def end_partner_checkpoints(tx: Connection, now: datetime, authority: str) -> bool:
    """Let what was seen of its log count no more, for it began anew; return False where no alarm stands."""
    if find_alarm(tx, authority) is None:
        return False
    mine = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None))
    tx.execute(update(witnessed).where(mine).values(ended_at=now))
    return True


def summarise_checkpoints(tx: Connection, authority: str) -> CheckpointSummary | None:
    """Return how far its log is known; None where nothing was seen."""
    standing = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None))
    newest = select(witnessed.c.size, witnessed.c.note, witnessed.c.seen_at).where(standing)
    row = tx.execute(newest.order_by(witnessed.c.size.desc(), witnessed.c.number.desc()).limit(1)).first()
    if row is None:
        return None
    return CheckpointSummary(
        authority, row.size, row.note, row.seen_at, _checked_size(tx, authority), find_alarm(tx, authority)
    )
