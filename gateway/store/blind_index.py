"""The blind index of notices: which messages have a mark, the newest first. What a mark stands for, only our key tells.

A message has one number, the higher the newer; each of its marks leads to it. Messages of before the index have numbers below zero,
in their order, from the migration that listed them as `unmarked`, until they are put into the index too.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Select, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tables import marked, marks, unmarked

Lies = Literal["sent", "came"]
MANY = 1_000  # messages with a mark: beyond them it does not matter which mark is rarer
AT_ONCE = 500  # ids in one question
ALL_AT_ONCE = "INSERT INTO marks (mark, number) SELECT * FROM unnest(%s::bigint[], %s::bigint[])"
NEWEST = """
WITH wanted (place, one, two, three) AS (VALUES {rows})
SELECT place, (
  SELECT m.number FROM marks m WHERE m.mark = one
  AND EXISTS (SELECT 1 FROM marks o WHERE o.mark = two AND o.number = m.number)
  AND EXISTS (SELECT 1 FROM marks o WHERE o.mark = three AND o.number = m.number)
  ORDER BY m.number DESC LIMIT 1
) AS number FROM wanted
"""  # built by hand, for to build it anew for each number of rows costs more than to ask it
ONE_BY_ONE = "INSERT INTO marks (mark, number) VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Marked:
    """A message, and its marks."""

    lies: Lies
    partner: str
    message_id: str
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lying:
    """A message by its number: where it lies."""

    number: int
    lies: Lies
    partner: str
    message_id: str


def put(tx: Connection, some: Sequence[Marked]) -> None:
    """Make messages findable that were kept or queued in this transaction, the oldest first."""
    if not some:
        return
    made = insert(marked).returning(marked.c.number, marked.c.message_id)  # one transaction has no id twice
    numbers = {row.message_id: row.number for row in tx.execute(made, [_row(one) for one in some])}
    _lead_to(tx, [(mark, numbers[one.message_id]) for one in some for mark in one.marks])


def put_old(tx: Connection, some: Sequence[tuple[Lying, tuple[int, ...]]]) -> None:
    """Make messages of before findable; one that another process was quicker with is passed by."""
    on = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    rows = [_row(Marked(at.lies, at.partner, at.message_id, its)) | {"number": at.number} for at, its in some]
    new = set(tx.scalars(on(marked).on_conflict_do_nothing().returning(marked.c.number), rows)) if rows else set()
    _lead_to(tx, [(mark, at.number) for at, its in some if at.number in new for mark in its])


def settle_old(tx: Connection, numbers: Sequence[int]) -> None:
    """These messages of before are no longer to be made findable."""
    tx.execute(delete(unmarked).where(unmarked.c.number.in_(numbers)))


def _row(one: Marked) -> dict[str, object]:
    own = struct.pack(f">{len(one.marks)}q", *one.marks)
    return {"message_id": one.message_id, "lies": one.lies, "partner": one.partner, "marks": own}


def _lead_to(tx: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """A dozen rows a message, and more than all others together: they go to the driver as they are, at half the price."""
    if not (rows := sorted(pairs)):
        return
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(ALL_AT_ONCE, tuple(map(list, zip(*rows, strict=True))))
    else:
        tx.exec_driver_sql(ONE_BY_ONE, rows)


def old(tx: Connection, limit: int) -> list[Lying]:
    """Messages of before that are not yet findable, the newest first."""
    query = select(unmarked.c.number, unmarked.c.lies, unmarked.c.partner, unmarked.c.message_id)
    newest = query.where(unmarked.c.number < 0).order_by(
        unmarked.c.number.desc()
    )  # all are: SQLite then reads in order
    return [Lying(*row) for row in tx.execute(newest.limit(limit))]


def find(tx: Connection, parts: Sequence[Collection[int]], *, limit: int, before: int | None = None) -> list[Lying]:
    """The newest messages, numbered below `before`, that have of each part any mark.

    The index has each mark's messages in order. So the part that fewest have leads, and each of its messages is asked for the
    others; nothing is sorted, and of a common name no more is read than a page needs.
    """
    first, *others = sorted(parts, key=lambda part: _how_many(tx, part)) if len(parts) > 1 else parts
    found: set[int] = set()
    for mark in first:
        found.update(tx.scalars(_newest(mark, others, before).limit(limit)))
    return _lying(tx, sorted(found, reverse=True)[:limit])


def newest(tx: Connection, asked: Sequence[Sequence[int]]) -> list[Lying | None]:
    """The newest message that has every one of some marks, at most three, for each of these: one question for all of them."""
    if len(asked) > AT_ONCE:
        return [one for at in range(0, len(asked), AT_ONCE) for one in newest(tx, asked[at : at + AT_ONCE])]
    if not asked:
        return []
    three = [(at, *some, *(some[0] for _ in range(3 - len(some)))) for at, some in enumerate(asked)]
    row = "(%s, %s, %s, %s)" if tx.dialect.name == "postgresql" else "(?, ?, ?, ?)"
    query = NEWEST.format(rows=", ".join([row] * len(three)))
    found = tx.exec_driver_sql(query, tuple(one for some in three for one in some))
    numbers: dict[int, int | None] = {row.place: row.number for row in found}
    lying = {one.number: one for one in _lying(tx, sorted({n for n in numbers.values() if n is not None}))}
    return [lying.get(numbers.get(at) or 0) for at in range(len(asked))]


def _how_many(tx: Connection, part: Collection[int]) -> int:
    some = select(marks.c.number).where(marks.c.mark.in_(part)).limit(MANY).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


def _newest(mark: int, others: Sequence[Collection[int]], before: int | None) -> Select[tuple[int]]:
    query = select(marks.c.number).where(marks.c.mark == mark).order_by(marks.c.number.desc())
    if before is not None:
        query = query.where(marks.c.number < before)
    for part in others:
        its = marks.alias()
        query = query.where(select(its.c.mark).where(its.c.number == marks.c.number, its.c.mark.in_(part)).exists())
    return query


def _lying(tx: Connection, numbers: Sequence[int]) -> list[Lying]:
    query = select(marked.c.number, marked.c.lies, marked.c.partner, marked.c.message_id)
    rows = tx.execute(query.where(marked.c.number.in_(numbers)).order_by(marked.c.number.desc()))
    return [Lying(*row) for row in rows]


def forget(tx: Connection, message_ids: Sequence[str]) -> None:
    """Nobody finds these messages any more: for whoever destroys their data keys, in the same transaction."""
    for at in range(0, len(message_ids), AT_ONCE):
        these = message_ids[at : at + AT_ONCE]
        rows = tx.execute(select(marked.c.number, marked.c.marks).where(marked.c.message_id.in_(these))).all()
        for row in rows:
            own = struct.unpack(f">{len(row.marks) // 8}q", row.marks)
            tx.execute(delete(marks).where(marks.c.mark.in_(own), marks.c.number == row.number))
        tx.execute(delete(marked).where(marked.c.message_id.in_(these)))
        tx.execute(delete(unmarked).where(unmarked.c.message_id.in_(these)))
