"""What several processes of one gateway on PostgreSQL share: who does what is done once, who is alive, what the time
is, and that something is due.

All hang on one connection for each process. Its locks end with that connection, however the process ends: the next to
ask leads, and what the dead one was trying is tried by others. SQLite has one process that serves, so that one leads.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, func, select

if TYPE_CHECKING:
    from psycopg import AsyncConnection

# The number of the lock, the same for every version; those of a partner's and of a process have numbers beside it.
LEADING, CLAIMING, ALIVE = 0x636D66, 0x636D67, 0x636D68
DUE = "cme_gateway_due"
# Seconds between two looks at who leads.
LOOK_EVERY = 2.0
# Seconds of silence, between two probes, and probes: the server notices within ten that a machine has gone.
KEEPALIVE = "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"


def notify_processes(tx: Connection) -> None:
    """Tell every process, when this transaction commits, that something is due."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"NOTIFY {DUE}")


def hold_partner(tx: Connection, partner: str) -> None:
    """Let no other process claim deliveries to this partner before the end of this transaction.

    Else the one would not see what the other has just claimed, and could overtake it.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(CLAIMING, func.hashtext(partner))))


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a process shares the work of its gateway now."""

    # It does what is done once.
    leads: bool = True
    # That serve, this one among them.
    processes: int = 1
    # By how much the database's clock is before ours.
    database_ahead: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class SharedWork:
    """What a process is told of the others: that something is due, how the work is shared, and who has ended."""

    wake: Callable[[], None]
    set_sharing: Callable[[Sharing], None]
    free_claims: Callable[[Collection[str]], Awaitable[None]]


async def share_work(url: URL, process: str, now: Callable[[], datetime], work: SharedWork) -> None:
    """Share the work with other processes, and lead where none of them does, until cancelled.

    Raises psycopg.Error where the database goes away; then this process does not lead.
    """
    # Only here: SQLite needs no driver of PostgreSQL's.
    from psycopg import AsyncConnection

    place = url.set(drivername="postgresql").render_as_string(hide_password=False)
    sharing = Sharing(leads=False)
    try:
        async with await AsyncConnection.connect(place, autocommit=True) as connection:
            await connection.execute(KEEPALIVE)
            await connection.execute(f"LISTEN {DUE}")
            await connection.execute("SELECT pg_advisory_lock_shared(%s, hashtext(%s))", (ALIVE, process))
            # What was queued before it listened.
            work.wake()
            missing_before: frozenset[str] = frozenset()
            while True:
                leads = sharing.leads or await _try_to_lead(connection)
                asked_at = now()
                at, alive, missing = await _look_around(connection)
                sharing = Sharing(leads, max(alive, 1), at - asked_at)
                work.set_sharing(sharing)
                # Whoever was missing at the last look only may be connecting anew.
                if leads and (dead := missing & missing_before):
                    await work.free_claims(dead)
                missing_before = missing
                async for _ in connection.notifies(timeout=LOOK_EVERY):
                    work.wake()
    finally:
        work.set_sharing(Sharing(False, sharing.processes, sharing.database_ahead))


async def _try_to_lead(connection: "AsyncConnection") -> bool:
    """Ask for the lock, which ends with the connection; tell whether this process has it now."""
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADING,))).fetchone()
    return bool(row and row[0])


# The database's time, how many processes are alive, and which of those that had loops are not. A lock with two numbers
# stands in pg_locks with the first as classid, the second as objid, without a sign, and 2 as objsubid.
LOOK_AROUND = """
    WITH alive AS (
        SELECT DISTINCT objid::bigint AS number FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = %s AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    SELECT clock_timestamp(), (SELECT count(*) FROM alive), ARRAY(
        SELECT DISTINCT process FROM loops
        WHERE hashtext(process)::bigint & 4294967295 NOT IN (SELECT number FROM alive)
    )
"""


async def _look_around(connection: "AsyncConnection") -> tuple[datetime, int, frozenset[str]]:
    """Return the database's time, how many processes are alive, and which are not, though they had loops."""
    row = await (await connection.execute(LOOK_AROUND, (ALIVE,))).fetchone()
    assert row is not None  # noqa: S101 - a question without FROM has one row
    return row[0], row[1], frozenset(row[2])
