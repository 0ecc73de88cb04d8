"""A case system is not shut out by whoever knows its id, and nobody is told which ids there are."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import build_console_site
from gateway.case_systems import clients
from gateway.console.console_request import GATEWAY
from gateway.context import Gateway
from gateway.core.permissions import Scope
from gateway.store import audit_log
from gateway.store.wrong_tries import MOST
from tests.attacks.served import SEED
from tests.consoles import house

Client = TestClient[web.Request, web.Application]
PER_MINUTE = 20
CHANCE = random.Random(SEED)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Client]:
    settings = f"[api]\nrequests_per_minute = {PER_MINUTE}\n"
    gw = house(tmp_path / "885", "885", "Worcestershire", (), settings)
    made = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


def of(api: Client) -> Gateway:
    return api.app[GATEWAY]


async def ask(api: Client, name: str, secret: str) -> tuple[int, str, str | None]:
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    async with api.post("/api/v1/token", data=form) as got:
        return got.status, await got.text(), got.headers.get("WWW-Authenticate")


async def test_the_right_secret_is_taken_however_many_wrong_ones_came_from_the_same_address(api: Client) -> None:
    secret = clients.add_client(of(api), "one-test", "ONE", [Scope.STATUS_READ], "agnes")
    for number in range(CHANCE.randint(MOST, 2 * MOST)):
        status, _, _ = await ask(api, CHANCE.choice(["one-test", "nobody"]), f"wrong-{number}")
        assert status in (401, 429)
    assert (await ask(api, "one-test", secret))[0] == 200


async def test_a_known_id_looks_like_an_unknown_one_from_the_first_wrong_secret_to_the_last(api: Client) -> None:
    clients.add_client(of(api), "one-test", "ONE", [Scope.STATUS_READ], "agnes")
    ended = clients.add_client(of(api), "one-ended", "Old", [Scope.STATUS_READ], "agnes")
    clients.end_client(of(api), "one-ended", "agnes")
    seen = []
    for _ in range(MOST // 3):
        names = [("one-test", "wrong"), ("nobody", "wrong"), ("one-ended", ended)]
        CHANCE.shuffle(names)
        seen += [await ask(api, *one) for one in names]
    assert len(set(seen)) == 1
    assert seen[0][0] == 401
    after = {(await ask(api, name, "wrong"))[:2] for name in ("one-test", "nobody")}
    assert [status for status, _ in after] == [429]


async def test_wrong_secrets_are_one_entry_a_minute_in_all(api: Client) -> None:
    clients.add_client(of(api), "one-test", "ONE", [Scope.STATUS_READ], "agnes")
    for _ in range(CHANCE.randint(5, MOST)):
        await ask(api, CHANCE.choice(["one-test", "nobody", ""]), "wrong")
    assert len(of(api).store.look(lambda tx: audit_log.list_newest_entries(tx, act="client.refused"))) == 1
