"""What several processes of one gateway on PostgreSQL share: who does what is done once, and that something is due.

Both hang on one connection for each process. The lock of the one that leads ends with that connection, however its
process ends, and the next to ask has it. SQLite has one process that serves, so that one leads.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, func, select

if TYPE_CHECKING:
    from psycopg import AsyncConnection

# The number of the lock, the same for every version; that of a partner's has a number of its own beside it.
LEADING, CLAIMING = 0x636D66, 0x636D67
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


async def share_work(url: URL, *, wake: Callable[[], None], set_leading: Callable[[bool], None]) -> None:
    """Lead where no other process does, and call `wake` when one has queued something, until cancelled.

    Raises psycopg.Error where the database goes away; then this process does not lead.
    """
    # Only here: SQLite needs no driver of PostgreSQL's.
    from psycopg import AsyncConnection

    place = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        async with await AsyncConnection.connect(place, autocommit=True) as connection:
            await connection.execute(KEEPALIVE)
            await connection.execute(f"LISTEN {DUE}")
            # What was queued before it listened.
            wake()
            leads = False
            while True:
                leads = await _try_to_lead(connection, leads=leads)
                set_leading(leads)
                async for _ in connection.notifies(timeout=LOOK_EVERY):
                    wake()
    finally:
        set_leading(False)


async def _try_to_lead(connection: "AsyncConnection", *, leads: bool) -> bool:
    """Ask for the lock; whoever has it asks only whether the connection still stands."""
    if leads:
        await connection.execute("SELECT 1")
        return True
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADING,))).fetchone()
    return bool(row and row[0])
