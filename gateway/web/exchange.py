"""`POST /exchange/v1/messages`: sealed messages in, signed receipts out. Who calls is settled before the body is read."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from adapters.https import MESSAGES_TYPE, RECEIPTS_TYPE
from gateway.authority import Authority
from gateway.errors import StoreUnavailable
from gateway.logs import failed
from gateway.receive import receive
from gateway.store import log
from gateway.store.log import Entry
from keys import bearer
from keys.envelope import MAX_SEALED_BYTES
from keys.errors import Refusal

MAX_BODY_BYTES = 16 * MAX_SEALED_BYTES  # a batch of ordinary notices is a megabyte; sixteen of the largest also fit
READ_SECONDS = 30  # a caller that is slower than this holds up a place for others
RETRY_SECONDS = 30

HERE = web.AppKey("here", Authority)
BUDGETS = web.AppKey("budgets", dict[str, "Budget"])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Budget:
    """What one partner may still send: a bucket that fills up again by the minute."""

    per_minute: int
    left: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """It starts full."""
        self.left = self.per_minute

    def take(self, messages: int, now: float) -> float:
        """Take for these messages, at this many seconds: 0, or the seconds to wait until there is enough."""
        self.left = min(self.per_minute, self.left + (now - self.at) * self.per_minute / 60)
        self.at = now
        if messages <= self.left:
            self.left -= messages
            return 0.0
        return (min(messages, self.per_minute) - self.left) * 60 / self.per_minute


def application(here: Authority) -> web.Application:
    """The exchange endpoint of one authority, with its health pages."""
    app = web.Application(middlewares=[one_error_page], client_max_size=MAX_BODY_BYTES)
    app[HERE], app[BUDGETS] = here, {}
    app.router.add_post("/exchange/v1/messages", take_messages)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/readyz", ready)
    return app


async def take_messages(request: web.Request) -> web.Response:
    """Take one or many sealed messages, one a line; answer with one receipt a line, in the same order."""
    here = request.app[HERE]
    caller = await _caller(request, here)
    if request.content_type != MESSAGES_TYPE:
        return _problem(415, "exchange.content-type", f"Send {MESSAGES_TYPE}, one sealed message a line.")
    async with asyncio.timeout(READ_SECONDS):
        body = await request.read()
    parcels = body.removesuffix(b"\n").split(b"\n")
    if len(parcels) > here.config.limits.messages_per_request:
        return _problem(
            413, "exchange.too-many", f"At most {here.config.limits.messages_per_request} messages in one request."
        )
    budget = request.app[BUDGETS].setdefault(caller, Budget(here.config.limits.messages_per_minute))
    if wait := budget.take(len(parcels), time.monotonic()):
        return _problem(429, "exchange.too-fast", "More messages than were agreed; wait a little.", retry=int(wait) + 1)
    receipts = await receive(here, parcels, caller)
    return web.Response(text="\n".join(receipts), content_type=RECEIPTS_TYPE)


async def _caller(request: web.Request, here: Authority) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return bearer.verify(token if scheme == "Bearer" else "", audience=here.code, trust=here.trust, now=here.now())
    except Refusal as why:
        entry = Entry("caller.refused", "cme-gateway", detail={"code": why.code})
        await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
        raise web.HTTPUnauthorized(text=why.code, headers={"WWW-Authenticate": "Bearer"}) from None


async def healthy(_: web.Request) -> web.Response:
    """The process runs."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """The database answers and the keys are unlocked."""
    await request.app[HERE].store.read(log.head)
    return web.Response(text="ready\n")


@web.middleware
async def one_error_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error in one form (RFC 9457), and no traceback to anybody."""
    try:
        return await handler(request)
    except web.HTTPUnauthorized as why:
        return _problem(401, why.text or "bearer.malformed", "The caller did not prove who they are.")
    except web.HTTPRequestEntityTooLarge:
        return _problem(413, "exchange.too-large", f"At most {MAX_BODY_BYTES} bytes in one request.")
    except web.HTTPException as why:
        return _problem(
            why.status,
            f"http.{why.status}",
            why.reason,
            headers={k: why.headers[k] for k in ("Allow",) if k in why.headers},
        )
    except TimeoutError:
        return _problem(408, "exchange.too-slow", "The request took too long to arrive.")
    except StoreUnavailable as why:
        failed("request", why)
        return _problem(503, why.code, "Nothing can be taken in now; try later.", retry=RETRY_SECONDS)
    except Exception as why:  # noqa: BLE001 - the last line before the caller
        failed("request", why)
        return _problem(500, "exchange.internal", "Something went wrong here; try later.", retry=RETRY_SECONDS)


def _problem(
    status: int, code: str, sentence: str, *, retry: int | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    body = json.dumps({"type": f"urn:cme-exchange:problem:{code}", "status": status, "title": sentence})
    extra = dict(headers or {}) | ({"Retry-After": str(retry)} if retry else {})
    return web.Response(status=status, text=body, content_type="application/problem+json", headers=extra)
