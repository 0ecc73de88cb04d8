"""What is half written and left untouched ends by itself: data of children that nobody sent are not kept for ever.

Touched means changed: to look at it keeps nothing alive. What it said is destroyed with its key, as when it is given up; that it
ended, and whose it was, is an entry of the audit log. A draft of the case system of which it was made stays, and waits on.
"""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from gateway.background import run_every
from gateway.context import SYSTEM, Authority
from gateway.core.calendar import LONDON
from gateway.store import audit_log, compositions
from gateway.store.audit_log import Entry

UNTOUCHED = timedelta(days=28)  # two fortnights: as long as two reviews of a search
LOOK_EVERY = 3600.0  # seconds
TOGETHER = 100  # in one transaction


def ends_on(changed_at: datetime) -> date:
    """The day on which it ends if nobody touches it."""
    return (changed_at + UNTOUCHED).astimezone(LONDON).date()


def lapse(here: Authority) -> int:
    """End some of those that nobody has touched for so long: how many."""

    def write(tx: Connection) -> int:
        now = here.now()
        ended = compositions.end_untouched(tx, now, now - UNTOUCHED, TOGETHER)
        audit_log.append(
            tx, now, [Entry("composition.lapsed", SYSTEM, one.composition_id, detail={"by": one.by}) for one in ended]
        )
        return len(ended)

    return here.store.run(write)


async def lapse_forever(here: Authority, stop: asyncio.Event) -> None:
    """Look every hour, until told to stop."""
    await run_every(here, stop, "half-written notices", partial(_lapse_all, here), seconds=LOOK_EVERY)


async def _lapse_all(here: Authority) -> None:
    while await asyncio.to_thread(lapse, here) == TOGETHER:
        pass
