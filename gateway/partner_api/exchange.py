"""`POST /exchange/v1/messages`: sealed messages in, signed receipts out. Who calls is settled before the body is read."""

from aiohttp import web

from adapters.https import MESSAGES_TYPE, RECEIPTS_TYPE
from gateway.context import Authority
from gateway.exchange.receive import receive_parcels
from gateway.partner_api import audit_questions, mailboxes
from gateway.partner_api.callers import (
    BODIES,
    BUDGETS,
    HERE,
    Bodies,
    body_of,
    caller,
    lines_of,
    too_much,
    too_much_within,
)
from gateway.partner_api.problems import one_error_page, problem
from gateway.store import audit_log
from keys.envelope import MAX_SEALED_BYTES

MAX_BODY_BYTES = 16 * MAX_SEALED_BYTES  # a batch of ordinary notices is a megabyte; sixteen of the largest also fit


def application(here: Authority) -> web.Application:
    """The exchange endpoint of one authority, the mailboxes that it hosts, and its health pages."""
    app = web.Application(middlewares=[one_error_page], client_max_size=MAX_BODY_BYTES)
    app[HERE], app[BUDGETS], app[BODIES] = here, {}, Bodies()
    app.router.add_post("/exchange/v1/messages", take_messages)
    mailboxes.add_to(app)
    audit_questions.add_to(app)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/readyz", ready)
    return app


async def take_messages(request: web.Request) -> web.Response:
    """Take one or many sealed messages, one a line; answer with one receipt a line, in the same order."""
    here = request.app[HERE]
    sender = await caller(request)
    if refused := too_much(request, sender, 1):
        return refused
    if request.content_type != MESSAGES_TYPE:
        return problem(415, "exchange.content-type", f"Send {MESSAGES_TYPE}, one sealed message a line.")
    async with body_of(request, sender) as body:
        parcels = lines_of(body, here.config.limits.messages_per_request)
        if refused := too_much_within(request, sender, body, len(parcels)):
            return refused
        receipts = await receive_parcels(here, parcels, sender)
    return web.Response(text="\n".join(receipts), content_type=RECEIPTS_TYPE)


async def healthy(_: web.Request) -> web.Response:
    """The process runs."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """The database answers and the keys are unlocked."""
    await request.app[HERE].store.read(audit_log.get_tree_head)
    return web.Response(text="ready\n")
