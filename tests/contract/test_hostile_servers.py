"""A server that is the one on the card, and does not behave: a carrier says so, takes in no more than it must, and goes
on.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web

from adapters import client
from adapters.https import Https
from adapters.mailbox import Mailbox
from adapters.route import HandedOver, Left, NotReached, Parcel, Receipted, RouteAddress, TryLater
from keys import tls

PARCELS = [Parcel("one", b"sealed"), Parcel("two", b"sealed")]
Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(folder: Path, behaviour: Behaviour) -> AsyncIterator[RouteAddress]:
    """Whatever is asked of it, it behaves like this."""
    key, certificate = tls.self_signed("127.0.0.1", now=datetime.now(UTC), days=1)
    (folder / "both.pem").write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", behaviour)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield RouteAddress(
            "333", "885", f"https://127.0.0.1:{port}", tls.der_base64(certificate), lambda: "token", loopback=True
        )
    finally:
        await runner.cleanup()


def says(status: int, text: str = "", **headers: str) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return behave


async def breaks_off(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100000"})
    await answer.prepare(request)
    await answer.write(b"x" * 10)
    assert request.transport is not None
    request.transport.abort()
    return answer


async def never_ends(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": str(10**12)})
    await answer.prepare(request)
    try:
        while True:
            await answer.write(b"x" * 65_536)
            # The one who reads lives in the same loop.
            await asyncio.sleep(0)
    except ConnectionError:
        return answer


async def never_answers(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


HOSTILE: dict[str, tuple[Behaviour, type]] = {
    "too few receipts": (says(200, "one"), TryLater),
    "too many receipts": (says(200, "one\ntwo\nthree"), TryLater),
    "a redirect": (says(302, Location="https://elsewhere.example/"), TryLater),
    "a fault": (says(500), TryLater),
    "wait for ever": (says(429, **{"Retry-After": "99999999999"}), TryLater),
    "wait for nonsense": (says(503, **{"Retry-After": "-1; soon"}), TryLater),
    "gone": (says(410), TryLater),
    "breaks off": (breaks_off, TryLater),
    "never ends": (never_ends, TryLater),
    "never answers": (never_answers, TryLater),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", ClientTimeout(total=2))


@pytest.mark.parametrize("name", HOSTILE)
async def test_https(tmp_path: Path, name: str) -> None:
    behaviour, ending = HOSTILE[name]
    carrier = Https()
    async with server(tmp_path, behaviour) as address:
        attempts = await carrier.deliver(address, PARCELS)
        await carrier.close()
    assert [type(one) for one in attempts] == [ending, ending]
    assert not any(isinstance(one, Receipted) for one in attempts)
    assert not any(isinstance(one, TryLater) and one.after for one in attempts)


@pytest.mark.parametrize("name", [*HOSTILE, "no list", "no rows", "no bundles"])
async def test_mailbox(tmp_path: Path, name: str) -> None:
    lists = {
        "no list": says(200, "[{"),
        "no rows": says(200, '{"name": 1}'),
        "no bundles": says(200, '[{"name": "x"}, 7]'),
    }
    behaviour = lists[name] if name in lists else HOSTILE[name][0]
    carrier = Mailbox()
    async with server(tmp_path, behaviour) as address:
        attempts = await carrier.deliver(address, PARCELS)
        # What is not as agreed is counted, and holds up nothing else.
        if name in ("no rows", "no bundles"):
            found = await carrier.collect(address)
            assert [type(one) for one in found] == [Left]
        else:
            with pytest.raises(NotReached):
                await carrier.collect(address)
        await carrier.close()
    assert {type(one) for one in attempts} == {TryLater}


@pytest.mark.parametrize(
    ("make", "answer", "ending"),
    [(Https, 200, Receipted("receipt")), (Mailbox, 202, HandedOver("waiting in their mailbox"))],
)
async def test_a_server_that_wants_fewer_gets_them_one_by_one(
    tmp_path: Path, make: type[Https] | type[Mailbox], answer: int, ending: object
) -> None:
    asked: list[int] = []

    async def one_at_most(request: web.Request) -> web.StreamResponse:
        lines = (await request.read()).split(b"\n")
        asked.append(len(lines))
        return web.Response(status=413) if len(lines) > 1 else web.Response(status=answer, text="receipt")

    carrier = make()
    async with server(tmp_path, one_at_most) as address:
        attempts = await carrier.deliver(address, [Parcel(str(n), b"sealed") for n in range(5)])
        await carrier.close()
    assert attempts == [ending] * 5
    assert asked.count(1) == 5
