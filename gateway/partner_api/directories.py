"""`/exchange/v1/directories`: which directories we hold, for partners; and the one that is kept here, for whoever has
its address.

What a partner asks is how a keeper that shows two members different directories is found out. The address of the one
that is kept here has a part that cannot be guessed: a directory holds telephone numbers, and is no secret among
members.
"""

import asyncio
import json

from aiohttp import web

from gateway.directories import keeper
from gateway.directories.rounds import describe_held, find_held_text
from gateway.partner_api.callers import GATEWAY, compute_price, identify_caller, refuse_too_many

DIRECTORY_TYPE = "application/vnd.cme-exchange.directory"


def add_directory_routes(app: web.Application) -> None:
    """Answer for directories in this application."""
    app.router.add_get("/exchange/v1/directories", answer_held)
    app.router.add_get("/exchange/v1/directories/{scheme:[0-9A-Za-z._-]+}", answer_held_text)
    app.router.add_get("/exchange/v1/directory/{place:[0-9A-Za-z_-]+}.jwt", answer_kept)


async def answer_held(request: web.Request) -> web.Response:
    """Answer with version and digest of each directory that we hold."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    content = {"directories": await asyncio.to_thread(describe_held, gw)}
    return web.Response(text=json.dumps(content), content_type="application/json")


async def answer_held_text(request: web.Request) -> web.Response:
    """Answer with a directory as we hold it."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    text = await find_held_text(gw, request.match_info["scheme"])
    if text is None:
        raise web.HTTPNotFound
    if refused := refuse_too_many(
        request, partner, min(compute_price(len(text)), gw.config.limits.messages_per_request)
    ):
        return refused
    return web.Response(text=text, content_type=DIRECTORY_TYPE)


async def answer_kept(request: web.Request) -> web.Response:
    """Answer with the directory that is kept and published here."""
    text = await asyncio.to_thread(keeper.find_published, request.app[GATEWAY], request.match_info["place"])
    if text is None:
        raise web.HTTPNotFound
    return web.Response(text=text, content_type=DIRECTORY_TYPE)
