"""Who may hold a connection, and for how long: settled before TLS, before HTTP, and before anybody has said who they
are.

A connection costs whoever opens it nothing, and us a descriptor and some memory. So each has until a deadline, counted
from the moment it was accepted, to bring a request's headers to their end; it may then rest for some time between two
requests; and there are no more than so many from one address, and in all. When there are too many, the newcomer takes
the place of the one that has brought nothing for longest: at its own address, or where most come from. So whoever has
something to ask is answered, however many hold places in vain. A connection whose request is being answered is never
sent away for another.

A proxy that the settings name speaks for many people, and is counted in all only. The body of a request has deadlines
of its own, in `callers` and the guards of console and API.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from aiohttp import web, web_response
from aiohttp.abc import AbstractAccessLogger

from gateway.logs import log_seldom
from gateway.partner_api.addresses import find_first_address, is_known_peer

# From accept to the end of the first headers, TLS among it: a slow line needs three.
HEADER_SECONDS = 15.0
# Between two requests: twice what our own gateways keep a connection for.
IDLE_SECONDS = 30.0
# The same for a named proxy: twice what they usually keep one for.
PROXY_IDLE_SECONDS = 120.0
# Of one request with its answer: an export of a whole log over a slow line.
REQUEST_SECONDS = 1_800.0
# In which a caller takes nothing of what it asked for, until the system lets go of it.
STALLED_MILLISECONDS = 60_000
# Seconds until we look again, where the process has no descriptor left.
ACCEPT_AGAIN = 0.5
# Connections that wait to be accepted.
BACKLOG = 512

# One in so many of the process's descriptors is kept for the database, files and what we ask of others.
KEPT_BACK = 4
# Connections of one port: some 100 MiB.
MOST = 1_024
# Of one port's places, one address may hold one in so many.
SHARE = 4
# Of one address, however few there are.
LEAST_OF_ONE = 8

# on every answer, also to what is no HTTP; versions are nobody's concern
web_response.SERVER_SOFTWARE = "cme-gateway"  # type: ignore[attr-defined]  # aiohttp has no setting for it

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def places(share: float) -> int:
    """Return how many connections a port may hold that has this share of the descriptors which the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(LEAST_OF_ONE, min(MOST, int((soft - soft // KEPT_BACK) * share)))


class Held(asyncio.Protocol):
    """One connection, from accept on: what stands between the transport and aiohttp's own protocol."""

    def __init__(self, port: "Port", address: str, *, proxy: bool) -> None:
        """It has brought nothing yet."""
        self.address, self.proxy = address, proxy
        # When it last brought something, or was answered.
        self.since = asyncio.get_running_loop().time()
        # That shakes hands.
        self.task: asyncio.Task[None] | None = None
        self.shaking = False
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._inner: web.RequestHandler | None = None
        self._request: web.BaseRequest | None = None
        self._timer = self._port.loop.call_later(HEADER_SECONDS, self.drop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done, where there is one."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream there is no other
        self._transport, self._inner = transport, self._port.handler()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes come."""
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> None:
        """No more will come."""
        if self._inner is not None:
            self._inner.eof_received()

    def pause_writing(self) -> None:
        """The caller does not take what it is sent."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It takes it again."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._port.forget(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    @property
    def busy(self) -> bool:
        """Is a request that is whole being answered? Who brings its body byte by byte is not waited for."""
        return self._request is not None and self._request.content.is_eof()

    def begin(self, request: web.BaseRequest) -> None:
        """The headers of a request are whole."""
        self._wait(REQUEST_SECONDS, request)

    def rest(self) -> None:
        """A request is answered; another may come."""
        self._wait(PROXY_IDLE_SECONDS if self.proxy else IDLE_SECONDS, None)

    def _wait(self, seconds: float, request: web.BaseRequest | None) -> None:
        self._timer.cancel()
        self._request, self.since = request, self._port.loop.time()
        self._timer = self._port.loop.call_later(seconds, self.drop)

    def drop(self) -> None:
        """Let go of it now."""
        self._port.forget(self)
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def forgotten(self) -> None:
        """Nothing more is due of it."""
        self._timer.cancel()
        self._request = None


def held(request: web.BaseRequest) -> Held | None:
    """Return the connection on which a request came, where a Port accepted it."""
    found = request.transport.get_protocol() if request.transport is not None else None
    return found if isinstance(found, Held) else None


class Answered(AbstractAccessLogger):
    """What aiohttp calls when an answer has left: nothing is logged, but the connection rests from then on."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """An answer has left."""
        if (found := held(request)) is not None:
            found.rest()


class Port:
    """A port that we listen on, and the connections to it."""

    def __init__(self, app: web.Application, most: int, proxies: Sequence[str], *, shutdown_seconds: float) -> None:
        """`most`: connections in all; `proxies`: addresses and networks that are counted in all only."""
        self.loop = asyncio.get_running_loop()
        self._most, self._of_one, self._proxies = most, max(LEAST_OF_ONE, most // SHARE), proxies
        self._by_address: dict[str, dict[Held, None]] = {}
        self._count = 0
        self._accepting: list[asyncio.Task[None]] = []
        self._runner = web.AppRunner(
            app,
            access_log_class=Answered,
            access_log=logging.getLogger(__name__),
            shutdown_timeout=shutdown_seconds,
        )

    def handler(self) -> web.RequestHandler:
        """Return what speaks HTTP on one connection."""
        assert self._runner.server is not None  # noqa: S101 - `open` made it
        return self._runner.server()

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError where that cannot be."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - that is what `setup` is for
        server.request_handler = _begun(server.request_handler)
        listening = await self._listen(host, port)
        self._accepting = [self.loop.create_task(self._accept_forever(one, tls)) for one in listening]

    async def close(self) -> None:
        """Accept no more, let what is under way end, and let go of the rest."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await self._runner.cleanup()
        for one in [one for several in self._by_address.values() for one in several]:
            one.drop()

    async def _listen(self, host: str, port: int) -> list[socket.socket]:
        infos = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        made: list[socket.socket] = []
        try:
            for family, kind, proto, _, address in dict.fromkeys(infos):
                one = socket.socket(family, kind, proto)
                made.append(one)
                one.setblocking(False)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind(address)
                one.listen(BACKLOG)
        except OSError:
            for one in made:
                one.close()
            raise
        return made

    async def _accept_forever(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        with listening:
            while True:
                try:
                    taken, peer = await self.loop.sock_accept(listening)
                except OSError as why:
                    # No descriptor is left, or the caller is gone already.
                    log_seldom("accepting connections", why)
                    self._make_room(self._by_address)
                    await asyncio.sleep(ACCEPT_AGAIN)
                    continue
                self._take(taken, str(peer[0]), tls)
                # Whoever is being answered has a turn between any two who come.
                await asyncio.sleep(0)

    def _take(self, taken: socket.socket, peer: str, tls: ssl.SSLContext | None) -> None:
        one = Held(self, find_first_address(peer), proxy=is_known_peer(peer, self._proxies))
        if not self._has_room(one):
            one.forgotten()
            taken.close()
            return
        self._by_address.setdefault(one.address, {})[one] = None
        self._count += 1
        one.task = self.loop.create_task(self._shake_hands(taken, one, tls))
        one.task.add_done_callback(lambda _: None if one.shaking else taken.close())

    def _has_room(self, one: Held) -> bool:
        """Is there room for this one, or has room been made?"""
        if not one.proxy and len(self._by_address.get(one.address, ())) >= self._of_one:
            return self._make_room([one.address])
        return self._count < self._most or self._make_room(self._by_address)

    def _make_room(self, addresses: Iterable[str]) -> bool:
        """Let go of one that has brought nothing for longest, at that of these addresses which holds most; named
        proxies come last.
        """
        waiting = [[one for one in self._by_address[address] if not one.busy] for address in addresses]
        fullest = max(waiting, key=lambda some: (bool(some), not (some and some[0].proxy), len(some)), default=[])
        log_seldom("connections: no place is free, so those that bring nothing are let go")
        if not fullest:
            return False
        min(fullest, key=lambda one: one.since).drop()
        return True

    async def _shake_hands(self, taken: socket.socket, one: Held, tls: ssl.SSLContext | None) -> None:
        # From here on asyncio closes the socket.
        one.shaking = True
        # Where the system has no such thing, REQUEST_SECONDS is left.
        with suppress(OSError, AttributeError):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MILLISECONDS)
        try:
            seconds = HEADER_SECONDS if tls else None
            await self.loop.connect_accepted_socket(lambda: one, taken, ssl=tls, ssl_handshake_timeout=seconds)
        except OSError:
            # It speaks no TLS, is too slow, or is gone: nothing of ours is wrong.
            self.forget(one)

    def forget(self, one: Held) -> None:
        """It is held no more."""
        of_address = self._by_address.get(one.address, {})
        if one not in of_address:
            return
        one.forgotten()
        del of_address[one]
        self._count -= 1
        if not of_address:
            del self._by_address[one.address]


def _begun(handler: Handler) -> Handler:
    """Return the application, told to the connection when it is called: that is when the headers are whole."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if (found := held(request)) is not None:
            found.begin(request)
        return await handler(request)

    return answer
