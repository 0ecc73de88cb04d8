"""Bodies of members who mean harm: endless ones, and those that are nothing but line feeds.

They cost their sender, and few bytes of us.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.https import MESSAGES_TYPE
from gateway import home_folder
from gateway.context import Gateway
from gateway.partner_api import callers
from gateway.partner_api.callers import AT_ONCE, BODIES, BUDGETS, WAITING, MessageBudget, split_lines
from gateway.partner_api.exchange import MAX_BODY_BYTES, build_exchange_application
from keys import bearer
from tests.attacks.served import SEED
from tests.conftest import introduce, make

Client = TestClient[web.Request, web.Application]
PLACE = "/exchange/v1/messages"
# Messages in one request.
MOST = 20


class Exchange:
    """Worcestershire's port, and Sandwell, a member who means harm."""

    def __init__(self, client: Client, member: Gateway) -> None:
        self.client, self.app, self.member = client, client.app, member

    def headers(self) -> dict[str, str]:
        token = bearer.issue("885", ring=self.member.ring, now=self.member.now())
        return {"Authorization": f"Bearer {token}", "Content-Type": MESSAGES_TYPE}

    @property
    def left(self) -> float:
        return self.app[BUDGETS]["333"].left


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    sandwell, gw = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, gw)
    file = gw.config.home / "gateway.toml"
    file.write_text(f"{file.read_text()}\n[limits]\nmessages_per_request = {MOST}\nmessages_per_minute = 6000\n")
    gw.store.close()
    gw = home_folder.open_gateway(gw.config.home)
    client: Client = TestClient(TestServer(build_exchange_application(gw)))
    await client.start_server()
    yield Exchange(client, sandwell)
    await client.close()
    for one in (sandwell, gw):
        one.store.close()


async def endless(bytes_each: int, go: asyncio.Event) -> AsyncIterator[bytes]:
    for _ in range(bytes_each // 65_536):
        yield b"a" * 65_536
    await go.wait()


async def test_forty_endless_bodies_of_one_member_take_four_places_and_the_memory_of_four(exchange: Exchange) -> None:
    go, statuses, most = asyncio.Event(), [], random.Random(SEED).randint(2, 6) * 2**20
    bodies = exchange.app[BODIES]

    async def send() -> None:
        with suppress(aiohttp.ClientError):
            async with exchange.client.post(PLACE, data=endless(most, go), headers=exchange.headers()) as got:
                statuses.append(got.status)

    sending = [asyncio.create_task(send()) for _ in range(40)]
    peak = 0
    for _ in range(40):
        await asyncio.sleep(0.05)
        peak = max(peak, bodies.held)
        assert bodies.callers["333"] <= AT_ONCE + WAITING
    assert 0 < peak <= AT_ONCE * MAX_BODY_BYTES
    # Those who wait for their turn have sent next to nothing.
    assert peak <= AT_ONCE * most + 2**20
    assert 429 in statuses
    go.set()
    await asyncio.gather(*sending)
    for _ in range(100):
        if not bodies.held:
            break
        await asyncio.sleep(0.05)
    assert (bodies.held, dict(bodies.callers)) == (0, {})


async def test_what_all_members_send_at_once_is_bounded_too(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "MOST_HELD", 3 * 2**20)
    go = asyncio.Event()
    go.set()
    async with exchange.client.post(PLACE, data=endless(4 * 2**20, go), headers=exchange.headers()) as got:
        assert (got.status, got.headers["Retry-After"]) == (503, str(callers.RETRY_SECONDS))
    assert exchange.app[BODIES].held == 0


@pytest.mark.parametrize("what", ["line feeds", "one long line", "too large", "another type"])
async def test_what_is_refused_is_charged(exchange: Exchange, what: str) -> None:
    size = random.Random(SEED).randint(3, 15) * 2**20
    body = {
        "line feeds": b"\n" * size,
        "one long line": b"a" * size,
        "too large": b"a" * (MAX_BODY_BYTES + 1),
        "another type": b"",
    }[what]
    headers = exchange.headers() | ({"Content-Type": "text/plain"} if what == "another type" else {})
    async with exchange.client.post(PLACE, data=BytesIO(body), headers=headers) as got:
        status = got.status
    assert status == {"line feeds": 413, "one long line": 200, "too large": 413, "another type": 415}[what]
    least = {"line feeds": MOST, "one long line": size // 2**20 - 1, "too large": 15, "another type": 1}[what]
    # It fills up again meanwhile.
    assert exchange.left <= 6000 - least + 1


@given(st.binary(max_size=300).map(lambda some: some.replace(b"a", b"\n")), st.integers(1, 40))
def test_lines_are_counted_as_far_as_they_may_be_and_none_is_lost(body: bytes, most: int) -> None:
    whole = [line.removesuffix(b"\r") for line in body.removesuffix(b"\n").split(b"\n")]
    found = split_lines(body, most)
    assert len(found) == min(len(whole), most + 1)
    if len(whole) <= most:
        assert found == whole


@settings(max_examples=50)
@given(st.lists(st.integers(1, 200), max_size=40))
def test_a_budget_never_falls_below_nothing_however_much_is_refused(charged: list[int]) -> None:
    budget, now = MessageBudget(100), 0.0
    for messages in charged:
        now += 1.0
        budget.charge_messages(messages, now)
        assert 0 <= budget.left <= 100
