"""When each loop of each process that serves this gateway last looked, so that another can see which has stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, delete, select

from gateway.store.rows import build_insert
from gateway.store.tables import loops


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A loop, when it last looked, and from when on it is late to look again."""

    name: str
    looked_at: datetime
    late_at: datetime


def replace_heartbeats(tx: Connection, process: str, looked: Sequence[Heartbeat]) -> None:
    """Keep these of a process, and no others of it."""
    names = [heartbeat.name for heartbeat in looked]
    tx.execute(delete(loops).where(loops.c.process == process, loops.c.name.not_in(names)))
    for heartbeat in looked:
        moments = {"looked_at": heartbeat.looked_at, "late_at": heartbeat.late_at}
        keep = build_insert(tx, loops).values(process=process, name=heartbeat.name, **moments)
        tx.execute(keep.on_conflict_do_update(index_elements=["process", "name"], set_=moments))


def delete_heartbeats(tx: Connection, process: str) -> None:
    """Delete the heartbeats of a process that stops, so that none is late."""
    tx.execute(delete(loops).where(loops.c.process == process))


def delete_late_heartbeats(tx: Connection, late_before: datetime) -> None:
    """Delete those that were late before then, of processes that were killed and not started anew."""
    tx.execute(delete(loops).where(loops.c.late_at < late_before))


def list_heartbeats(tx: Connection) -> dict[str, list[Heartbeat]]:
    """Return those of each process, by name."""
    rows = tx.execute(select(loops).order_by(loops.c.process, loops.c.name)).all()
    return {
        process: [Heartbeat(row.name, row.looked_at, row.late_at) for row in its]
        for process, its in groupby(rows, key=lambda row: row.process)
    }
