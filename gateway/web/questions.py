"""What a partner's gateway may ask ours: whether our audit log only grew. Who calls is checked as for messages."""

import asyncio
import json
from base64 import b64encode

from aiohttp import web

from gateway.store import log
from gateway.web.callers import HERE, caller, too_much
from gateway.web.problems import problem
from gateway.witness import NO_SUCH_SIZE

MAX_DIGITS = 15
LEAVES_PER_MESSAGE = 10_000  # a proof over so many costs about what a message does, and counts as one

ONE_AT_A_TIME = web.AppKey("one proof at a time", asyncio.Lock)


def add_to(app: web.Application) -> None:
    """Answer these questions in this application."""
    app[ONE_AT_A_TIME] = asyncio.Lock()  # one reader is always left for others
    app.router.add_get("/exchange/v1/log/consistency", consistency)


async def consistency(request: web.Request) -> web.Response:
    """Prove that our log of `to` entries continues that of `from` entries."""
    here = request.app[HERE]
    partner = await caller(request, here.code)
    old, new = (_size(request.query.get(name, "")) for name in ("from", "to"))
    price = min(1 + new // LEAVES_PER_MESSAGE, here.config.limits.messages_per_request)
    if refused := too_much(request, partner, price):
        return refused
    head = await here.store.read(log.head)
    if not 0 < old <= new <= head.size:
        return problem(404, NO_SUCH_SIZE, f"This log has {head.size} entries.")
    async with request.app[ONE_AT_A_TIME]:
        proof = await here.store.read(lambda tx: log.consistency(tx, old, new))
    rows = [b64encode(one).decode() for one in proof]
    return web.Response(text=json.dumps({"from": old, "to": new, "proof": rows}), content_type="application/json")


def _size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise web.HTTPBadRequest
    return int(text)
