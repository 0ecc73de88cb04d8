"""`/exchange/v1/mailboxes/<owner>`: what `adapters.mailbox` asks of a host. Every caller is a partner, known by its card."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from aiohttp import web

from adapters.https import MESSAGES_TYPE
from gateway.core.resting import Resting
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.exchange import mailbox
from gateway.partner_api.callers import HERE, body_of, caller, charge, lines_of, price, too_much, too_much_within
from gateway.partner_api.problems import problem
from gateway.store.mailboxes import MailboxBundle

POLL_SECONDS = 25  # an empty mailbox answers after so long; the caller asks again
LOOK_SECONDS = 0.5  # between two looks into the database, where another process may have put something
BASE = "/exchange/v1/mailboxes/{owner:[0-9]{3}}"
NAME = "{name:[0-9]{3}-[0-9a-f]{64}}"

MOST_RECEIPTS = 1000  # for one bundle: no gateway takes so many messages in one request
MOST_POLLS = 4  # of one owner at once: ours has one

STOPPING = web.AppKey("stopping", asyncio.Event)
POLLS = web.AppKey("polls", Counter[str])
RESTING = web.AppKey("resting", Resting)


def add_to(app: web.Application) -> None:
    """Serve the mailboxes in this application."""
    app[STOPPING], app[POLLS], app[RESTING] = asyncio.Event(), Counter(), Resting()

    async def stop(app: web.Application) -> None:
        app[STOPPING].set()

    app.on_shutdown.append(stop)
    app.router.add_post(f"{BASE}/messages", leave)
    app.router.add_get(f"{BASE}/messages", fetch)
    app.router.add_post(f"{BASE}/messages/{NAME}", answer)
    app.router.add_get(f"{BASE}/receipts", fetch_receipts)
    app.router.add_delete(f"{BASE}/receipts/{NAME}", forget_receipts)


async def leave(request: web.Request) -> web.Response:
    """A sender leaves sealed messages, one a line: 202 once they are durable."""
    here, owner = request.app[HERE], _owner(request)
    sender = await caller(request, owner=owner)
    if refused := too_much(request, sender, 1):
        return refused
    if request.content_type != MESSAGES_TYPE:
        return problem(415, "exchange.content-type", f"Send {MESSAGES_TYPE}, one sealed message a line.")
    async with body_of(request, sender) as body:
        _check_body(request, sender, body)
        lines = lines_of(body, here.config.limits.messages_per_request)
        if refused := too_much_within(request, sender, body, len(lines)):
            return refused
        try:
            mailbox.check_messages(owner, sender, lines)
            content = b"\n".join(lines)
            await here.store.write(lambda tx: mailbox.take_in_bundle(tx, here, owner, sender, content))
        except Unusable as why:
            return problem(400, why.code, why.sentence)
        except NotAllowed as why:
            return problem(507, why.code, why.sentence)
        return web.Response(status=202)


async def fetch(request: web.Request) -> web.Response:
    """The owner fetches what lies there; an empty mailbox answers when something has come, or after a while."""
    owner, polls = await _by_owner(request), request.app[POLLS]
    if refused := too_much(request, owner, 1):
        return refused
    if polls[owner] >= MOST_POLLS:
        return problem(429, "exchange.too-fast", "The mailbox is being looked into already.", retry=POLL_SECONDS)
    polls[owner] += 1
    try:
        return _listed(await _waited_for(request, owner))
    finally:
        polls[owner] -= 1


async def _waited_for(request: web.Request, owner: str) -> Sequence[MailboxBundle]:
    """What lies in the mailbox, once something does, or nothing has come for a while."""
    here, stopping, until = request.app[HERE], request.app[STOPPING], time.monotonic() + POLL_SECONDS
    resting, place = request.app[RESTING], (owner, "messages")
    while True:
        names = resting.names(place, time.monotonic())
        found = await here.store.read(partial(mailbox.list_messages_to_fetch, owner=owner, resting=names))
        if found or stopping.is_set() or time.monotonic() > until:
            resting.handed_out(place, [one.name for one in found], time.monotonic())
            return found
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)


async def answer(request: web.Request) -> web.Response:
    """The owner has a bundle, and leaves the receipts for its sender."""
    here, owner = request.app[HERE], await _by_owner(request)
    if refused := too_much(request, owner, 1):
        return refused
    name = request.match_info["name"]
    async with body_of(request, owner) as receipts:
        _check_body(request, owner, receipts)
        lines = lines_of(receipts, MOST_RECEIPTS)
        if len(lines) > MOST_RECEIPTS:
            return problem(413, "exchange.too-many", f"At most {MOST_RECEIPTS} receipts for one bundle.")
        try:
            mailbox.check_receipts(owner, lines)
            content = b"\n".join(lines)
            await here.store.write(lambda tx: mailbox.finish_messages(tx, here, owner, name, content))
        except Unusable as why:
            return problem(400, why.code, why.sentence)
        except NotFound as why:
            return problem(404, why.code, why.sentence)
        finally:
            request.app[RESTING].forget((owner, "messages"), name)
        return web.Response(text="done\n")


async def fetch_receipts(request: web.Request) -> web.Response:
    """A sender fetches the receipts that were left for it."""
    here, owner = request.app[HERE], _owner(request)
    sender = await caller(request, owner=owner)
    if refused := too_much(request, sender, 1):
        return refused
    resting, place = request.app[RESTING], (owner, "receipts", sender)
    names = resting.names(place, time.monotonic())
    found = await here.store.read(partial(mailbox.list_receipts_to_fetch, owner=owner, sender=sender, resting=names))
    resting.handed_out(place, [one.name for one in found], time.monotonic())
    return _listed(found)


async def forget_receipts(request: web.Request) -> web.Response:
    """A sender has its receipts."""
    here, owner = request.app[HERE], _owner(request)
    sender, name = await caller(request, owner=owner), request.match_info["name"]
    if refused := too_much(request, sender, 1):
        return refused
    try:
        await here.store.write(partial(mailbox.finish_receipts, owner=owner, sender=sender, name=name))
    except NotFound as why:
        return problem(404, why.code, why.sentence)
    finally:
        request.app[RESTING].forget((owner, "receipts", sender), name)
    return web.Response(text="done\n")


def _owner(request: web.Request) -> str:
    owner = request.match_info["owner"]
    if not mailbox.is_hosted(request.app[HERE], owner):
        raise web.HTTPNotFound
    return owner


async def _by_owner(request: web.Request) -> str:
    owner = _owner(request)
    if await caller(request, owner=owner) != owner:
        raise web.HTTPForbidden
    return owner


def _check_body(request: web.Request, caller: str, body: bytes) -> None:
    if not body or not body.isascii():
        charge(request, caller, price(len(body)))
        raise web.HTTPBadRequest


def _listed(found: Sequence[MailboxBundle]) -> web.Response:
    rows = [{"name": one.name, "sender": one.sender, "lines": one.content.decode("ascii").split("\n")} for one in found]
    return web.Response(text=json.dumps(rows), content_type="application/json")
