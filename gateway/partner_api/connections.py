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


def count_places(share: float) -> int:
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
        self._timer = self._port.loop.call_later(HEADER_SECONDS, self.drop_connection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done, where there is one."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream there is no other
        self._transport, self._inner = transport, self._port.build_handler()
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
        self._port.forget_connection(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    @property
    def busy(self) -> bool:
        """Is a request that is whole being answered? Who brings its body byte by byte is not waited for."""
        return self._request is not None and self._request.content.is_eof()

    def begin_request(self, request: web.BaseRequest) -> None:
        """The headers of a request are whole."""
        self._wait(REQUEST_SECONDS, request)

    def end_request(self) -> None:
        """A request is answered; another may come."""
        self._wait(PROXY_IDLE_SECONDS if self.proxy else IDLE_SECONDS, None)

    def _wait(self, seconds: float, request: web.BaseRequest | None) -> None:
        self._timer.cancel()
        self._request, self.since = request, self._port.loop.time()
        self._timer = self._port.loop.call_later(seconds, self.drop_connection)

    def drop_connection(self) -> None:
        """Let go of it now."""
        self._port.forget_connection(self)
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def cancel_timer(self) -> None:
        """Nothing more is due of it."""
        self._timer.cancel()
        self._request = None


def find_connection(request: web.BaseRequest) -> Held | None:
    """Return the connection on which a request came, where a Port accepted it."""
    protocol = request.transport.get_protocol() if request.transport is not None else None
    return protocol if isinstance(protocol, Held) else None


class Answered(AbstractAccessLogger):
    """What aiohttp calls when an answer has left: nothing is logged, but the connection rests from then on."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """An answer has left."""
        if (connection := find_connection(request)) is not None:
            connection.end_request()


class Port:
    """A port that we listen on, and the connections to it."""

    def __init__(self, app: web.Application, most: int, proxies: Sequence[str], *, shutdown_seconds: float) -> None:
        """`most`: connections in all; `proxies`: addresses and networks that are counted in all only."""
        self.loop = asyncio.get_running_loop()
        self._most, self._of_one, self._proxies = most, max(LEAST_OF_ONE, most // SHARE), proxies
        self._by_address: dict[str, dict[Held, None]] = {}
        self._count = 0
        self._listening: list[socket.socket] = []
        self._runner = web.AppRunner(
            app,
            access_log_class=Answered,
            access_log=logging.getLogger(__name__),
            shutdown_timeout=shutdown_seconds,
        )

    def build_handler(self) -> web.RequestHandler:
        """Return what speaks HTTP on one connection."""
        assert self._runner.server is not None  # noqa: S101 - `open` made it
        return self._runner.server()

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError where that cannot be."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - that is what `setup` is for
        server.request_handler = _begun(server.request_handler)
        self._listening = await self._listen(host, port)
        for listener in self._listening:
            self.loop.add_reader(listener, self._accept, listener, tls)

    async def close(self) -> None:
        """Accept no more, let what is under way end, and let go of the rest."""
        for listener in self._listening:
            self.loop.remove_reader(listener)
            listener.close()
        await self._runner.cleanup()
        for connection in [connection for several in self._by_address.values() for connection in several]:
            connection.drop_connection()

    async def _listen(self, host: str, port: int) -> list[socket.socket]:
        infos = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        made: list[socket.socket] = []
        try:
            for family, kind, proto, _, address in dict.fromkeys(infos):
                listener = socket.socket(family, kind, proto)
                made.append(listener)
                listener.setblocking(False)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
                listener.listen(BACKLOG)
        except OSError:
            for listener in made:
                listener.close()
            raise
        return made

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept one: whoever is being answered has a turn between any two who come.

        No task does it, for one that is cancelled while it accepts loses the connection, which then hangs.
        """
        try:
            taken, peer = listener.accept()
        except BlockingIOError:
            return
        except OSError as why:
            # No descriptor is left, or the caller is gone already.
            log_seldom("accepting connections", why)
            self._make_room(self._by_address)
            self.loop.remove_reader(listener)
            self.loop.call_later(ACCEPT_AGAIN, self._accept_again, listener, tls)
            return
        taken.setblocking(False)
        self._take(taken, str(peer[0]), tls)

    def _accept_again(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        # It is closed when the port is.
        if listener.fileno() != -1:
            self.loop.add_reader(listener, self._accept, listener, tls)

    def _take(self, taken: socket.socket, peer: str, tls: ssl.SSLContext | None) -> None:
        connection = Held(self, find_first_address(peer), proxy=is_known_peer(peer, self._proxies))
        if not self._has_room(connection):
            connection.cancel_timer()
            taken.close()
            return
        self._by_address.setdefault(connection.address, {})[connection] = None
        self._count += 1
        connection.task = self.loop.create_task(self._shake_hands(taken, connection, tls))
        connection.task.add_done_callback(lambda _: None if connection.shaking else taken.close())

    def _has_room(self, connection: Held) -> bool:
        """Is there room for this one, or has room been made?"""
        if not connection.proxy and len(self._by_address.get(connection.address, ())) >= self._of_one:
            return self._make_room([connection.address])
        return self._count < self._most or self._make_room(self._by_address)

    def _make_room(self, addresses: Iterable[str]) -> bool:
        """Let go of one that has brought nothing for longest, at that of these addresses which holds most; named
        proxies come last.
        """
        waiting = [
            [connection for connection in self._by_address[address] if not connection.busy] for address in addresses
        ]
        fullest = max(waiting, key=lambda some: (bool(some), not (some and some[0].proxy), len(some)), default=[])
        log_seldom("connections: all places are in use, so those that send nothing are closed")
        if not fullest:
            return False
        min(fullest, key=lambda connection: connection.since).drop_connection()
        return True

    async def _shake_hands(self, taken: socket.socket, connection: Held, tls: ssl.SSLContext | None) -> None:
        # From here on asyncio closes the socket.
        connection.shaking = True
        # Where the system has no such thing, REQUEST_SECONDS is left.
        with suppress(OSError, AttributeError):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MILLISECONDS)
        try:
            seconds = HEADER_SECONDS if tls else None
            await self.loop.connect_accepted_socket(lambda: connection, taken, ssl=tls, ssl_handshake_timeout=seconds)
        except OSError:
            # It speaks no TLS, is too slow, or is gone: nothing of ours is wrong.
            self.forget_connection(connection)

    def forget_connection(self, connection: Held) -> None:
        """It is held no more."""
        of_address = self._by_address.get(connection.address, {})
        if connection not in of_address:
            return
        connection.cancel_timer()
        del of_address[connection]
        self._count -= 1
        if not of_address:
            del self._by_address[connection.address]


def _begun(handler: Handler) -> Handler:
    """Return the application, told to the connection when it is called: that is when the headers are whole."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if (connection := find_connection(request)) is not None:
            connection.begin_request(request)
        return await handler(request)

    return answer
