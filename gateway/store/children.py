"""The index of our own children: whole loads, of which the newest counts.

Who a child is, is locked; keys only help to find it.

A load is written in steps beside the one that counts, and counts from one moment on. What an older one left is cleared
away then.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from gateway.errors import Unusable
from gateway.store.tables import child_keys, child_loads, children

# Values in one question.
AT_ONCE = 500
# In which an old load's keys are cleared away, so that no transaction is long.
RANGES = 64
# Of keys.
LOWEST, SPAN = -(2**63), 2**64 // RANGES


@dataclass(frozen=True, slots=True)
class IndexLoad:
    """An index as it counts."""

    load: int
    at: datetime
    children: int


@dataclass(frozen=True, slots=True)
class LockedChild:
    """A child of ours, locked."""

    number: int
    data_key: bytes
    content: bytes


def find_current_load(tx: Connection) -> IndexLoad | None:
    """Return the load that counts; None where there is none yet."""
    query = select(child_loads.c.load, child_loads.c.at, child_loads.c.children).order_by(child_loads.c.load.desc())
    row = tx.execute(query.limit(1)).first()
    return IndexLoad(**row._mapping) if row else None


def add_children(tx: Connection, load: int, some: Sequence[LockedChild]) -> None:
    """Add children of a load that does not count yet."""
    rows = [
        {"load": load, "number": child.number, "data_key": child.data_key, "content": child.content} for child in some
    ]
    tx.execute(insert(children), rows)


def add_child_keys(tx: Connection, load: int, some: Iterable[tuple[int, int]]) -> None:
    """Add keys of that load, each with the number of a child; a key that counts, with how many children it counts."""
    tx.execute(insert(child_keys), [{"load": load, "key": key, "number": number} for key, number in some])


def activate_load(tx: Connection, now: datetime, load: int, size: int) -> None:
    """Let this load count from now on. Raises Unusable where a newer one came meanwhile, or cleared this one away."""
    newest = find_current_load(tx)
    lying = tx.scalar(select(func.count()).select_from(children).where(children.c.load == load))
    if (newest and newest.load >= load) or lying != size:
        raise Unusable("children.overtaken")
    tx.execute(insert(child_loads), {"load": load, "at": now, "children": size})


def list_old_loads(tx: Connection, before: int) -> list[int]:
    """List the loads before this one of which something lies there still."""
    lowest = select(func.min(children.c.load)).where(children.c.load < before)
    keys = select(func.min(child_keys.c.load)).where(child_keys.c.load < before)
    return sorted({load for load in (tx.scalar(lowest), tx.scalar(keys)) if load is not None})


def delete_child_keys(tx: Connection, load: int, part: int) -> None:
    """Delete one of RANGES parts of an old load's keys."""
    first = LOWEST + part * SPAN
    mine = (child_keys.c.load == load, child_keys.c.key >= first, child_keys.c.key <= first + SPAN - 1)
    tx.execute(delete(child_keys).where(*mine))


def delete_children(tx: Connection, load: int, at_most: int) -> int:
    """Delete so many of an old load's children; return how many."""
    lowest = tx.scalar(select(func.min(children.c.number)).where(children.c.load == load)) or 0
    mine = (children.c.load == load, children.c.number < lowest + at_most)
    return tx.execute(delete(children).where(*mine)).rowcount


def find_child_numbers(tx: Connection, load: int, keys: Collection[int]) -> set[int]:
    """Return the children who lie under any of these keys."""
    numbers_found: set[int] = set()
    for some in _split_values(sorted(keys)):
        query = select(child_keys.c.number).where(child_keys.c.load == load, child_keys.c.key.in_(some))
        numbers_found.update(tx.scalars(query).all())
    return numbers_found


def find_children_by_key(tx: Connection, load: int, keys: Collection[int]) -> dict[int, set[int]]:
    """Return the children who lie under each of these keys."""
    numbers_by_key: dict[int, set[int]] = {}
    for some in _split_values(sorted(keys)):
        query = select(child_keys.c.key, child_keys.c.number).where(
            child_keys.c.load == load, child_keys.c.key.in_(some)
        )
        for key, number in tx.execute(query).all():
            numbers_by_key.setdefault(key, set()).add(number)
    return numbers_by_key


def find_counts(tx: Connection, load: int, keys: Collection[int]) -> dict[int, int]:
    """Return what stands under each of these keys that count; a key under which nothing stands is left out."""
    count_by_key: dict[int, int] = {}
    for some in _split_values(sorted(keys)):
        query = select(child_keys.c.key, child_keys.c.number).where(
            child_keys.c.load == load, child_keys.c.key.in_(some)
        )
        count_by_key.update((key, count) for key, count in tx.execute(query).all())
    return count_by_key


def list_locked_children(tx: Connection, load: int, wanted: Collection[int]) -> list[LockedChild]:
    """List these children, locked."""
    query = select(children.c.number, children.c.data_key, children.c.content).where(children.c.load == load)
    return [
        LockedChild(row.number, bytes(row.data_key), bytes(row.content))
        for some in _split_values(sorted(wanted))
        for row in tx.execute(query.where(children.c.number.in_(some))).all()
    ]


def _split_values(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[at : at + AT_ONCE] for at in range(0, len(values), AT_ONCE))
