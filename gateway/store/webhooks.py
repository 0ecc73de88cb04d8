"""Where case systems want to be told of what happens, and how far each was told."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from gateway.core.message_name import MessageName
from gateway.core.webhook_events import WebhookEvent
from gateway.errors import NotFound
from gateway.store.rows import get_values
from gateway.store.tables import api_clients, inbox, outbox, webhooks


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address of one client. Up to `next_entry` of the audit log everything was told there."""

    id: str
    client: str
    url: str = field(repr=False)
    events: tuple[WebhookEvent, ...]
    active: bool
    made_at: datetime
    data_key: bytes = field(repr=False)
    # Locked.
    secret: bytes = field(repr=False)
    next_entry: int
    due_at: datetime
    tries: int = 0
    failing_since: datetime | None = None
    failed_as: str | None = None


def add_webhook(tx: Connection, hook: Webhook) -> None:
    """Add a webhook."""
    tx.execute(insert(webhooks).values(_webhook_values(hook)))


def count_webhooks(tx: Connection, client: str) -> int:
    """Count those that a client has."""
    return tx.scalar(select(func.count()).where(webhooks.c.client == client)) or 0


def list_client_webhooks(tx: Connection, client: str) -> list[Webhook]:
    """List those of one client, the oldest first."""
    rows = tx.execute(select(webhooks).where(webhooks.c.client == client).order_by(webhooks.c.made_at, webhooks.c.id))
    return [_read_webhook(row) for row in rows]


def list_webhooks(tx: Connection) -> list[Webhook]:
    """List all, the oldest first."""
    return [_read_webhook(row) for row in tx.execute(select(webhooks).order_by(webhooks.c.made_at, webhooks.c.id))]


def delete_webhook(tx: Connection, client: str, name: str) -> None:
    """Delete a webhook: nothing is told there any more. Raises NotFound where the client has none of this id."""
    mine = and_(webhooks.c.client == client, webhooks.c.id == name)
    if tx.execute(delete(webhooks).where(mine)).rowcount != 1:
        raise _webhook_not_found()


def list_webhooks_due(tx: Connection, now: datetime) -> list[Webhook]:
    """List those that may be told something now."""
    live = select(api_clients.c.id).where(api_clients.c.active)
    return [
        _read_webhook(row) for row in tx.execute(select(webhooks).where(_is_due_now(now), webhooks.c.client.in_(live)))
    ]


def claim_webhook(tx: Connection, hook: Webhook, now: datetime, until: datetime) -> bool:
    """Claim one, so that nobody else tells it anything until then; return False where somebody else was quicker."""
    mine = and_(_is_due_now(now), webhooks.c.id == hook.id, webhooks.c.due_at == hook.due_at)
    return tx.execute(update(webhooks).where(mine).values(due_at=until)).rowcount == 1


def _is_due_now(now: datetime) -> ColumnElement[bool]:
    return and_(webhooks.c.active, webhooks.c.due_at <= now)


def set_webhook_told(tx: Connection, hook: Webhook, next_entry: int, due_at: datetime) -> Webhook:
    """Note that everything before this entry was told."""
    return _update_webhook(
        tx, hook, {"next_entry": next_entry, "due_at": due_at, "tries": 0, "failing_since": None, "failed_as": None}
    )


def set_webhook_failed(tx: Connection, hook: Webhook, now: datetime, due_at: datetime | None, why: str) -> Webhook:
    """Note that it was not taken: the same again later, or nothing more until somebody looks at it."""
    values = {"tries": hook.tries + 1, "failing_since": hook.failing_since or now, "failed_as": why[:80]}
    return _update_webhook(tx, hook, values | ({"active": False} if due_at is None else {"due_at": due_at}))


def resume_webhook(tx: Connection, name: str, now: datetime) -> None:
    """Let one that was given up go on where it stood. Raises NotFound."""
    again = {"active": True, "due_at": now, "tries": 0, "failing_since": None, "failed_as": None}
    if tx.execute(update(webhooks).where(webhooks.c.id == name).values(again)).rowcount != 1:
        raise _webhook_not_found()


def _webhook_not_found() -> NotFound:
    return NotFound("webhook.not-found")


def _update_webhook(tx: Connection, hook: Webhook, values: dict[str, Any]) -> Webhook:
    tx.execute(update(webhooks).where(webhooks.c.id == hook.id).values(values))
    return replace(hook, **values)


def list_changed_messages(tx: Connection, act: str, about: str | None, partner: str | None) -> list[MessageName]:
    """List the messages that this one answers, takes back or replaces; none for another act than its coming or going.

    One that is named is ours or its partner's: ids of ours are no partner's (`inbox.add_messages`).
    """
    if act == "notice.queued":
        query = select(outbox.c.in_reply_to).where(outbox.c.message_id == about)
    elif act == "message.kept":
        mine = and_(inbox.c.sender == partner, inbox.c.message_id == about, inbox.c.misfit.is_(None))
        query = select(inbox.c.in_reply_to, inbox.c.supersedes).where(mine)
    else:
        return []
    row = tx.execute(query).first()
    named = [message_id for message_id in (row or ()) if message_id is not None]
    ours = set(tx.scalars(select(outbox.c.message_id).where(outbox.c.message_id.in_(named))))
    return [MessageName("" if name in ours else partner or "", name) for name in named]


def _webhook_values(hook: Webhook) -> dict[str, Any]:
    return get_values(hook) | {"events": " ".join(hook.events)}


def _read_webhook(row: Row[Any]) -> Webhook:
    values = dict(row._mapping)
    parts = {name: bytes(values[name]) for name in ("data_key", "secret")}
    return Webhook(
        **{**values, **parts, "events": tuple(WebhookEvent(event_name) for event_name in values["events"].split())}
    )
