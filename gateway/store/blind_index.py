"""The blind index of notices: which messages have a mark, the newest first. What a mark stands for, only our key tells.

A message has one number, the higher the newer; each of its marks leads to it. Messages of before the index have numbers
below zero, in their order, from the migration that listed them as `unmarked`, until they are put into the index too.

Each message says by which version of the terms its marks were made (`search_terms.INDEX_VERSION`). Where that is an
older one, it is found by the marks that it has, until they are renewed.
"""

import json
import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from gateway.core.message_name import Direction, MessageName, build_name
from gateway.core.search_terms import INDEX_VERSION
from gateway.store.rows import build_insert
from gateway.store.tables import marked, marks, unmarked
from schemas.shapes import MessageId

TABLES = (marked, marks, unmarked)
# Messages with a mark: beyond them it does not matter which mark is rarer.
MANY = 1_000
# Ids in one question.
AT_ONCE = 500
ALL_AT_ONCE = "INSERT INTO marks (mark, number) SELECT * FROM unnest(%s::bigint[], %s::bigint[])"
# Built by hand, for to build it anew for each number of rows costs more than to ask it.
NEWEST = """
WITH wanted (place, one, two, three) AS (VALUES {rows})
SELECT place, (
  SELECT m.number FROM marks m WHERE m.mark = one
  AND EXISTS (SELECT 1 FROM marks o WHERE o.mark = two AND o.number = m.number)
  AND EXISTS (SELECT 1 FROM marks o WHERE o.mark = three AND o.number = m.number)
  ORDER BY m.number DESC LIMIT 1
) AS number FROM wanted
"""
ONE_BY_ONE = "INSERT INTO marks (mark, number) VALUES (?, ?)"
# Marks in a part, from which on it pays to leave out first those that no message has.
WIDE = 20
# What one more question costs, in rows that are looked at.
QUESTION = 20
OF_THESE = {
    "postgresql": "SELECT mark FROM unnest(%s::bigint[]) AS these (mark)",
    "sqlite": "SELECT mark FROM (SELECT value AS mark FROM json_each(?)) AS these",
}
THAT_EXIST = "{these} WHERE EXISTS (SELECT 1 FROM marks m WHERE m.mark = these.mark)"


@dataclass(frozen=True, slots=True)
class IndexedMessage:
    """A message, and its marks."""

    direction: Direction
    partner: str
    message_id: MessageId
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IndexHit:
    """A message by its number: where it lies."""

    number: int
    direction: Direction
    partner: str
    message_id: MessageId

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return build_name(self.direction, self.partner, self.message_id)


def index_messages(tx: Connection, some: Sequence[IndexedMessage]) -> None:
    """Make messages findable that were kept or queued in this transaction, the oldest first."""
    if not some:
        return
    # One transaction has no id twice.
    new_messages = insert(marked).returning(marked.c.number, marked.c.message_id)
    numbers = {
        row.message_id: row.number for row in tx.execute(new_messages, [_index_row(message) for message in some])
    }
    _insert_marks(tx, [(mark, numbers[message.message_id]) for message in some for mark in message.marks])


def index_old_messages(tx: Connection, some: Sequence[tuple[IndexHit, tuple[int, ...]]]) -> None:
    """Make messages of before findable; one that another process was quicker with is passed by."""
    rows = [
        _index_row(IndexedMessage(at.direction, at.partner, at.message_id, marks_of)) | {"number": at.number}
        for at, marks_of in some
    ]
    add = build_insert(tx, marked).on_conflict_do_nothing().returning(marked.c.number)
    new = set(tx.scalars(add, rows)) if rows else set()
    _insert_marks(tx, [(mark, at.number) for at, marks_of in some if at.number in new for mark in marks_of])


def delete_unindexed(tx: Connection, numbers: Sequence[int]) -> None:
    """Delete these messages of before from the list of those that are still to be made findable."""
    tx.execute(delete(unmarked).where(unmarked.c.number.in_(numbers)))


def _index_row(message: IndexedMessage) -> dict[str, object]:
    own = _pack_marks(message.marks)
    place = {"message_id": message.message_id, "lies": message.direction, "partner": message.partner}
    return place | {"marks": own, "version": INDEX_VERSION}


def _pack_marks(own: Sequence[int]) -> bytes:
    return struct.pack(f">{len(own)}q", *own)


def _unpack_marks(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(packed) // 8}q", packed)


def renew_marks(tx: Connection, some: Sequence[tuple[IndexHit, tuple[int, ...] | None]]) -> int:
    """Renew the marks of messages that have those of an older version; return of how many.

    None: it cannot be opened, so it keeps the marks that it has. What another process renewed, or was destroyed
    meanwhile, is passed by.
    """
    return sum(_renew_marks_of(tx, hit.number, own) for hit, own in some)


def _renew_marks_of(tx: Connection, number: int, own: tuple[int, ...] | None) -> bool:
    older = (marked.c.number == number) & (marked.c.version < INDEX_VERSION)
    packed = tx.scalar(update(marked).where(older).values(version=INDEX_VERSION).returning(marked.c.marks))
    if packed is None:
        return False
    before, now = set(_unpack_marks(packed)), set(own or ())
    if own is not None and before != now:
        tx.execute(update(marked).where(marked.c.number == number).values(marks=_pack_marks(own)))
        tx.execute(delete(marks).where(marks.c.mark.in_(before - now), marks.c.number == number))
        _insert_marks(tx, [(mark, number) for mark in now - before])
    return True


def _insert_marks(tx: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Insert some dozen rows a message, more than all others: they go to the driver as they are, at half the price."""
    if not (rows := sorted(pairs)):
        return
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(ALL_AT_ONCE, tuple(map(list, zip(*rows, strict=True))))
    else:
        tx.exec_driver_sql(ONE_BY_ONE, rows)


def list_unindexed(tx: Connection, limit: int) -> list[IndexHit]:
    """List messages of before that are not yet findable, the newest first."""
    query = select(unmarked.c.number, unmarked.c.lies, unmarked.c.partner, unmarked.c.message_id)
    # All are: SQLite then reads in order.
    newest = query.where(unmarked.c.number < 0).order_by(unmarked.c.number.desc())
    return [IndexHit(*row) for row in tx.execute(newest.limit(limit))]


def list_outdated(tx: Connection, limit: int) -> list[IndexHit]:
    """List messages whose marks are of an older version, the newest first."""
    query = select(marked.c.number, marked.c.lies, marked.c.partner, marked.c.message_id)
    oldest_version_last = query.where(marked.c.version < INDEX_VERSION).order_by(
        marked.c.version.desc(), marked.c.number.desc()
    )
    return [IndexHit(*row) for row in tx.execute(oldest_version_last.limit(limit))]


def count_waiting(tx: Connection, most: int) -> int:
    """Count the messages that are not yet in the index, or by an older version; up to so many."""
    absent = select(unmarked.c.number).where(unmarked.c.number < 0).limit(most).subquery()
    older = select(marked.c.number).where(marked.c.version < INDEX_VERSION).limit(most).subquery()
    counts = [tx.scalar(select(func.count()).select_from(waiting)) or 0 for waiting in (absent, older)]
    return min(sum(counts), most)


def find_marked(
    tx: Connection, parts: Sequence[Collection[int]], *, limit: int, cursor: int | None = None
) -> list[IndexHit]:
    """Find the newest messages, numbered below `cursor`, that have of each part any mark.

    The index has each mark's messages in order. So one part leads, and each of its messages is asked for the others;
    nothing is sorted, and of a common name no more is read than a page needs. The part leads with which fewest rows are
    looked at. Of a part with very many marks, as a year or all near spellings of a name, most are no message's.
    """
    held = [_list_held_marks(tx, part) if len(part) > WIDE else part for part in parts]
    if not all(held):
        return []
    first, *others = _order_parts(tx, held)
    numbers: set[int] = set()
    for mark in first:
        numbers.update(tx.scalars(_select_newest(mark, others, cursor).limit(limit)))
    return _read_hits(tx, sorted(numbers, reverse=True)[:limit])


def _list_held_marks(tx: Connection, part: Collection[int]) -> list[int]:
    """List those of these marks that any message has."""
    own = sorted(part)
    dialect = tx.dialect.name
    asked = (own,) if dialect == "postgresql" else (json.dumps(own),)
    return list(tx.exec_driver_sql(THAT_EXIST.format(these=OF_THESE[dialect]), asked).scalars())


def _order_parts(tx: Connection, parts: Sequence[Collection[int]]) -> Sequence[Collection[int]]:
    """Return the parts, that one first with which fewest rows are looked at."""
    if len(parts) < 2:
        return parts
    counts = [_count_marked(tx, part) for part in parts]
    marks_asked = sum(map(len, parts))
    costs = [
        count * (marks_asked - len(part)) + QUESTION * len(part) for count, part in zip(counts, parts, strict=True)
    ]
    first = costs.index(min(costs))
    return [parts[first], *(part for at, part in enumerate(parts) if at != first)]


def find_newest_marked(tx: Connection, asked: Sequence[Sequence[int]]) -> list[IndexHit | None]:
    """Find for each of these sets of at most three marks the newest message that has all of them, in one question."""
    if len(asked) > AT_ONCE:
        return [hit for at in range(0, len(asked), AT_ONCE) for hit in find_newest_marked(tx, asked[at : at + AT_ONCE])]
    if not asked:
        return []
    three = [(at, *some, *(some[0] for _ in range(3 - len(some)))) for at, some in enumerate(asked)]
    row = "(%s, %s, %s, %s)" if tx.dialect.name == "postgresql" else "(?, ?, ?, ?)"
    query = NEWEST.format(rows=", ".join([row] * len(three)))
    rows_found = tx.exec_driver_sql(query, tuple(hit for some in three for hit in some))
    numbers: dict[int, int | None] = {row.place: row.number for row in rows_found}
    lying = {hit.number: hit for hit in _read_hits(tx, sorted({n for n in numbers.values() if n is not None}))}
    return [lying.get(numbers.get(at) or 0) for at in range(len(asked))]


def _count_marked(tx: Connection, part: Collection[int]) -> int:
    some = select(marks.c.number).where(marks.c.mark.in_(part)).limit(MANY).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


def _select_newest(mark: int, others: Sequence[Collection[int]], cursor: int | None) -> Select[tuple[int]]:
    query = select(marks.c.number).where(marks.c.mark == mark).order_by(marks.c.number.desc())
    if cursor is not None:
        query = query.where(marks.c.number < cursor)
    for part in others:
        other_marks = marks.alias()
        query = query.where(
            select(other_marks.c.mark)
            .where(other_marks.c.number == marks.c.number, other_marks.c.mark.in_(part))
            .exists()
        )
    return query


def _read_hits(tx: Connection, numbers: Sequence[int]) -> list[IndexHit]:
    query = select(marked.c.number, marked.c.lies, marked.c.partner, marked.c.message_id)
    rows = tx.execute(query.where(marked.c.number.in_(numbers)).order_by(marked.c.number.desc()))
    return [IndexHit(*row) for row in rows]


def delete_from_index(tx: Connection, names: Sequence[MessageName]) -> None:
    """Delete these messages from the index: for whoever destroys their data keys, in the same transaction."""
    wanted = frozenset(names)
    for at in range(0, len(names), AT_ONCE):
        these = [name.message_id for name in names[at : at + AT_ONCE]]
        for hit in _list_places(tx, marked, these):
            # Two authorities may use one id.
            if hit.name in wanted:
                packed = tx.scalars(select(marked.c.marks).where(marked.c.number == hit.number)).one()
                own = _unpack_marks(packed)
                tx.execute(delete(marks).where(marks.c.mark.in_(own), marks.c.number == hit.number))
                tx.execute(delete(marked).where(marked.c.number == hit.number))
        waiting = [hit.number for hit in _list_places(tx, unmarked, these) if hit.name in wanted]
        delete_unindexed(tx, waiting)


def _list_places(tx: Connection, table: Table, message_ids: Sequence[str]) -> list[IndexHit]:
    at = table.c
    query = select(at.number, at.lies, at.partner, at.message_id).where(at.message_id.in_(message_ids))
    return [IndexHit(*row) for row in tx.execute(query).all()]
