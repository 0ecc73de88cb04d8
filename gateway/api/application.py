"""The rooms put together, under one prefix of the console's port, which looks after hosts and headers."""

import json

from aiohttp import web

from gateway.api import authorities, mail_replies, notices, replies, webhooks
from gateway.api.call import GATEWAY, JSON
from gateway.api.description import described
from gateway.api.guard import BUDGETS, Operation, hang
from gateway.api.problems import explain
from gateway.api.token import WRONG, give
from gateway.context import Gateway
from gateway.partner_api.throttle import WrongTries

ROOMS: tuple[tuple[Operation, ...], ...] = (
    notices.OPERATIONS,
    replies.OPERATIONS,
    mail_replies.OPERATIONS,
    authorities.OPERATIONS,
    webhooks.OPERATIONS,
)
DESCRIPTION = web.AppKey("description", bytes)


def operations() -> tuple[Operation, ...]:
    """All that a client may ask for, but for its token."""
    return tuple(one for room in ROOMS for one in room)


def application(gw: Gateway) -> web.Application:
    """The API of one authority."""
    app = web.Application(middlewares=[explain])
    app[GATEWAY], app[BUDGETS], app[WRONG] = gw, {}, WrongTries()
    app[DESCRIPTION] = json.dumps(described(operations()), ensure_ascii=False).encode()
    app.router.add_post("/token", give)
    app.router.add_get("/openapi.json", describe, allow_head=False)
    hang(app, operations())
    return app


async def describe(request: web.Request) -> web.Response:
    """The description, for anybody: it says nothing that the source does not."""
    return web.Response(body=request.app[DESCRIPTION], content_type=JSON)
