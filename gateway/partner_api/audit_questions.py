"""What a partner's gateway may ask ours: whether our audit log only grew, what we saw of its own, and what we sent it
and have from it.

Who calls is checked as for messages, and what an answer costs counts against what it may send.
"""

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime

from aiohttp import web

from gateway.auditing import audit
from gateway.auditing.restores import sign_own_restore
from gateway.auditing.witness import NO_SUCH_SIZE, find_alarmed_checkpoint, find_seen_checkpoint
from gateway.exchange.statements import MAX_PAGES, issue_statement
from gateway.partner_api.callers import GATEWAY, identify_caller, refuse_too_many
from gateway.partner_api.problems import build_problem
from keys.jose import MAX_SECONDS
from keys.statement import Window

MAX_DIGITS = 15
# A proof over so many costs about what a message does, and counts as one.
LEAVES_PER_MESSAGE = 10_000

# messages' worth.
PAGE_PRICE = 10
STATEMENT_TYPE = "application/vnd.cme-exchange.statement"

ONE_AT_A_TIME = web.AppKey("one proof at a time", asyncio.Lock)


def add_audit_routes(app: web.Application) -> None:
    """Answer these questions in this application."""
    # One reader is always left for others.
    app[ONE_AT_A_TIME] = asyncio.Lock()
    app.router.add_get("/exchange/v1/log/consistency", answer_consistency)
    app.router.add_get("/exchange/v1/log/seen", answer_seen_checkpoint)
    app.router.add_get("/exchange/v1/log/restored", answer_restored)
    app.router.add_get("/exchange/v1/statements", answer_statement_page)
    app.router.add_get("/exchange/v1/statements/missing", note_missing_report)


async def answer_consistency(request: web.Request) -> web.Response:
    """Prove that our log of `to` entries continues that of `from` entries."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    old, new = (_parse_size(request.query.get(name, "")) for name in ("from", "to"))
    price = min(new // LEAVES_PER_MESSAGE, gw.config.limits.messages_per_request)
    if refused := refuse_too_many(request, partner, price):
        return refused
    size = await audit.count_entries(gw)
    if not 0 < old <= new <= size:
        return build_problem(404, NO_SUCH_SIZE, f"This log has {size} entries.")
    async with request.app[ONE_AT_A_TIME]:
        proof = await audit.prove_growth(gw, old, new)
    rows = [b64encode(digest).decode() for digest in proof]
    return web.Response(text=json.dumps({"from": old, "to": new, "proof": rows}), content_type="application/json")


async def answer_seen_checkpoint(request: web.Request) -> web.Response:
    """Answer with the newest checkpoint of the asking partner's own log that we hold, with the two of a warning, and
    with nothing of ours.
    """
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    alarmed = await find_alarmed_checkpoint(gw, partner)
    content = {
        "checkpoint": await find_seen_checkpoint(gw, partner),
        "contradicted": alarmed.note if alarmed else None,
        "before": alarmed.against if alarmed else None,
    }
    return web.Response(text=json.dumps(content), content_type="application/json")


async def answer_restored(request: web.Request) -> web.Response:
    """Answer with our signed word that we were restored, if we were."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    content = {"restored": await sign_own_restore(gw)}
    return web.Response(text=json.dumps(content), content_type="application/json")


async def answer_statement_page(request: web.Request) -> web.Response:
    """Answer with one page of our signed statement for the partner that asks."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, min(PAGE_PRICE, gw.config.limits.messages_per_request)):
        return refused
    window = Window(
        _parse_moment(request, "since"), _parse_moment(request, "until"), _parse_size(request.query.get("page", ""))
    )
    if window.page >= MAX_PAGES:
        raise web.HTTPBadRequest
    token = await issue_statement(gw, partner, window)
    return web.Response(text=token, content_type=STATEMENT_TYPE)


async def note_missing_report(request: web.Request) -> web.Response:
    """Note that a partner misses something that we say it has: we compare with its statement soon."""
    gw = request.app[GATEWAY]
    partner = await identify_caller(request)
    if refused := refuse_too_many(request, partner, 1):
        return refused
    since = _parse_moment(request, "since")
    gw.asked[partner] = min(since, gw.asked.get(partner, since))
    return web.Response(status=202)


def _parse_moment(request: web.Request, name: str) -> datetime:
    seconds = _parse_size(request.query.get(name, ""))
    if seconds > MAX_SECONDS:
        raise web.HTTPBadRequest
    return datetime.fromtimestamp(seconds, UTC)


def _parse_size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise web.HTTPBadRequest
    return int(text)
