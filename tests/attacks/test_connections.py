"""Connections that bring nothing: however many there are, those who ask something are answered, and the log stays
short.
"""

import asyncio
import gc
import json
import os
import random
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.partner_api import connections
from gateway.partner_api.connections import Port
from tests.attacks.served import SEED, browser, served, unproven
from tests.conftest import free_port
from tests.consoles import house
from tests.needs import need_descriptors

# Descriptors of the process.
LIMIT = 160
HALVES = (
    b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nname=",
    b"POST /exchange/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\na",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"G",
    b"POST /sign-in HTTP/1.1\r\n",
    b"",
    b"\x16\x03\x01\x02",
    b"\0" * 9,
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, source: str, *, tls: bool) -> Streams:
    return await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0), ssl=unproven() if tls else None, server_hostname="x" if tls else None
    )


async def attack(chance: random.Random, port: int, source: str, *, tls: bool, kept: list[Streams]) -> None:
    """One who connects, brings half of something, and stays; some drip on."""
    with suppress(OSError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(30):
            reader, writer = await connect(port, source, tls=tls and chance.random() < 0.7)
            kept.append((reader, writer))
            writer.write(chance.choice(HALVES))
            await writer.drain()


async def drip(chance: random.Random, kept: list[Streams]) -> None:
    """A byte here and there, for ever."""
    while True:
        await asyncio.sleep(0.05)
        if kept:
            with suppress(OSError, RuntimeError):
                chance.choice(kept)[1].write(b"a")


@pytest.fixture
def gw(tmp_path: Path) -> Gateway:
    made = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))
    made.store.close()
    return made


@pytest.mark.timeout(300)
async def test_hundreds_who_bring_nothing_shut_nobody_out_and_fill_no_log(gw: Gateway) -> None:
    need_descriptors(4096)
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    exchange, console = gw.config.listen.port, gw.config.console.port
    limited = ("sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh")
    kept: list[Streams] = []
    async with served(gw.config.home, exchange, prefix=limited) as one:
        dripping = asyncio.create_task(drip(chance, kept))
        sources = chance.choice((["127.0.0.1"], ["127.0.0.1", "127.0.0.2"], [f"127.0.0.{n}" for n in range(2, 9)]))
        answered = 0
        for _ in range(3):
            some = [
                attack(chance, port, chance.choice(sources), tls=port == exchange, kept=kept)
                for port in chance.choices((exchange, console), k=100)
            ]
            await asyncio.gather(*some)
            async with browser(30.0) as http:
                async with http.get(f"https://127.0.0.1:{exchange}/healthz") as got:
                    answered += got.status == 200
                async with http.get(f"{gw.config.console_url}/sign-in") as got:
                    answered += got.status == 200
        assert answered == 6
        dripping.cancel()
        lines = one.lines()
        assert len(lines) < 20, lines[:5]
        # One object a line, and so no traceback.
        assert all(json.loads(line)["event"] for line in lines)
        for _, writer in kept:
            writer.transport.abort()
        assert await one.stop() == 0


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(0.4)
    return web.Response(text="slow")


@asynccontextmanager
async def listening(most: int, proxies: tuple[str, ...] = ()) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/slow", slow)
    app.router.add_post("/body", take_body)
    port, number = Port(app, most, proxies, shutdown_seconds=5), free_port()
    await port.open("127.0.0.1", number, None)
    yield number
    await port.close()


async def ask(port: int, source: str, path: str = "/") -> int:
    connector = aiohttp.TCPConnector(local_addr=(source, 0), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http, http.get(f"http://127.0.0.1:{port}{path}") as got:
        return got.status


async def is_let_go(reader: asyncio.StreamReader, seconds: float) -> bool:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            await reader.read()
            return True
    return reader.at_eof() or reader.exception() is not None


@pytest.mark.parametrize("named", [True, False])
async def test_sixty_officers_behind_one_proxy_are_served_while_a_thousand_idle_callers_come_from_elsewhere(
    named: bool,
) -> None:
    need_descriptors(4096)
    kept: list[Streams] = []
    async with listening(100, ("127.0.0.9",) if named else ()) as port:
        for _ in range(10):
            kept += await asyncio.gather(*(connect(port, "127.0.0.2", tls=False) for _ in range(100)))
            served = await asyncio.gather(
                *(ask(port, "127.0.0.9", "/slow" if named else "/") for _ in range(60 if named else 20))
            )
            assert set(served) == {200}
        for _, writer in kept:
            writer.transport.abort()


async def take_body(request: web.Request) -> web.Response:
    return web.Response(text=await request.text())


async def test_who_brings_a_body_byte_by_byte_holds_no_place_that_others_need() -> None:
    half = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na"
    async with listening(40) as port:
        slow_ones = [await connect(port, "127.0.0.2", tls=False) for _ in range(random.Random(SEED).randint(15, 60))]
        for _, writer in slow_ones:
            writer.write(half)
        await asyncio.sleep(0.2)
        assert [await ask(port, "127.0.0.2") for _ in range(5)] == [200] * 5
        for _, writer in slow_ones:
            writer.transport.abort()


async def test_a_request_that_is_being_answered_is_not_let_go_for_others() -> None:
    async with listening(40) as port:
        asked = [asyncio.create_task(ask(port, "127.0.0.2", "/slow")) for _ in range(9)]
        await asyncio.sleep(0.1)
        idle = [await connect(port, "127.0.0.2", tls=False) for _ in range(50)]
        assert set(await asyncio.gather(*asked)) == {200}
        for _, writer in idle:
            writer.transport.abort()


@pytest.mark.parametrize("what", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"drip"])
async def test_a_deadline_holds_from_accept_to_the_headers_and_between_two_requests(
    monkeypatch: pytest.MonkeyPatch, what: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.5)
    async with listening(40) as port:
        reader, writer = await connect(port, "127.0.0.1", tls=False)
        if what == b"drip":
            writer.write(b"GET / HTTP/1.1\r\nX: ")
            with suppress(ConnectionError):
                for _ in range(100):
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)
                    if reader.at_eof() or reader.exception():
                        break
        else:
            writer.write(what)
        assert await is_let_go(reader, 5.0)
        writer.transport.abort()


async def test_where_no_descriptor_is_left_that_is_one_line_a_minute_and_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ACCEPT_AGAIN", 0.01)
    # Whatever other tests made it say in this minute.
    monkeypatch.setattr("gateway.logs._seen", {})
    loop = asyncio.get_running_loop()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with listening(40) as port:
        with socket.socket() as caller:
            caller.setblocking(False)
            # The next descriptor would be above the limit.
            resource.setrlimit(resource.RLIMIT_NOFILE, (caller.fileno() + 1, hard))
            try:
                fillers = fill_descriptors()
                await loop.sock_connect(caller, ("127.0.0.1", port))
                await loop.sock_sendall(caller, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.sleep(random.Random(SEED).uniform(0.03, 0.2))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for filler in fillers:
                    os.close(filler)
            async with asyncio.timeout(20):
                assert (await loop.sock_recv(caller, 100)).startswith(b"HTTP/1.1 200")
    said = "".join(capsys.readouterr())
    assert said.count("accepting connections") == 1
    assert "Traceback" not in said


def fill_descriptors() -> list[int]:
    """Take every descriptor that is left below the limit."""
    fillers = []
    while True:
        try:
            fillers.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return fillers


async def test_a_caller_who_comes_while_the_port_closes_is_let_go(recwarn: pytest.WarningsRecorder) -> None:
    """Whatever the moment: none is taken and then forgotten, which would leave its connection to the collector."""
    chance = random.Random(SEED)
    for turns in range(12):
        async with listening(40) as port:
            with ExitStack() as callers:
                several = [callers.enter_context(socket.socket()) for _ in range(chance.randint(1, 4))]
                for caller in several:
                    caller.connect(("127.0.0.1", port))
                for _ in range(turns // 2):
                    await asyncio.sleep(0)
        # What is closed is closed within a turn or two.
        await asyncio.sleep(0.01)
    gc.collect()
    assert [str(one.message) for one in recwarn if issubclass(one.category, ResourceWarning)] == []


async def test_every_answer_names_us_without_versions_whatever_was_asked() -> None:
    async with listening(40) as port:
        for asked in (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /none HTTP/1.0\r\n\r\n",
            b"\x16\x03\r\n\r\n",
            b"a b c\r\n\r\n",
        ):
            reader, writer = await connect(port, "127.0.0.1", tls=False)
            writer.write(asked)
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            assert "server: cme-gateway\r\n" in said, asked
            assert "python" not in said
            assert "aiohttp" not in said
            writer.transport.abort()


def test_the_places_of_all_ports_leave_descriptors_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in random.Random(SEED).sample(range(128, 5000), 20):
        monkeypatch.setattr("resource.getrlimit", lambda _, limit=limit: (limit, limit))
        assert sum(connections.count_places(share) for share in (0.5, 0.4, 0.05)) <= 0.75 * limit
