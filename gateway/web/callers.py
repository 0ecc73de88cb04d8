"""Who calls, and how much they may send: settled before a body is read."""

import asyncio
import time
from dataclasses import dataclass, field

from aiohttp import web

from gateway.authority import SYSTEM, Authority
from gateway.store import log
from gateway.store.log import Entry
from gateway.web.problems import problem
from keys import bearer
from keys.errors import Refusal

READ_SECONDS = 30  # a caller that is slower than this holds up a place for others


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


HERE = web.AppKey("here", Authority)
BUDGETS = web.AppKey("budgets", dict[str, Budget])


async def caller(request: web.Request, audience: str) -> str:
    """The authority that calls, by its token for this audience. Raises HTTPUnauthorized; that somebody tried is noted."""
    here = request.app[HERE]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return bearer.verify(token if scheme == "Bearer" else "", audience=audience, trust=here.trust, now=here.now())
    except Refusal as why:
        entry = Entry("caller.refused", SYSTEM, detail={"code": why.code})
        await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
        raise web.HTTPUnauthorized(text=why.code, headers={"WWW-Authenticate": "Bearer"}) from None


async def read_body(request: web.Request) -> bytes:
    """The body, from one who sends it in time. Raises TimeoutError."""
    async with asyncio.timeout(READ_SECONDS):
        return await request.read()


def too_much(request: web.Request, authority: str, messages: int) -> web.Response | None:
    """The answer where so many messages are too many, at once or for now; None where they may come."""
    limits = request.app[HERE].config.limits
    if messages > limits.messages_per_request:
        return problem(413, "exchange.too-many", f"At most {limits.messages_per_request} messages in one request.")
    budget = request.app[BUDGETS].setdefault(authority, Budget(limits.messages_per_minute))
    if wait := budget.take(messages, time.monotonic()):
        return problem(429, "exchange.too-fast", "More messages than were agreed; wait a little.", retry=int(wait) + 1)
    return None
