"""When each loop of the gateway last looked, so that another process can see which has stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from gateway.store.rows import build_insert
from gateway.store.tables import loops


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A loop, when it last looked, and from when on it is late to look again."""

    name: str
    looked_at: datetime
    late_at: datetime


def replace_heartbeats(tx: Connection, looked: Sequence[Heartbeat]) -> None:
    """Keep these, and no others. Where processes share a database, the last word counts."""
    tx.execute(delete(loops).where(loops.c.name.not_in([heartbeat.name for heartbeat in looked])))
    # In order, so that two processes cannot wait for each other.
    for heartbeat in sorted(looked, key=lambda heartbeat: heartbeat.name):
        moments = {"looked_at": heartbeat.looked_at, "late_at": heartbeat.late_at}
        keep = build_insert(tx, loops).values(name=heartbeat.name, **moments)
        tx.execute(keep.on_conflict_do_update(index_elements=["name"], set_=moments))


def delete_heartbeats(tx: Connection) -> None:
    """Delete all heartbeats: the gateway stops, so none is late."""
    tx.execute(delete(loops))


def list_heartbeats(tx: Connection) -> list[Heartbeat]:
    """List all of them, by name."""
    return [Heartbeat(**row._mapping) for row in tx.execute(select(loops).order_by(loops.c.name))]
