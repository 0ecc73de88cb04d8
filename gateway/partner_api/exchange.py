"""`POST /exchange/v1/messages`: sealed messages in, signed receipts out.

Who calls is settled before the body is read.
"""

from aiohttp import web

from adapters.https import MESSAGES_TYPE, RECEIPTS_TYPE
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.exchange.receive import receive_parcels
from gateway.partner_api import audit_questions, cards, connection_tests, directories, mailboxes
from gateway.partner_api.callers import (
    BODIES,
    BUDGETS,
    GATEWAY,
    HeldBodies,
    identify_caller,
    read_body,
    refuse_too_many,
    refuse_too_many_within,
    split_lines,
)
from gateway.partner_api.problems import build_problem, turn_errors_into_problems
from keys.envelope import MAX_SEALED_BYTES

# A batch of ordinary notices is a megabyte; sixteen of the largest also fit.
MAX_BODY_BYTES = 16 * MAX_SEALED_BYTES


def build_exchange_application(gw: Gateway) -> web.Application:
    """Build the exchange endpoint of one authority, the mailboxes that it hosts, and its health pages."""
    app = web.Application(middlewares=[turn_errors_into_problems], client_max_size=MAX_BODY_BYTES)
    app[GATEWAY], app[BUDGETS], app[BODIES] = gw, {}, HeldBodies()
    app.router.add_post("/exchange/v1/messages", take_messages)
    app.router.add_post("/exchange/v1/test", connection_tests.take_connection_test)
    mailboxes.add_mailbox_routes(app)
    audit_questions.add_audit_routes(app)
    cards.add_card_routes(app)
    directories.add_directory_routes(app)
    app.router.add_get("/healthz", answer_healthy)
    app.router.add_get("/readyz", answer_ready)
    return app


async def take_messages(request: web.Request) -> web.Response:
    """Take one or many sealed messages, one a line; answer with one receipt a line, in the same order."""
    gw = request.app[GATEWAY]
    sender = await identify_caller(request)
    if refused := refuse_too_many(request, sender, 1):
        return refused
    if request.content_type != MESSAGES_TYPE:
        return build_problem(415, "exchange.content-type", f"Send {MESSAGES_TYPE}, one encrypted message on each line.")
    async with read_body(request, sender) as body:
        parcels = split_lines(body, gw.config.limits.messages_per_request)
        if refused := refuse_too_many_within(request, sender, body, len(parcels)):
            return refused
        receipts = await receive_parcels(gw, parcels, sender)
    return web.Response(text="\n".join(receipts), content_type=RECEIPTS_TYPE)


async def answer_healthy(_: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.Response(text="ok\n")


async def answer_ready(request: web.Request) -> web.Response:
    """Answer once the database has answered; the keys are unlocked then."""
    await audit.count_entries(request.app[GATEWAY])
    return web.Response(text="ready\n")
