"""Who calls, and how much they may send: settled before a body is read.

What a body costs is taken from the budget of whoever sends it, also where it is refused: one message's worth before it
is read, and then for each message in it, or for each MiB. Of one caller few bodies are read at a time, and of all
together few bytes are held.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from gateway.auditing import bursts
from gateway.context import Gateway
from gateway.exchange.card_rounds import ask_soon
from gateway.partner_api.addresses import get_caller_address
from gateway.partner_api.problems import BodyRefused, build_problem
from keys import bearer
from keys.errors import NAMES_A_KEY, Refusal

# A caller that is slower than this holds up a place for others.
READ_SECONDS = 30
# Bodies of one caller that are read: as many as our own gateways send a partner.
AT_ONCE = 4
# More of them that may wait for their turn.
WAITING = 16
# Bytes of bodies that are held, of all callers.
MOST_HELD = 128 * 2**20
# Bytes of a body that cost as much as one message.
MESSAGE_WORTH = 2**20
RETRY_SECONDS = 5


@dataclass(slots=True)
class MessageBudget:
    """What one partner may still send: a bucket that fills up again by the minute."""

    per_minute: int
    left: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """Fill the bucket: it starts full."""
        self.left = self.per_minute

    def take_messages(self, messages: int, now: float) -> float:
        """Take for these messages, at this many seconds: 0, or the seconds to wait until there is enough."""
        self.left = min(self.per_minute, self.left + (now - self.at) * self.per_minute / 60)
        self.at = now
        if messages <= self.left:
            self.left -= messages
            return 0.0
        return (min(messages, self.per_minute) - self.left) * 60 / self.per_minute

    def charge_messages(self, messages: int, now: float) -> None:
        """Take for what was refused: as much as there is."""
        if self.take_messages(messages, now):
            self.left = 0.0


GATEWAY = web.AppKey("gateway", Gateway)
BUDGETS = web.AppKey("budgets", dict[str, MessageBudget])


@dataclass(slots=True)
class HeldBodies:
    """The bodies that are read and dealt with now: who sends them, and how many bytes are held."""

    turns: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    # Bodies of each that are read, or wait for it.
    callers: Counter[str] = field(default_factory=Counter)
    held: int = 0


BODIES = web.AppKey("bodies", HeldBodies)


async def identify_caller(request: web.Request, *, owner: str | None = None) -> str:
    """Return the authority that calls, by its token for us. Raises HTTPUnauthorized; that somebody tried is noted.

    `owner`: of the mailbox that is called.
    """
    gw = request.app[GATEWAY]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # The scheme knows no case (RFC 9110, 11.1).
    token = token.strip() if scheme.lower() == "bearer" else ""
    try:
        return bearer.verify(token, audience=gw.code, owner=owner, trust=gw.trust, now=gw.now())
    except Refusal as why:
        claimed = bearer.find_claimed_caller(token) if why.code in NAMES_A_KEY else None
        if claimed and gw.trust.knows(claimed):
            await ask_soon(gw, claimed)
        ours = gw.config.listen
        address = get_caller_address(request, ours.address_header, ours.proxies)
        await bursts.write_refused_caller(gw, why.code, address)
        raise web.HTTPUnauthorized(text=why.code, headers={"WWW-Authenticate": "Bearer"}) from None


@asynccontextmanager
async def read_body(request: web.Request, authority: str) -> AsyncIterator[bytes]:
    """Yield the body, if it comes in time, and hold it. Raises TimeoutError, HTTPRequestEntityTooLarge, Stop."""
    bodies = request.app[BODIES]
    if bodies.callers[authority] >= AT_ONCE + WAITING:
        raise BodyRefused(
            build_problem(
                429,
                "exchange.too-fast",
                "Too many requests at once. Wait a few seconds, then try again.",
                retry=RETRY_SECONDS,
            )
        )
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
                charge_caller(request, authority, compute_price(size))
                raise
            yield b"".join(parts)
    finally:
        bodies.held -= size
        bodies.callers[authority] -= 1
        if not bodies.callers[authority]:
            del bodies.callers[authority]
            bodies.turns.pop(authority, None)


def _check_size(request: web.Request, bodies: HeldBodies, size: int) -> None:
    if size > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(max_size=request.client_max_size, actual_size=size)
    if bodies.held > MOST_HELD:
        raise BodyRefused(
            build_problem(
                503,
                "exchange.too-fast",
                "Too much was sent at once. Wait a few seconds, then try again.",
                retry=RETRY_SECONDS,
            )
        )


def compute_price(size: int) -> int:
    """Return what a body of so many bytes costs, in messages."""
    return -(-size // MESSAGE_WORTH)


def split_lines(body: bytes, most: int) -> list[bytes]:
    """Split a body into lines, each ended by LF or CR LF; one more than `most` where there are more, however many."""
    return [line.removesuffix(b"\r") for line in body.removesuffix(b"\n").split(b"\n", most)]


def charge_caller(request: web.Request, authority: str, messages: int) -> None:
    """Take from the budget of whoever sent what is refused."""
    _get_budget(request, authority).charge_messages(messages, time.monotonic())


def refuse_too_many(request: web.Request, authority: str, messages: int) -> web.Response | None:
    """Return the answer where so many messages are too many, at once or for now; None where they may come."""
    most = request.app[GATEWAY].config.limits.messages_per_request
    if messages > most:
        charge_caller(request, authority, most)
        return build_problem(413, "exchange.too-many", f"At most {most} messages in one request.")
    return _refuse_too_fast(request, authority, messages)


def refuse_too_many_within(request: web.Request, authority: str, body: bytes, lines: int) -> web.Response | None:
    """Return the same of a body that was read, for the first message of which has been paid."""
    most = request.app[GATEWAY].config.limits.messages_per_request
    if lines > most:
        return refuse_too_many(request, authority, lines)
    return _refuse_too_fast(request, authority, max(lines, min(compute_price(len(body)), most)) - 1)


def _refuse_too_fast(request: web.Request, authority: str, messages: int) -> web.Response | None:
    if wait := _get_budget(request, authority).take_messages(messages, time.monotonic()):
        return build_problem(
            429,
            "exchange.too-fast",
            "More messages than were agreed. Wait a few seconds, then try again.",
            retry=int(wait) + 1,
        )
    return None


def _get_budget(request: web.Request, authority: str) -> MessageBudget:
    gw = request.app[GATEWAY]
    return get_shared_budget(request.app[BUDGETS], authority, gw.config.limits.messages_per_minute, gw)


def get_shared_budget(budgets: dict[str, MessageBudget], name: str, per_minute: int, gw: Gateway) -> MessageBudget:
    """Return what is left at this process for a caller: an equal share of what all processes may let it send."""
    budget = budgets.setdefault(name, MessageBudget(per_minute))
    budget.per_minute = max(1, per_minute // gw.sharing.processes)
    return budget
