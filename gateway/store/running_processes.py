"""With which card, keys and settings each process of a gateway runs, so that one left behind is seen by all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from gateway.store.rows import build_insert, build_record, get_values
from gateway.store.tables import running_processes


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process, and what it had when it wrote this."""

    process: str
    card_serial: int
    # The id of the key that signs.
    signing_key: str
    # A digest of the settings that are the same in every home folder.
    settings: str
    # The ids of the storage keys that it holds, with a space between two.
    storage_keys: str
    noted_at: datetime
    # False: that key has ended, so it signs nothing.
    signs: bool = True


def replace_running_process(tx: Connection, running: RunningProcess) -> None:
    """Keep this of a process, in the place of what it wrote before."""
    values = get_values(running)
    keep = build_insert(tx, running_processes).values(values)
    tx.execute(keep.on_conflict_do_update(index_elements=["process"], set_=values))


def list_running_processes(tx: Connection, since: datetime) -> list[RunningProcess]:
    """List the processes that have written since then, by name."""
    at = running_processes.c
    rows = tx.execute(select(running_processes).where(at.noted_at >= since).order_by(at.process))
    return [build_record(RunningProcess, row) for row in rows]


def delete_running_process(tx: Connection, process: str) -> None:
    """Delete what a process wrote that stops."""
    tx.execute(delete(running_processes).where(running_processes.c.process == process))
