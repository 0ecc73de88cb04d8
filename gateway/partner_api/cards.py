"""`/exchange/v1/card`: our newest card, for whoever holds an earlier one, and a partner's, shown to us.

Nobody proves who they are here: a partner whose keys or ours were changed could not. Whoever asks names our identity
key by its digest, which only a card of ours tells, so a stranger who tries addresses learns nothing. What is shown to
us is a card, which proves itself; a caller who shows others is held up after some.
"""

import asyncio
from secrets import compare_digest

from aiohttp import web

from adapters.https import CARD_TYPE
from gateway.access import wrong_secrets
from gateway.auditing import bursts
from gateway.core.lockout import Entrance
from gateway.exchange.card_rounds import compute_identity_digest
from gateway.exchange.newer_cards import IDENTITY_UNCONFIRMED, SHOWN, take_newer_card
from gateway.partner_api.addresses import get_caller_address
from gateway.partner_api.callers import GATEWAY, READ_SECONDS
from gateway.partner_api.problems import build_problem
from keys import card
from keys.card import MAX_CARD_BYTES
from keys.errors import Refusal, RefusalCode, build_refusal

# A card costs some milliseconds to read.
ONE_CARD = web.AppKey("one card at a time", asyncio.Lock)


def add_card_routes(app: web.Application) -> None:
    """Answer for cards in this application."""
    app[ONE_CARD] = asyncio.Lock()
    app.router.add_get("/exchange/v1/card", answer_card)
    app.router.add_post("/exchange/v1/card", take_shown_card)


async def answer_card(request: web.Request) -> web.Response:
    """Answer with our newest card, where the identity key on it is named: of two, by whichever is."""
    gw = request.app[GATEWAY]
    named = request.query.get("identity", "").encode("utf-8", "replace")
    for whose, text in ((gw.own_card, gw.own_card_text), (gw.next_card, gw.next_card_text)):
        if whose and text and compare_digest(named, compute_identity_digest(whose).encode()):
            return web.Response(text=text, content_type=CARD_TYPE)
    raise web.HTTPNotFound


async def take_shown_card(request: web.Request) -> web.Response:
    """Take a partner's newer card; answer with the serial of the one that we hold then, and why not this one."""
    gw, ours = request.app[GATEWAY], request.app[GATEWAY].config.listen
    address = get_caller_address(request, ours.address_header, ours.proxies)
    if wait := await asyncio.to_thread(wrong_secrets.find_wait, gw, Entrance.EXCHANGE, address):
        return build_problem(429, "exchange.too-fast", "Too many cards were refused.", retry=wait)
    if request.content_type != CARD_TYPE:
        return build_problem(415, "exchange.content-type", f"Send {CARD_TYPE}.")
    text = (await _read_body(request)).decode("ascii", "replace")
    try:
        async with request.app[ONE_CARD]:
            shown = await asyncio.to_thread(card.read, text)
        held = gw.trust.get_card(shown.authority)
        if shown.identity != held.identity and not card.is_announced(shown, held):
            raise build_refusal(RefusalCode.CARD_OTHER_IDENTITY)
    except Refusal as why:
        await asyncio.to_thread(wrong_secrets.count_wrong_secret, gw, Entrance.EXCHANGE, address)
        await bursts.write_refused_caller(gw, why.code, address)
        return build_problem(409, why.code, why.sentence)
    verdict = await take_newer_card(gw, text, shown.authority, SHOWN)
    if verdict.refused and verdict.refused != IDENTITY_UNCONFIRMED:
        await asyncio.to_thread(wrong_secrets.count_wrong_secret, gw, Entrance.EXCHANGE, address)
    return web.json_response({"held": verdict.held, "refused": verdict.refused or None})


async def _read_body(request: web.Request) -> bytes:
    """Read a body that a card fits into. Raises TimeoutError, HTTPRequestEntityTooLarge."""
    body = b""
    async with asyncio.timeout(READ_SECONDS):
        async for part in request.content.iter_any():
            body += part
            if len(body) > MAX_CARD_BYTES:
                raise web.HTTPRequestEntityTooLarge(max_size=MAX_CARD_BYTES, actual_size=len(body))
    return body
