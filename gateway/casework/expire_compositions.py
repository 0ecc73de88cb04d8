"""What is half written and left untouched ends by itself: data of children that nobody sent are not kept for ever.

Touched means changed: to look at it keeps nothing alive. What it said is destroyed with its key, as when it is given up; that it
ended, and whose it was, is an entry of the audit log. A draft of the case system of which it was made stays, and waits on.
"""

import asyncio
from contextlib import suppress
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from gateway.context import SYSTEM, Authority
from gateway.core.calendar import LONDON
from gateway.logs import failed
from gateway.store import audit_log, compositions
from gateway.store.audit_log import Entry

UNTOUCHED = timedelta(days=28)  # two fortnights: as long as two reviews of a search
LOOK_EVERY = 3600.0  # seconds
LATE = timedelta(hours=3)  # a loop that has not looked for so long has stopped
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
    while not stop.is_set():
        here.looks("half-written notices", LATE)
        try:
            while await asyncio.to_thread(lapse, here) == TOGETHER:
                pass
        except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
            failed("ending what is half written", why)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)
