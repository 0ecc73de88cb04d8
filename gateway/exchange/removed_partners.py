"""What waits for a partner that was removed is given up, so that an officer learns of it.

Removing a partner does that at once. What was being tried at that moment, or is retried afterwards, would wait for
ever: nobody delivers to an authority whose card is gone. So a job looks for it too.
"""

import asyncio
from functools import partial

from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.failure_cause import REMOVED
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx

# Seconds.
LOOK_EVERY = 30.0


async def give_up_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Give up what waits for no partner of ours, until told to stop."""

    async def give_up_stranded() -> None:
        for authority in await gw.store.read(outbox.list_stranded):
            await gw.store.write(partial(give_up_waiting, gw=gw, authority=authority))

    await run_every(gw, stop, "messages to removed partners", give_up_stranded, seconds=LOOK_EVERY)


def give_up_waiting(tx: Tx, gw: Gateway, authority: str) -> int:
    """Give up what is on its way to an authority, with an entry for each, in the caller's transaction; count it."""
    failed = outbox.fail_under_way(tx, gw.now(), authority, REMOVED)
    detail = {"reason": REMOVED}
    entries = [AuditEntry("notice.failed", SYSTEM, it, authority, detail=detail) for it in failed]
    audit_log.append_entries(tx, gw.now(), entries)
    return len(failed)
