"""`/exchange/v1/mailboxes/<owner>`: what `adapters.mailbox` asks of a host.

Every caller is a partner, known by its card.
"""

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress

from aiohttp import web

from adapters.https import MESSAGES_TYPE
from gateway.core.resting import Resting
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.exchange import mailbox
from gateway.exchange.mailbox import Bundles
from gateway.partner_api.callers import (
    GATEWAY,
    charge_caller,
    compute_price,
    identify_caller,
    read_body,
    refuse_too_many,
    refuse_too_many_within,
    split_lines,
)
from gateway.partner_api.problems import build_problem

# An empty mailbox answers after so long; the caller asks again.
POLL_SECONDS = 25
# Between two looks into the database, where another process may have put something.
LOOK_SECONDS = 0.5
BASE = "/exchange/v1/mailboxes/{owner:[0-9]{3}}"
NAME = "{name:[0-9]{3}-[0-9a-f]{64}}"

# For one bundle: no gateway takes so many messages in one request.
MOST_RECEIPTS = 1000
# Of one owner at once: ours has one.
MOST_POLLS = 4

STOPPING = web.AppKey("stopping", asyncio.Event)
POLLS = web.AppKey("polls", Counter[str])
RESTING = web.AppKey("resting", Resting)


def add_mailbox_routes(app: web.Application) -> None:
    """Serve the mailboxes in this application."""
    app[STOPPING], app[POLLS], app[RESTING] = asyncio.Event(), Counter(), Resting()

    async def stop(app: web.Application) -> None:
        app[STOPPING].set()

    app.on_shutdown.append(stop)
    app.router.add_post(f"{BASE}/messages", take_mailbox_messages)
    app.router.add_get(f"{BASE}/messages", fetch_messages)
    app.router.add_post(f"{BASE}/messages/{NAME}", take_receipts)
    app.router.add_get(f"{BASE}/receipts", fetch_receipts)
    app.router.add_delete(f"{BASE}/receipts/{NAME}", forget_receipts)


async def take_mailbox_messages(request: web.Request) -> web.Response:
    """Take the sealed messages that a sender leaves, one a line: 202 once they are durable."""
    gw, owner = request.app[GATEWAY], _get_owner(request)
    sender = await identify_caller(request, owner=owner)
    if refused := refuse_too_many(request, sender, 1):
        return refused
    if request.content_type != MESSAGES_TYPE:
        return build_problem(415, "exchange.content-type", f"Send {MESSAGES_TYPE}, one encrypted message on each line.")
    async with read_body(request, sender) as body:
        _check_body(request, sender, body)
        lines = split_lines(body, gw.config.limits.messages_per_request)
        if refused := refuse_too_many_within(request, sender, body, len(lines)):
            return refused
        try:
            mailbox.check_messages(owner, sender, lines)
            content = b"\n".join(lines)
            await mailbox.take_in_bundle(gw, owner, sender, content)
        except (Unusable, NotAllowed) as why:
            return build_problem(why.status, why.code, why.sentence)
        return web.Response(status=202)


async def fetch_messages(request: web.Request) -> web.Response:
    """Answer the owner with what lies there, or, of an empty mailbox, when something has come or after a while."""
    owner, polls = await _require_owner(request), request.app[POLLS]
    if refused := refuse_too_many(request, owner, 1):
        return refused
    if polls[owner] >= MOST_POLLS:
        return build_problem(
            429, "exchange.too-fast", "The mailbox is already being collected from.", retry=POLL_SECONDS
        )
    polls[owner] += 1
    try:
        return _build_bundle_list(await _wait_for_messages(request, owner))
    finally:
        polls[owner] -= 1


async def _wait_for_messages(request: web.Request, owner: str) -> Bundles:
    """Return what lies in the mailbox, once something does, or nothing has come for a while."""
    gw, stopping, until = request.app[GATEWAY], request.app[STOPPING], time.monotonic() + POLL_SECONDS
    resting, place = request.app[RESTING], (owner, "messages")
    while True:
        names = resting.list_names(place, time.monotonic())
        bundles = await mailbox.list_messages_to_fetch(gw, owner, names)
        if bundles or stopping.is_set() or time.monotonic() > until:
            resting.handed_out(place, [bundle.name for bundle in bundles], time.monotonic())
            return bundles
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)


async def take_receipts(request: web.Request) -> web.Response:
    """Take the receipts that the owner, who has a bundle, leaves for its sender."""
    gw, owner = request.app[GATEWAY], await _require_owner(request)
    if refused := refuse_too_many(request, owner, 1):
        return refused
    name = request.match_info["name"]
    async with read_body(request, owner) as receipts:
        _check_body(request, owner, receipts)
        lines = split_lines(receipts, MOST_RECEIPTS)
        if len(lines) > MOST_RECEIPTS:
            return build_problem(413, "exchange.too-many", f"At most {MOST_RECEIPTS} receipts for one bundle.")
        try:
            mailbox.check_receipts(owner, lines)
            content = b"\n".join(lines)
            await mailbox.finish_messages(gw, owner, name, content)
        except (Unusable, NotFound) as why:
            return build_problem(why.status, why.code, why.sentence)
        finally:
            request.app[RESTING].forget((owner, "messages"), name)
        return web.Response(text="done\n")


async def fetch_receipts(request: web.Request) -> web.Response:
    """Answer a sender with the receipts that were left for it."""
    gw, owner = request.app[GATEWAY], _get_owner(request)
    sender = await identify_caller(request, owner=owner)
    if refused := refuse_too_many(request, sender, 1):
        return refused
    resting, place = request.app[RESTING], (owner, "receipts", sender)
    names = resting.list_names(place, time.monotonic())
    bundles = await mailbox.list_receipts_to_fetch(gw, owner, sender, names)
    resting.handed_out(place, [bundle.name for bundle in bundles], time.monotonic())
    return _build_bundle_list(bundles)


async def forget_receipts(request: web.Request) -> web.Response:
    """Delete the receipts that a sender has."""
    gw, owner = request.app[GATEWAY], _get_owner(request)
    sender, name = await identify_caller(request, owner=owner), request.match_info["name"]
    if refused := refuse_too_many(request, sender, 1):
        return refused
    try:
        await mailbox.finish_receipts(gw, owner, sender, name)
    except NotFound as why:
        return build_problem(why.status, why.code, why.sentence)
    finally:
        request.app[RESTING].forget((owner, "receipts", sender), name)
    return web.Response(text="done\n")


def _get_owner(request: web.Request) -> str:
    owner = request.match_info["owner"]
    if not mailbox.is_hosted(request.app[GATEWAY], owner):
        raise web.HTTPNotFound
    return owner


async def _require_owner(request: web.Request) -> str:
    owner = _get_owner(request)
    if await identify_caller(request, owner=owner) != owner:
        raise web.HTTPForbidden
    return owner


def _check_body(request: web.Request, caller: str, body: bytes) -> None:
    if not body or not body.isascii():
        charge_caller(request, caller, compute_price(len(body)))
        raise web.HTTPBadRequest


def _build_bundle_list(bundles: Bundles) -> web.Response:
    rows = [
        {"name": bundle.name, "sender": bundle.sender, "lines": bundle.content.decode("ascii").split("\n")}
        for bundle in bundles
    ]
    return web.Response(text=json.dumps(rows), content_type="application/json")
