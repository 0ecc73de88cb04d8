"""Case systems are told of what happens: each webhook follows the audit log, entry by entry, so that nothing is lost or
out of order.

Nothing is queued: what stands in the log is the queue, and each webhook's place in it moves on once an event was taken.
What was not taken is told again, under the same id, with growing waits; after three days the webhook is given up,
`doctor` says so, and `api resume` lets it go on where it stood. An event names a message and nothing else; whoever may
read it asks.
"""

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import random
from secrets import token_hex

from adapters import webhook as carrier
from adapters.webhook import AllowedHosts
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import webhook_events
from gateway.core.copy_names import name_webhook_secret
from gateway.core.delivery import get_next_attempt
from gateway.core.permissions import Scope
from gateway.core.webhook_events import Happening, WebhookEvent
from gateway.errors import NotAllowed, StoreUnavailable
from gateway.logs import log_failure
from gateway.store import audit_log, clients, webhooks
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.clients import ApiClient
from gateway.store.database import Tx
from gateway.store.webhooks import Webhook
from keys import at_rest, webhook
from keys.at_rest import Locked
from schemas.xml import TO_TEXT

# What is written with a new webhook, or not at all.
Also = Callable[[Tx, Webhook, str], None]
# Between two looks into the log.
LOOK_SECONDS = 2.0
DEAD_AFTER = timedelta(days=3)
# Longer than any try takes; a process that died gives its claims back after it.
CLAIM = timedelta(minutes=2)
# Entries of the log.
AT_ONCE = 100
# Webhooks of one client.
MOST = 10
# Of the leaf's hash: 128 bits are never met twice.
ID_CHARACTERS = 32


def list_webhooks(gw: Gateway) -> list[Webhook]:
    """List the webhooks of all clients."""
    return gw.store.look(webhooks.list_webhooks)


def list_client_webhooks(gw: Gateway, client: str) -> list[Webhook]:
    """List the webhooks of one client."""
    return gw.store.look(lambda tx: webhooks.list_client_webhooks(tx, client))


def add_webhook(
    gw: Gateway, client: str, by: str, url: str, events: Collection[WebhookEvent], *, also: Also
) -> Webhook:
    """Add a webhook, told of what happens from now on. Raises NotAllowed. `also` is told its secret, this once."""
    _check_webhook(gw, url, events)
    name, secret, now = f"wh-{token_hex(12)}", webhook.new_secret(), gw.now()
    locked = at_rest.lock(secret, about=name_webhook_secret(name), ring=gw.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    wanted = tuple(event for event in WebhookEvent if event in events)
    hook = Webhook(name, client, url, wanted, True, now, locked.data_key, locked.content, 0, now)

    def write(tx: Tx) -> Webhook:
        _check_scope(clients.get_client(tx, client))
        if webhooks.count_webhooks(tx, client) >= MOST:
            raise NotAllowed("webhook.too-many", most=MOST)
        if any((other.url, other.events) == (url, wanted) for other in webhooks.list_client_webhooks(tx, client)):
            raise NotAllowed("webhook.exists")
        begins = replace(hook, next_entry=audit_log.get_tree_head(tx).size)
        webhooks.add_webhook(tx, begins)
        audit_log.append_entries(tx, now, [AuditEntry("webhook.added", by, name, detail={"events": " ".join(wanted)})])
        also(tx, begins, webhook.format_secret(secret))
        return begins

    return gw.store.run(write)


def _check_webhook(gw: Gateway, url: str, events: Collection[WebhookEvent]) -> None:
    if not carrier.is_allowed(url, _list_hosts(gw)):
        raise NotAllowed("webhook.host")
    if not events:
        raise NotAllowed("webhook.no-event", events=", ".join(WebhookEvent))


def _check_scope(client: ApiClient) -> None:
    if not (client.active and Scope.WEBHOOKS in client.scopes):
        raise NotAllowed("webhook.no-scope", scope=Scope.WEBHOOKS)


def delete_webhook(gw: Gateway, client: str, by: str, name: str) -> None:
    """Delete a webhook: nothing is told there any more. Raises NotFound."""

    def write(tx: Tx) -> None:
        webhooks.delete_webhook(tx, client, name)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("webhook.removed", by, name)])

    gw.store.run(write)


def resume_webhook(gw: Gateway, name: str, by: str) -> None:
    """Resume one that was given up, where it stood. Raises NotFound."""

    def write(tx: Tx) -> None:
        webhooks.resume_webhook(tx, name, gw.now())
        audit_log.append_entries(tx, gw.now(), [AuditEntry("webhook.resumed", by, name)])

    gw.store.run(write)


async def send_events_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Send what events there are, until told to stop."""
    if gw.config.api.webhook_hosts:
        await run_every(gw, stop, "webhooks", partial(send_events_due, gw), seconds=LOOK_SECONDS)


async def send_events_due(gw: Gateway) -> None:
    """Send every webhook that is due what it was not told yet; one that is slow holds up no other."""
    hooks = await gw.store.read(lambda tx: webhooks.list_webhooks_due(tx, gw.now()))
    for ended in await asyncio.gather(*(_send_events(gw, hook) for hook in hooks), return_exceptions=True):
        # Of one, which must not keep the others from being told.
        if isinstance(ended, Exception):
            log_failure("webhook", ended)


async def _send_events(gw: Gateway, hook: Webhook) -> None:
    entries = await gw.store.read(lambda tx: list_events_ahead(tx, hook))
    if not entries:
        return
    now = gw.now()
    if not await gw.store.write(lambda tx: webhooks.claim_webhook(tx, hook, now, now + CLAIM)):
        return
    for entry, happened in entries:
        # Not its number, which comes again after a restore and names another entry.
        event_id = entry.leaf.hex()[:ID_CHARACTERS]
        wanted = [
            (f"{event_id}-{at}", event_told)
            for at, event_told in enumerate(happened)
            if event_told.event in hook.events
        ]
        for name, event_told in wanted:
            if why := await _post_event(gw, hook, name, entry.at, event_told):
                await gw.store.write(partial(_note_not_taken, gw=gw, hook=hook, why=why))
                return
        if wanted:
            hook = await gw.store.write(partial(_move_webhook_on, gw=gw, hook=hook, to=entry.number + 1, wait=CLAIM))
    await gw.store.write(partial(_move_webhook_on, gw=gw, hook=hook, to=entries[-1][0].number + 1, wait=timedelta(0)))


def _move_webhook_on(tx: Tx, gw: Gateway, hook: Webhook, to: int, wait: timedelta) -> Webhook:
    return webhooks.set_webhook_told(tx, hook, to, gw.now() + wait)


def list_events_ahead(tx: Tx, hook: Webhook) -> list[tuple[LoggedEntry, list[Happening]]]:
    """List the next entries of the log, each with what it tells of; so many as are read at once."""
    return [
        (entry, _list_entry_happenings(tx, entry))
        for entry in audit_log.list_entries_from(tx, hook.next_entry, AT_ONCE)
    ]


def _list_entry_happenings(tx: Tx, entry: LoggedEntry) -> list[Happening]:
    """List what an entry tells of: nothing where our own code fails on it, and what comes after it is told."""
    try:
        changed = webhooks.list_changed_messages(tx, entry.act, entry.about, entry.partner)
        return webhook_events.list_entry_events(entry.act, entry.about, entry.partner, changed)
    except StoreUnavailable:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as why:
        log_failure("webhooks", why)
        return []


async def _post_event(gw: Gateway, hook: Webhook, name: str, at: datetime, happening: Happening) -> str | None:
    """Post an event; return None, or why it was not taken.

    At each try its id is the same, so that repeats are known.
    """
    seconds = int(gw.now().timestamp())
    content = {
        "type": happening.event,
        "timestamp": TO_TEXT[datetime](at),
        "data": {"id": happening.message_id, "sender": happening.sender or gw.code},
    }
    body = json.dumps(content).encode()
    secret = at_rest.unlock(Locked(hook.data_key, hook.secret), about=name_webhook_secret(hook.id), ring=gw.ring)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": webhook.sign(secret, name, seconds, body),
    }
    allowed = AllowedHosts(_list_hosts(gw), gw.config.webhook_ca(), gw.proxy)
    return await carrier.post(hook.url, body, headers, allowed)


def _note_not_taken(tx: Tx, gw: Gateway, hook: Webhook, why: str) -> None:
    now = gw.now()
    since = hook.failing_since or now
    again = get_next_attempt(hook.tries + 1, queued_at=since, now=now, jitter=random())  # noqa: S311 - spreads load, guards nothing
    if now - since >= DEAD_AFTER:
        again = None
        audit_log.append_entries(tx, now, [AuditEntry("webhook.given-up", SYSTEM, hook.id, detail={"why": why})])
    webhooks.set_webhook_failed(tx, hook, now, again, why)


def _list_hosts(gw: Gateway) -> frozenset[str]:
    return frozenset(gw.config.api.webhook_hosts.split())
