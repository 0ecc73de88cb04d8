"""The operations together, under one prefix of the console's port, which looks after hosts and headers."""

import json

from aiohttp import web

from gateway.api import authorities, mail_replies, notices, replies, webhooks
from gateway.api.call import GATEWAY, JSON
from gateway.api.description import build_description
from gateway.api.guard import BUDGETS, Operation, add_routes
from gateway.api.problems import explain_errors
from gateway.api.token import issue_token
from gateway.context import Gateway

GROUPS: tuple[tuple[Operation, ...], ...] = (
    notices.OPERATIONS,
    replies.OPERATIONS,
    mail_replies.OPERATIONS,
    authorities.OPERATIONS,
    webhooks.OPERATIONS,
)
DESCRIPTION = web.AppKey("description", bytes)


def list_operations() -> tuple[Operation, ...]:
    """All that a client may ask for, but for its token."""
    return tuple(operation for group in GROUPS for operation in group)


def build_application(gw: Gateway) -> web.Application:
    """The API of one authority."""
    app = web.Application(middlewares=[explain_errors])
    app[GATEWAY], app[BUDGETS] = gw, {}
    app[DESCRIPTION] = json.dumps(build_description(list_operations()), ensure_ascii=False).encode()
    app.router.add_post("/token", issue_token)
    app.router.add_get("/openapi.json", describe_api, allow_head=False)
    add_routes(app, list_operations())
    return app


async def describe_api(request: web.Request) -> web.Response:
    """The description, for anybody: it says nothing that the source does not."""
    return web.Response(body=request.app[DESCRIPTION], content_type=JSON)
