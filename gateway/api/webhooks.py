"""Where a client wants to be told of what happens."""

from typing import Any

from gateway.api.call import PREFIX, ApiResponse, Call, Malformed, build_response, build_stored_response, text_of
from gateway.api.guard import Operation
from gateway.api.shapes import Hook, Hooks, NewHook, Wanted
from gateway.case_systems import idempotency, webhooks
from gateway.case_systems.idempotency import StoredAnswer
from gateway.core.permissions import Permission
from gateway.core.webhook_events import WebhookEvent
from schemas import json

# In one request.
MOST_EVENTS = 10


def add_webhook(call: Call) -> ApiResponse:
    """A webhook; its secret is in this answer, and in no other."""
    url, events = _wanted(json.load_object(call.body))
    told: list[StoredAnswer] = []

    def answer(shape: NewHook) -> StoredAnswer:
        told.append(StoredAnswer(201, text_of(shape), f"{PREFIX}/webhooks"))
        return told[-1]

    webhooks.add_webhook(
        call.gw,
        call.client_id,
        call.by,
        url,
        events,
        also=lambda tx, hook, secret: idempotency.keep_answer(
            tx, call.gw, call.tried, answer(NewHook(hook.id, hook.url, hook.events, secret))
        ),
    )
    return build_stored_response(told[-1])


def _wanted(members: dict[str, Any]) -> tuple[str, set[WebhookEvent]]:
    url, events = members.get("url"), members.get("events")
    known = [str(event) for event in WebhookEvent]
    fits = isinstance(url, str) and isinstance(events, list) and len(events) <= MOST_EVENTS
    if not fits or members.keys() != {"url", "events"} or not all(event in known for event in events or ()):
        raise Malformed("request.malformed", what="a webhook must have a url and events")
    return str(url), {WebhookEvent(event) for event in events or ()}


def list_webhooks(call: Call) -> ApiResponse:
    """Those of this client; no secret is shown again."""
    shown = [
        Hook(hook.id, hook.url, hook.events, hook.active, hook.made_at, hook.failing_since, hook.failed_as)
        for hook in webhooks.list_client_webhooks(call.gw, call.client_id)
    ]
    return build_response(Hooks(tuple(shown)))


def remove_webhook(call: Call) -> ApiResponse:
    """Nothing is told there any more."""
    webhooks.delete_webhook(call.gw, call.client_id, call.by, call.parts["webhook"])
    return ApiResponse(204, b"")


OPERATIONS = (
    Operation(
        "POST",
        "/webhooks",
        "makeWebhook",
        Permission.WEBHOOKS,
        "Add a webhook",
        add_webhook,
        gives=NewHook,
        status=201,
        takes=Wanted,
    ),
    Operation("GET", "/webhooks", "listWebhooks", Permission.WEBHOOKS, "List webhooks", list_webhooks, gives=Hooks),
    Operation(
        "DELETE",
        "/webhooks/{webhook}",
        "removeWebhook",
        Permission.WEBHOOKS,
        "Remove a webhook",
        remove_webhook,
        status=204,
    ),
)
