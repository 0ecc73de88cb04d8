"""Case systems that may call the API: admins let them in and end them; operators see how they fare. Secrets are shown once."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from gateway.case_systems import clients, overview, webhooks
from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import Door
from gateway.core.permissions import Permission, Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.errors import NotAllowed

ROOM, ADDING = "/case-systems", "/add-case-system"  # not below the room: an id may be any word
SYSTEM, WEBHOOK = "{system:[a-z0-9-]{3,40}}", "{webhook:wh-[0-9a-f]{24}}"
SCOPES = {
    Scope.NOTICES_READ: ("View notices", "Lists and views notices. Each view is logged."),
    Scope.NOTICES_SEND: ("Send notices", "Sends and withdraws notices."),
    Scope.NOTICES_ANSWER: ("Reply to notices", "Sends acknowledgements, answers and outcomes."),
    Scope.STATUS_READ: ("View the status of notices", "Also lists authorities. Shows nothing about a child."),
    Scope.WEBHOOKS: (
        "Receive notifications",
        "Gets a notification when a notice changes. Includes nothing about a child.",
    ),
}
EVENTS = {
    WebhookEvent.RECEIVED: "Message received",
    WebhookEvent.STATE: "Status of a message may have changed",
    WebhookEvent.RECEIPT: "Delivery receipt received",
}
ENDING = (
    "Remove this system",
    "It loses access immediately and gets no more notifications. Its client ID cannot be reused. This cannot be undone.",
    "Remove system",
)
RENEWING = (
    "Replace the secret",
    "The current secret stops working immediately. The system cannot connect until it has the new one.",
    "Replace secret",
)
REMOVING = (
    "Stop notifications",
    "Notifications waiting for this address will not be sent. To start again, add a new address, which gets a new secret.",
    "Stop notifications",
)


async def look(visit: Visit) -> web.StreamResponse:
    """All of them."""
    found = await asyncio.to_thread(overview.every, visit.here)
    return visit.page("case-systems.html", systems=found, scopes=SCOPES, now=visit.here.now())


async def ask(visit: Visit) -> web.StreamResponse:
    """The form for a new one."""
    return visit.page("case-system-add.html", scopes=SCOPES, wrong=None)


async def add(visit: Visit) -> web.StreamResponse:
    """A new one, and the secret that is shown once."""
    name, called = visit.typed("id"), visit.typed("called")
    wanted = [scope for scope in Scope if scope in visit.form.getall("scopes", [])]
    try:
        secret = await asyncio.to_thread(clients.make, visit.here, name, called, wanted, visit.by)
    except NotAllowed as why:
        return visit.page("case-system-add.html", status=422, scopes=SCOPES, wrong=why)
    return _secret(visit, name, secret)


def _secret(visit: Visit, name: str, secret: str) -> web.Response:
    return visit.page("case-system-secret.html", name=name, secret=secret, address=clients.audience(visit.here))


async def one(visit: Visit) -> web.StreamResponse:
    """One of them, with where it is told."""
    found = await asyncio.to_thread(overview.look, visit.here, visit.part("system"))
    said: dict[str, Any] = {"scopes": SCOPES, "events": EVENTS, "most": webhooks.MOST, "now": visit.here.now()}
    return visit.page("case-system.html", system=found, **said)


async def _asked(visit: Visit, act: tuple[str, str, str]) -> web.StreamResponse:
    found = await asyncio.to_thread(overview.look, visit.here, visit.part("system"))
    return visit.page("case-system-ask.html", client=found.client, title=act[0], sentence=act[1], button=act[2])


async def end(visit: Visit) -> web.StreamResponse:
    """It calls no more."""
    return await _done(visit, partial(clients.end, visit.here, visit.part("system"), visit.by))


async def renew(visit: Visit) -> web.StreamResponse:
    """Another secret."""
    name = visit.part("system")
    return _secret(visit, name, await asyncio.to_thread(clients.renew, visit.here, name, visit.by))


async def remove(visit: Visit) -> web.StreamResponse:
    """It is told nothing there any more."""
    system, hook = visit.part("system"), visit.part("webhook")
    return await _done(visit, partial(webhooks.remove, visit.here, system, visit.by, hook))


async def resume(visit: Visit) -> web.StreamResponse:
    """It is told again, from where it stood."""
    return await _done(visit, partial(webhooks.resume, visit.here, visit.part("webhook"), visit.by))


async def _done(visit: Visit, act: Callable[[], None]) -> web.Response:
    await asyncio.to_thread(act)
    return goto(f"{ROOM}/{visit.part('system')}")


async def ask_where(visit: Visit) -> web.StreamResponse:
    """The form for an address at which it is told."""
    return await _where_form(visit, None)


async def tell(visit: Visit) -> web.StreamResponse:
    """It is told there from now on; the secret that signs is shown once."""
    name, url, shown = visit.part("system"), visit.typed("url"), list[str]()
    events = {event for event in WebhookEvent if event in visit.form.getall("events", [])}
    make = partial(webhooks.make, visit.here, name, visit.by, url, events)
    try:
        await asyncio.to_thread(make, also=lambda _tx, _hook, secret: shown.append(secret))
    except NotAllowed as why:
        return await _where_form(visit, why)
    return visit.page("case-system-told.html", name=name, secret=shown[0])


async def _where_form(visit: Visit, wrong: NotAllowed | None) -> web.Response:
    found = await asyncio.to_thread(overview.look, visit.here, visit.part("system"))
    hosts = visit.here.config.api.webhook_hosts.split()
    said = {"client": found.client, "hosts": hosts, "events": EVENTS, "wrong": wrong}
    return visit.page("case-system-tell.html", status=422 if wrong else 200, **said)


DOORS = (
    Door("GET", ROOM, Permission.SEE_SYSTEMS, look),
    Door("GET", ADDING, Permission.MANAGE_SYSTEMS, ask),
    Door("POST", ADDING, Permission.MANAGE_SYSTEMS, add),
    Door("GET", f"{ROOM}/{SYSTEM}", Permission.SEE_SYSTEMS, one),
    Door("GET", f"{ROOM}/{SYSTEM}/end", Permission.MANAGE_SYSTEMS, partial(_asked, act=ENDING)),
    Door("POST", f"{ROOM}/{SYSTEM}/end", Permission.MANAGE_SYSTEMS, end),
    Door("GET", f"{ROOM}/{SYSTEM}/secret", Permission.MANAGE_SYSTEMS, partial(_asked, act=RENEWING)),
    Door("POST", f"{ROOM}/{SYSTEM}/secret", Permission.MANAGE_SYSTEMS, renew),
    Door("GET", f"{ROOM}/{SYSTEM}/tell", Permission.MANAGE_SYSTEMS, ask_where),
    Door("POST", f"{ROOM}/{SYSTEM}/tell", Permission.MANAGE_SYSTEMS, tell),
    Door("GET", f"{ROOM}/{SYSTEM}/{WEBHOOK}/remove", Permission.MANAGE_SYSTEMS, partial(_asked, act=REMOVING)),
    Door("POST", f"{ROOM}/{SYSTEM}/{WEBHOOK}/remove", Permission.MANAGE_SYSTEMS, remove),
    Door("POST", f"{ROOM}/{SYSTEM}/{WEBHOOK}/resume", Permission.RESUME_WEBHOOK, resume),
)
