"""A message about the safety of a child is announced at once: the service manager gets an email, once for each.

The email has counts, kinds and authorities, whom to ring, and a link; of a child it has nothing. That it went is kept
for each message, so no other look sends it again; one that cannot go is tried with the next look. What came before this
was kept is looked at once, when the gateway starts.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from adapters.route import Letter
from gateway import copies
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.copies import Machine
from gateway.core import labels, urgency
from gateway.core.message_name import MessageName
from gateway.exchange.alerts import raise_alerts
from gateway.staff_email import build_staff_letter, email_manager
from gateway.store import alerts, audit_log, inbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.message import MessageKind

# Seconds.
LOOK_EVERY = 15.0
# Of before, opened in one transaction.
AT_ONCE = 32

Untold = Sequence[tuple[MessageName, MessageKind]]


async def announce_urgent(gw: Gateway) -> int:
    """Tell the service manager of what is urgent, and of which nobody was told; return of how many messages.

    Raises StoreUnavailable.
    """
    untold = await gw.store.read(alerts.list_untold)
    if not untold or not await email_manager(gw, _build_urgent_letter(gw, untold)):
        return 0
    await gw.store.write(lambda tx: _note_told(tx, gw, [name for name, _ in untold]))
    return len(untold)


def _build_urgent_letter(gw: Gateway, untold: Untold) -> Letter:
    write = labels.write_urgent_part
    kinds = Counter((kind, name.sender) for name, kind in untold)
    lines = [write("lead", len(untold)), ""]
    for (kind, sender), count in sorted(kinds.items()):
        authority = labels.name_authority_in_full(sender)
        lines.append(f"{count} x " + write("notice", kind=labels.name_kind(kind).lower(), authority=authority))
    if contact := gw.find_mash(gw.code):
        lines += ["", write("call", contact=contact)]
    lines += ["", write("not-an-alert"), "", write("all", address=f"{gw.config.console_url}/inbox")]
    return build_staff_letter("CME-URGENT", f"OFFICIAL-SENSITIVE: {write('count', len(untold))} ({gw.code})", lines)


def _note_told(tx: Tx, gw: Gateway, names: Sequence[MessageName]) -> None:
    alerts.set_told(tx, gw.now(), names)
    entries = [AuditEntry("notice.announced", SYSTEM, name.message_id, name.sender) for name in names]
    audit_log.append_entries(tx, gw.now(), entries)


async def read_earlier_tasks(gw: Gateway) -> int:
    """Look whether what waits since before this was kept is urgent; return how many messages were read."""
    read = 0
    while some := await gw.store.write(lambda tx: _read_some(tx, gw)):
        read += some
        await asyncio.sleep(0)
    return read


def _read_some(tx: Tx, gw: Gateway) -> int:
    names = inbox.list_unread_tasks(tx, AT_ONCE)
    taken = copies.take_copies(tx, gw, names, Machine.CHECK)
    opened = dict(copies.open_held(gw, taken))
    urgent = {name for name, message in opened.items() if urgency.list_urgent_reasons(message)}
    for name in names:
        inbox.set_urgent(tx, name, name in urgent)
    raise_alerts(tx, gw, [(name, opened[name].kind) for name in names if name in urgent])
    return len(names)


async def announce_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Announce what is urgent within seconds, until told to stop."""
    await run_every(gw, stop, "announcing", partial(_look_once, gw, []), seconds=LOOK_EVERY)


async def _look_once(gw: Gateway, earlier: list[int]) -> None:
    """Announce; before that, where it was not done yet, read what waits since earlier."""
    if not earlier:
        earlier.append(await read_earlier_tasks(gw))
    await announce_urgent(gw)
