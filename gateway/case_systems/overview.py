"""Case systems as a page shows them: each client with its webhooks, how far these were told, and what waits."""

from dataclasses import dataclass
from datetime import datetime

from gateway.case_systems import webhooks as flow
from gateway.context import Gateway
from gateway.store import audit_log, clients, webhooks
from gateway.store.clients import ApiClient
from gateway.store.database import Tx
from gateway.store.webhooks import Webhook


@dataclass(frozen=True, slots=True)
class WebhookProgress:
    """One webhook, and how it stands."""

    hook: Webhook
    # Everything that happened up to then was told; None: nothing yet.
    until: datetime | None
    # Events.
    waiting: int
    # There are further entries, which were not looked at.
    more: bool


@dataclass(frozen=True, slots=True)
class CaseSystem:
    """One case system."""

    client: ApiClient
    told: tuple[WebhookProgress, ...]


def list_case_systems(gw: Gateway) -> list[tuple[ApiClient, list[Webhook]]]:
    """List all, those that may call first; each with its webhooks."""

    def read(tx: Tx) -> tuple[list[ApiClient], list[Webhook]]:
        return clients.list_clients(tx), webhooks.list_webhooks(tx)

    all_clients, hooks = gw.store.look(read)
    by_use = sorted(all_clients, key=lambda client: (not client.active, client.id))
    return [(client, [hook for hook in hooks if hook.client == client.id]) for client in by_use]


def get_case_system(gw: Gateway, name: str) -> CaseSystem:
    """Return one of them. Raises NotFound."""

    def read(tx: Tx) -> CaseSystem:
        client = clients.get_client(tx, name)
        return CaseSystem(client, tuple(_read_progress(tx, hook) for hook in webhooks.list_client_webhooks(tx, name)))

    return gw.store.look(read)


def _read_progress(tx: Tx, hook: Webhook) -> WebhookProgress:
    before = audit_log.list_entries_from(tx, hook.next_entry - 1, 1) if hook.next_entry else []
    entries = flow.list_events_ahead(tx, hook)
    waiting = sum(event.event in hook.events for _, happened in entries for event in happened)
    until = before[0].at if before and before[0].at >= hook.made_at else None
    return WebhookProgress(hook, until, waiting, more=len(entries) >= flow.AT_ONCE)
