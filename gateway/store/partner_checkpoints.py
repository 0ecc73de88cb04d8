"""Checkpoints of partners' audit logs. A row counts until a person has accepted that the log began anew; it is kept even then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from gateway.core.checkpoint_rules import Alarm, Seen
from gateway.store.tables import witnessed


@dataclass(frozen=True, slots=True)
class Alarmed:
    """A checkpoint that contradicts another."""

    authority: str
    alarm: Alarm
    seen_at: datetime
    note: str
    against: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How far a partner's log is known."""

    authority: str
    size: int
    note: str
    seen_at: datetime
    checked: int  # up to this size it is one log
    alarm: Alarm | None


def largest(tx: Connection, authority: str) -> Seen | None:
    """The largest checkpoint that counts."""
    return _one(tx, witnessed.c.authority == authority)


def of_size(tx: Connection, authority: str, size: int) -> Seen | None:
    """The checkpoint of this size that counts."""
    return _one(tx, and_(witnessed.c.authority == authority, witnessed.c.size == size))


def _one(tx: Connection, which: ColumnElement[bool]) -> Seen | None:
    query = select(witnessed.c.size, witnessed.c.root, witnessed.c.note, witnessed.c.made_at)
    counts = and_(which, witnessed.c.ended_at.is_(None), witnessed.c.alarm.is_(None))
    row = tx.execute(query.where(counts).order_by(witnessed.c.size.desc(), witnessed.c.number.desc()).limit(1)).first()
    return None if row is None else _seen(row._mapping)


def _seen(row: Mapping[Any, Any]) -> Seen:
    return Seen(row["size"], bytes(row["root"]), row["note"], row["made_at"])


def add(
    tx: Connection,
    now: datetime,
    authority: str,
    seen: Seen,
    *,
    checked: bool = False,
    alarm: Alarm | None = None,
    against: str | None = None,
) -> None:
    """Keep a checkpoint; with an alarm, beside the note that it contradicts."""
    values = {"authority": authority, "size": seen.size, "root": seen.root, "note": seen.note, "made_at": seen.made_at}
    marks = {"checked_at": now if checked else None, "alarm": alarm, "against": against}
    tx.execute(insert(witnessed).values(**values, **marks, seen_at=now))


def unchecked(tx: Connection, authority: str, most: int) -> list[Seen]:
    """The largest that is checked, and after it those that are not, by size."""
    counts = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None), witnessed.c.alarm.is_(None))
    query = select(witnessed.c.size, witnessed.c.root, witnessed.c.note, witnessed.c.made_at).where(counts)
    by_size = (witnessed.c.size, witnessed.c.number)
    query = query.where(witnessed.c.size >= _checked(tx, authority)).order_by(*by_size).limit(most + 1)
    return [_seen(row._mapping) for row in tx.execute(query)]


def _checked(tx: Connection, authority: str) -> int:
    mine = and_(witnessed.c.authority == authority, witnessed.c.checked_at.is_not(None), witnessed.c.ended_at.is_(None))
    return tx.scalar(select(func.max(witnessed.c.size)).where(mine)) or 0


def checked(tx: Connection, now: datetime, authority: str, seen: Seen) -> None:
    """It was shown to continue the one before it."""
    tx.execute(update(witnessed).where(_is(authority, seen)).values(checked_at=now))


def contradicts(tx: Connection, authority: str, seen: Seen, against: Seen, alarm: Alarm) -> None:
    """It was not."""
    tx.execute(update(witnessed).where(_is(authority, seen)).values(alarm=alarm, against=against.note))


def _is(authority: str, seen: Seen) -> ColumnElement[bool]:
    whose = and_(witnessed.c.authority == authority, witnessed.c.size == seen.size, witnessed.c.root == seen.root)
    return and_(whose, witnessed.c.ended_at.is_(None))


def alarms(tx: Connection) -> list[Alarmed]:
    """Every alarm that stands."""
    names = [witnessed.c[name] for name in Alarmed.__dataclass_fields__]
    standing = and_(witnessed.c.alarm.is_not(None), witnessed.c.ended_at.is_(None))
    found = tx.execute(select(*names).where(standing).order_by(witnessed.c.authority, witnessed.c.number))
    return [Alarmed(**{**row._mapping, "alarm": Alarm(row.alarm)}) for row in found]


def alarm_of(tx: Connection, authority: str) -> Alarm | None:
    """The alarm that stands against this authority."""
    mine = and_(witnessed.c.authority == authority, witnessed.c.alarm.is_not(None), witnessed.c.ended_at.is_(None))
    found = tx.scalar(select(witnessed.c.alarm).where(mine).order_by(witnessed.c.number).limit(1))
    return None if found is None else Alarm(found)


def began_anew(tx: Connection, authority: str) -> datetime | None:
    """When a person last accepted that its log began anew."""
    since: datetime | None = tx.scalar(select(func.max(witnessed.c.ended_at)).where(witnessed.c.authority == authority))
    return since


def end(tx: Connection, now: datetime, authority: str) -> bool:
    """What was seen of its log counts no more, for it began anew; False where no alarm stands."""
    if alarm_of(tx, authority) is None:
        return False
    mine = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None))
    tx.execute(update(witnessed).where(mine).values(ended_at=now))
    return True


def summary(tx: Connection, authority: str) -> Summary | None:
    """How far its log is known; None where nothing was seen."""
    standing = and_(witnessed.c.authority == authority, witnessed.c.ended_at.is_(None))
    newest = select(witnessed.c.size, witnessed.c.note, witnessed.c.seen_at).where(standing)
    row = tx.execute(newest.order_by(witnessed.c.size.desc(), witnessed.c.number.desc()).limit(1)).first()
    if row is None:
        return None
    return Summary(authority, row.size, row.note, row.seen_at, _checked(tx, authority), alarm_of(tx, authority))
