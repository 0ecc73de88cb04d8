"""Case systems that may call the API: admins let them in and end them; operators see how they fare.

Secrets are shown once.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from gateway.case_systems import clients, overview, webhooks
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.core import labels
from gateway.core.permissions import Permission, Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.errors import NotAllowed

# Not below that address: an id may be any word.
LIST, ADDING = "/case-systems", "/add-case-system"
SYSTEM, WEBHOOK = "{system:[a-z0-9-]{3,40}}", "{webhook:wh-[0-9a-f]{24}}"
SCOPES = {scope: labels.explain_scope(scope) for scope in Scope}
EVENTS = {event: labels.name_event(event) for event in WebhookEvent}
ENDING = (
    "Remove this system",
    (
        "It loses access immediately and gets no more notifications. Its client ID cannot be reused. This cannot be"
        " undone."
    ),
    "Remove system",
)
RENEWING = (
    "Replace the secret",
    "The current secret stops working immediately. The system cannot connect until it has the new one.",
    "Replace secret",
)
REMOVING = (
    "Stop notifications",
    (
        "Notifications waiting for this address will not be sent. To start again, add a new address, which gets a new"
        " secret."
    ),
    "Stop notifications",
)


async def show_case_systems(request: ConsoleRequest) -> web.StreamResponse:
    """Show all of them."""
    systems = await asyncio.to_thread(overview.list_case_systems, request.gw)
    return request.render_page("case-systems.html", systems=systems, scopes=SCOPES, now=request.gw.now())


async def ask_new_system(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for a new one."""
    return request.render_page("case-system-add.html", scopes=SCOPES, wrong=None)


async def add_case_system(request: ConsoleRequest) -> web.StreamResponse:
    """Add a new one, and show its secret, this once."""
    name, called = request.get_typed("id"), request.get_typed("called")
    wanted = [scope for scope in Scope if scope in request.form.getall("scopes", [])]
    try:
        secret = await asyncio.to_thread(clients.add_client, request.gw, name, called, wanted, request.by)
    except NotAllowed as why:
        return request.render_page("case-system-add.html", status=422, scopes=SCOPES, wrong=why)
    return _render_secret(request, name, secret)


def _render_secret(request: ConsoleRequest, name: str, secret: str) -> web.Response:
    return request.render_page(
        "case-system-secret.html", name=name, secret=secret, address=clients.get_token_audience(request.gw)
    )


async def show_case_system(request: ConsoleRequest) -> web.StreamResponse:
    """Show a case system, with its webhooks."""
    system = await asyncio.to_thread(overview.get_case_system, request.gw, request.get_part("system"))
    values: dict[str, Any] = {"scopes": SCOPES, "events": EVENTS, "most": webhooks.MOST, "now": request.gw.now()}
    return request.render_page("case-system.html", system=system, **values)


async def _ask_first(request: ConsoleRequest, act: tuple[str, str, str]) -> web.StreamResponse:
    system = await asyncio.to_thread(overview.get_case_system, request.gw, request.get_part("system"))
    return request.render_page(
        "case-system-ask.html", client=system.client, title=act[0], sentence=act[1], button=act[2]
    )


async def end_case_system(request: ConsoleRequest) -> web.StreamResponse:
    """End its access: it calls no more."""
    return await _do_and_return(
        request, partial(clients.end_client, request.gw, request.get_part("system"), request.by)
    )


async def renew_secret(request: ConsoleRequest) -> web.StreamResponse:
    """Replace its secret, and show the new one, this once."""
    name = request.get_part("system")
    return _render_secret(request, name, await asyncio.to_thread(clients.renew_secret, request.gw, name, request.by))


async def remove_webhook(request: ConsoleRequest) -> web.StreamResponse:
    """Remove a webhook: the system is told nothing there any more."""
    system, hook = request.get_part("system"), request.get_part("webhook")
    return await _do_and_return(request, partial(webhooks.delete_webhook, request.gw, system, request.by, hook))


async def resume_webhook(request: ConsoleRequest) -> web.StreamResponse:
    """Resume a webhook: the system is told again, from where it stood."""
    return await _do_and_return(
        request, partial(webhooks.resume_webhook, request.gw, request.get_part("webhook"), request.by)
    )


async def _do_and_return(request: ConsoleRequest, act: Callable[[], None]) -> web.Response:
    await asyncio.to_thread(act)
    return redirect_to(f"{LIST}/{request.get_part('system')}")


async def ask_where(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for an address at which it is told."""
    return await _render_webhook_form(request, None)


async def add_webhook(request: ConsoleRequest) -> web.StreamResponse:
    """Add a webhook: the system is told there from now on; the secret that signs is shown once."""
    name, url, shown = request.get_part("system"), request.get_typed("url"), list[str]()
    events = {event for event in WebhookEvent if event in request.form.getall("events", [])}
    make = partial(webhooks.add_webhook, request.gw, name, request.by, url, events)
    try:
        await asyncio.to_thread(make, also=lambda _tx, _hook, secret: shown.append(secret))
    except NotAllowed as why:
        return await _render_webhook_form(request, why)
    return request.render_page("case-system-told.html", name=name, secret=shown[0])


async def _render_webhook_form(request: ConsoleRequest, wrong: NotAllowed | None) -> web.Response:
    system = await asyncio.to_thread(overview.get_case_system, request.gw, request.get_part("system"))
    hosts = request.gw.config.api.webhook_hosts.split()
    values = {"client": system.client, "hosts": hosts, "events": EVENTS, "wrong": wrong}
    return request.render_page("case-system-tell.html", status=422 if wrong else 200, **values)


ENDPOINTS = (
    Endpoint("GET", LIST, Permission.SEE_SYSTEMS, show_case_systems),
    Endpoint("GET", ADDING, Permission.MANAGE_SYSTEMS, ask_new_system),
    Endpoint("POST", ADDING, Permission.MANAGE_SYSTEMS, add_case_system),
    Endpoint("GET", f"{LIST}/{SYSTEM}", Permission.SEE_SYSTEMS, show_case_system),
    Endpoint("GET", f"{LIST}/{SYSTEM}/end", Permission.MANAGE_SYSTEMS, partial(_ask_first, act=ENDING)),
    Endpoint("POST", f"{LIST}/{SYSTEM}/end", Permission.MANAGE_SYSTEMS, end_case_system),
    Endpoint("GET", f"{LIST}/{SYSTEM}/secret", Permission.MANAGE_SYSTEMS, partial(_ask_first, act=RENEWING)),
    Endpoint("POST", f"{LIST}/{SYSTEM}/secret", Permission.MANAGE_SYSTEMS, renew_secret),
    Endpoint("GET", f"{LIST}/{SYSTEM}/tell", Permission.MANAGE_SYSTEMS, ask_where),
    Endpoint("POST", f"{LIST}/{SYSTEM}/tell", Permission.MANAGE_SYSTEMS, add_webhook),
    Endpoint("GET", f"{LIST}/{SYSTEM}/{WEBHOOK}/remove", Permission.MANAGE_SYSTEMS, partial(_ask_first, act=REMOVING)),
    Endpoint("POST", f"{LIST}/{SYSTEM}/{WEBHOOK}/remove", Permission.MANAGE_SYSTEMS, remove_webhook),
    Endpoint("POST", f"{LIST}/{SYSTEM}/{WEBHOOK}/resume", Permission.RESUME_WEBHOOK, resume_webhook),
)
