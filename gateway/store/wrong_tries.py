"""Wrong secrets by address, so that one who tries many is held up, whatever they try, at every process of a gateway.

Not for ever: an attacker with thousands of addresses loses the count.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, func, select

from gateway.core.lockout import Entrance
from gateway.store.rows import build_insert
from gateway.store.tables import wrong_tries

# Wrong tries of one address, and in which time: some officers share one.
MOST, WINDOW = 30, timedelta(minutes=15)
# Are remembered, the newest.
ADDRESSES = 4_096


def find_wait(tx: Connection, entrance: Entrance, address: str, now: datetime) -> int:
    """Return the seconds for which this address is not listened to at this entrance; 0 where it is."""
    which = select(wrong_tries.c.since).where(
        wrong_tries.c.entrance == entrance, wrong_tries.c.address == address, wrong_tries.c.tries >= MOST
    )
    since: datetime | None = tx.scalar(which)
    # What is later than now was written while a clock ran fast.
    if since is None or not since <= now < since + WINDOW:
        return 0
    return int((since + WINDOW - now).total_seconds()) + 1


def count_wrong_try(tx: Connection, entrance: Entrance, address: str, now: datetime) -> None:
    """Count one wrong try more; those of a window that is over are forgotten."""
    known = wrong_tries.c
    tx.execute(delete(wrong_tries).where((known.since <= now - WINDOW) | (known.since > now)))
    added = build_insert(tx, wrong_tries).values(entrance=entrance, address=address, tries=1, since=now)
    one_more = case((known.tries < MOST, known.tries + 1), else_=MOST)
    tx.execute(added.on_conflict_do_update(index_elements=["entrance", "address"], set_={"tries": one_more}))
    if (tx.scalar(select(func.count()).select_from(wrong_tries)) or 0) > ADDRESSES:
        oldest = select(func.min(known.since)).scalar_subquery()
        tx.execute(delete(wrong_tries).where(known.since == oldest))
