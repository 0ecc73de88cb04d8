"""When each loop of the gateway last looked, so that another process can see which has stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tables import loops


@dataclass(frozen=True, slots=True)
class Looked:
    """A loop, when it last looked, and from when on it is late to look again."""

    name: str
    looked_at: datetime
    late_at: datetime


def put(tx: Connection, looked: Sequence[Looked]) -> None:
    """Keep these, and no others. Where processes share a database, the last word counts."""
    tx.execute(delete(loops).where(loops.c.name.not_in([one.name for one in looked])))
    made = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    for one in sorted(looked, key=lambda one: one.name):  # in order, so that two processes cannot wait for each other
        moments = {"looked_at": one.looked_at, "late_at": one.late_at}
        keep = made(loops).values(name=one.name, **moments)
        tx.execute(keep.on_conflict_do_update(index_elements=["name"], set_=moments))


def clear(tx: Connection) -> None:
    """The gateway stops, so none is late."""
    tx.execute(delete(loops))


def every(tx: Connection) -> list[Looked]:
    """All of them, by name."""
    return [Looked(**row._mapping) for row in tx.execute(select(loops).order_by(loops.c.name))]
