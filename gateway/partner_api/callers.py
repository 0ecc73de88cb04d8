"""Who calls, and how much they may send: settled before a body is read.

What a body costs is taken from the budget of whoever sends it, also where it is refused: one message's worth before it is read, and
then for each message in it, or for each MiB. Of one caller few bodies are read at a time, and of all together few bytes are held.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from gateway.auditing import bursts
from gateway.context import SYSTEM, Authority
from gateway.partner_api.addresses import who_asks
from gateway.partner_api.problems import Stop, problem
from gateway.store.audit_log import AuditEntry
from keys import bearer
from keys.errors import Refusal

READ_SECONDS = 30  # a caller that is slower than this holds up a place for others
AT_ONCE = 4  # bodies of one caller that are read: as many as our own gateways send a partner
WAITING = 16  # more of them that may wait for their turn
MOST_HELD = 128 * 2**20  # bytes of bodies that are held, of all callers
MESSAGE_WORTH = 2**20  # bytes of a body that cost as much as one message
RETRY_SECONDS = 5


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

    def charge(self, messages: int, now: float) -> None:
        """Take for what was refused: as much as there is."""
        if self.take(messages, now):
            self.left = 0.0


HERE = web.AppKey("here", Authority)
BUDGETS = web.AppKey("budgets", dict[str, Budget])


@dataclass(slots=True)
class Bodies:
    """The bodies that are read and dealt with now: who sends them, and how many bytes are held."""

    turns: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    callers: Counter[str] = field(default_factory=Counter)  # bodies of each that are read, or wait for it
    held: int = 0


BODIES = web.AppKey("bodies", Bodies)


async def caller(request: web.Request, *, owner: str | None = None) -> str:
    """The authority that calls, by its token for us. Raises HTTPUnauthorized; that somebody tried is noted.

    `owner`: of the mailbox that is called.
    """
    here = request.app[HERE]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""  # the scheme knows no case (RFC 9110, 11.1)
    try:
        return bearer.verify(token, audience=here.code, owner=owner, trust=here.trust, now=here.now())
    except Refusal as why:
        ours = here.config.listen
        entry = AuditEntry("caller.refused", SYSTEM, detail={"code": why.code})
        await bursts.write_burst(here, entry, who_asks(request, ours.address_header, ours.proxies))
        raise web.HTTPUnauthorized(text=why.code, headers={"WWW-Authenticate": "Bearer"}) from None


@asynccontextmanager
async def body_of(request: web.Request, authority: str) -> AsyncIterator[bytes]:
    """The body, from one who sends it in time, while it is dealt with. Raises TimeoutError, HTTPRequestEntityTooLarge, Stop."""
    bodies = request.app[BODIES]
    if bodies.callers[authority] >= AT_ONCE + WAITING:
        raise Stop(problem(429, "exchange.too-fast", "Too many requests at once; wait a little.", retry=RETRY_SECONDS))
    bodies.callers[authority] += 1
    size = 0
    try:
        async with bodies.turns.setdefault(authority, asyncio.Semaphore(AT_ONCE)):
            parts: list[bytes] = []
            try:
                async with asyncio.timeout(READ_SECONDS):
                    async for part in request.content.iter_any():
                        size, bodies.held = size + len(part), bodies.held + len(part)
                        _check_size(request, bodies, size)
                        parts.append(part)
            except BaseException:
                charge(request, authority, price(size))
                raise
            yield b"".join(parts)
    finally:
        bodies.held -= size
        bodies.callers[authority] -= 1
        if not bodies.callers[authority]:
            del bodies.callers[authority]
            bodies.turns.pop(authority, None)


def _check_size(request: web.Request, bodies: Bodies, size: int) -> None:
    if size > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(max_size=request.client_max_size, actual_size=size)
    if bodies.held > MOST_HELD:
        raise Stop(problem(503, "exchange.too-fast", "Too much is sent at once; wait a little.", retry=RETRY_SECONDS))


def price(size: int) -> int:
    """What a body of so many bytes costs, in messages."""
    return -(-size // MESSAGE_WORTH)


def lines_of(body: bytes, most: int) -> list[bytes]:
    """The lines of a body, each ended by LF or CR LF; one more than `most` where there are more, however many."""
    return [line.removesuffix(b"\r") for line in body.removesuffix(b"\n").split(b"\n", most)]


def charge(request: web.Request, authority: str, messages: int) -> None:
    """Take from the budget of whoever sent what is refused."""
    _budget(request, authority).charge(messages, time.monotonic())


def too_much(request: web.Request, authority: str, messages: int) -> web.Response | None:
    """The answer where so many messages are too many, at once or for now; None where they may come."""
    most = request.app[HERE].config.limits.messages_per_request
    if messages > most:
        charge(request, authority, most)
        return problem(413, "exchange.too-many", f"At most {most} messages in one request.")
    return _too_fast(request, authority, messages)


def too_much_within(request: web.Request, authority: str, body: bytes, lines: int) -> web.Response | None:
    """The same of a body that was read, for the first message of which has been paid."""
    most = request.app[HERE].config.limits.messages_per_request
    if lines > most:
        return too_much(request, authority, lines)
    return _too_fast(request, authority, max(lines, min(price(len(body)), most)) - 1)


def _too_fast(request: web.Request, authority: str, messages: int) -> web.Response | None:
    if wait := _budget(request, authority).take(messages, time.monotonic()):
        return problem(429, "exchange.too-fast", "More messages than were agreed; wait a little.", retry=int(wait) + 1)
    return None


def _budget(request: web.Request, authority: str) -> Budget:
    per_minute = request.app[HERE].config.limits.messages_per_minute
    return request.app[BUDGETS].setdefault(authority, Budget(per_minute))
