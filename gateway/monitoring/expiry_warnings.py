"""The job that warns of what expires, by the schedule of `core/expiry`: each warning is one entry of the audit log and
one line of the server log. What has to be done, Health says.
"""

import asyncio
from functools import partial

from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.expiry import Expiry, ExpiryKind, find_warning_due
from gateway.logs import log_expiry
from gateway.monitoring.expiries import list_every_expiry
from gateway.store import audit_log, expiry_warnings
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.expiry_warnings import ExpiryWarning

# Seconds.
LOOK_EVERY = 3600.0


async def warn_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Warn until told to stop."""
    await run_every(gw, stop, "expiry warnings", partial(asyncio.to_thread, give_warnings, gw), seconds=LOOK_EVERY)


def give_warnings(gw: Gateway) -> list[ExpiryWarning]:
    """Give the warnings that have fallen due since the last look, once each; return them. Raises StoreUnavailable."""
    every = {(it.authority, it.kind, it.id): it for it in list_every_expiry(gw)}
    given = gw.store.run(lambda tx: _write_warnings(tx, gw, every))
    for warning in given:
        log_expiry(warning.authority, warning.kind.value, warning.days)
    return given


def _write_warnings(tx: Tx, gw: Gateway, every: dict[tuple[str, ExpiryKind, str], Expiry]) -> list[ExpiryWarning]:
    now = gw.now()
    last = {(it.authority, it.kind, it.id): it for it in expiry_warnings.list_warnings(tx)}
    due = [
        ExpiryWarning(*name, days)
        for name, expiry in every.items()
        if (days := find_warning_due(expiry.ends_at, now, expiry.life)) is not None
    ]
    given = [it for it in due if (name := (it.authority, it.kind, it.id)) not in last or it.days < last[name].days]
    expiry_warnings.replace_warnings(tx, given, [it for name, it in last.items() if name not in every])
    entries = [
        AuditEntry("expiry.warned", SYSTEM, it.authority, detail={"kind": it.kind.value, "id": it.id, "days": it.days})
        for it in given
    ]
    audit_log.append_entries(tx, now, entries)
    return given
