"""The service manager is told by email of each change by which somebody may have got access to children's records.

An administrator sees no child, and could give themselves a role that does, or sign in as an officer with a one-time
password. So what was done is kept in the transaction that does it, and told from there: a mail that cannot go is tried
again, and a second process tells nothing twice but in a crash between the two.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from adapters.route import Letter
from gateway.background import run_every
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.staff_email import build_staff_letter, can_email_manager, email_manager
from gateway.store import access_changes, people
from gateway.store.access_changes import AccessChange
from gateway.store.database import Tx

# Seconds.
LOOK_EVERY = 60.0
# What is older is not told any more, as when a service manager is named for the first time.
TOLD_WITHIN = timedelta(days=30)
# Of one mail.
MOST_LINES = 50


async def tell_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Tell the service manager of what was changed, until told to stop."""
    await run_every(gw, stop, "changes of access", partial(tell_access_changes, gw), seconds=LOOK_EVERY)


async def tell_access_changes(gw: Gateway) -> int:
    """Tell the service manager of what they were not told of; return of how many changes."""
    if not can_email_manager(gw):
        return 0
    untold = await gw.store.read(lambda tx: _list_untold(tx, gw))
    if not untold:
        return 0
    lines = await gw.store.read(lambda tx: [_describe_change(tx, change) for change in untold])
    if not await email_manager(gw, _build_letter(gw, lines)):
        return 0
    ids = [change.id for change in untold]
    await gw.store.write(lambda tx: access_changes.set_changes_told(tx, gw.now(), ids))
    return len(untold)


def _list_untold(tx: Tx, gw: Gateway) -> list[AccessChange]:
    changes = access_changes.list_access_changes(tx, gw.now() - TOLD_WITHIN)
    return [change for change in changes if change.told_at is None][:MOST_LINES]


def _describe_change(tx: Tx, change: AccessChange) -> str:
    """Write who gave whom which roles, and when: "Agnes Example (agnes@..) gave themselves: CME officer"."""
    at = change.at.astimezone(LONDON)
    return labels.write_access_part(
        f"{change.kind}/own" if change.is_own else change.kind,
        person=_name_in_full(tx, change.person),
        by=_name_in_full(tx, change.by),
        roles=", ".join(labels.name_role(role) for role in sorted(change.roles)),
        on=f"{at.day} {at:%B %Y, %H:%M}",
    )


def _name_in_full(tx: Tx, name: str) -> str:
    person = people.find_person(tx, name)
    return f"{person.called} ({name})" if person else name


def _build_letter(gw: Gateway, lines: Sequence[str]) -> Letter:
    write = labels.write_access_part
    end = [write("what-now"), write("all", address=f"{gw.config.console_url}/audit?kind=people")]
    subject = f"{write('count', len(lines))} ({gw.code})"
    return build_staff_letter("CME-ACCESS", subject, [write("lead", len(lines)), "", *lines, "", *end])
