"""What is half written and left untouched ends by itself: data of children that nobody sent are not kept for ever.

Touched means changed: to look at it keeps nothing alive. What it said is destroyed with its key, as when it is given
up; that it ended, and whose it was, is an entry of the audit log. A draft of the case system of which it was made
stays, and waits on.
"""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial

from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.calendar import LONDON
from gateway.store import audit_log, compositions
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx

# Two fortnights: as long as two reviews of a search.
UNTOUCHED = timedelta(days=28)
# Seconds.
LOOK_EVERY = 3600.0
# In one transaction.
TOGETHER = 100


def get_expiry_day(changed_at: datetime) -> date:
    """Return the day on which it ends if nobody touches it."""
    return (changed_at + UNTOUCHED).astimezone(LONDON).date()


def expire_untouched(gw: Gateway) -> int:
    """End some of those that nobody has touched for so long; return how many."""

    def write_expired(tx: Tx) -> int:
        now = gw.now()
        ended = compositions.expire_compositions(tx, now, now - UNTOUCHED, TOGETHER)
        audit_log.append_entries(
            tx,
            now,
            [
                AuditEntry("composition.lapsed", SYSTEM, composition.composition_id, detail={"by": composition.by})
                for composition in ended
            ],
        )
        return len(ended)

    return gw.store.run(write_expired)


async def expire_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Expire untouched compositions every hour, until told to stop."""
    await run_every(gw, stop, "half-written notices", partial(_expire_all, gw), seconds=LOOK_EVERY)


async def _expire_all(gw: Gateway) -> None:
    while await asyncio.to_thread(expire_untouched, gw) == TOGETHER:
        pass
