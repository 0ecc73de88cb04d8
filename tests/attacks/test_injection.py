"""What a stranger writes is a value and nothing else: no SQL and no path comes of an id, a host or a token (CWE-89,
CWE-22).
"""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from gateway.app import build_console_site
from gateway.case_systems import clients
from gateway.context import Gateway
from gateway.core.permissions import Scope
from gateway.partner_api.exchange import build_exchange_application
from gateway.store.tables import metadata
from keys import api_token
from tests.consoles import house

SEED = random.SystemRandom().randrange(2**32)
PIECES = (
    "'", '"', ";", "--", "/*", "*/", " OR 1=1", "') UNION SELECT * FROM people", "; DROP TABLE inbox", "$$", "\\", "%27",
    "../", "..\\", "/etc/passwd", "%2e%2e%2f", "\x00", "333", "0190", ":1", "{0}", "${x}",
)  # fmt: skip
Client = TestClient[web.Request, web.Application]


def draw(chance: random.Random) -> str:
    """A name that is SQL, a path, or some of both."""
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 6)))


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Client, Client]]:
    """A gateway, and clients of its two ports."""
    gw = house(tmp_path / "333", "333", "Sandwell", ())
    console: Client = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    exchange: Client = TestClient(TestServer(build_exchange_application(gw)))
    for one in (console, exchange):
        await one.start_server()
    yield gw, console, exchange
    for one in (console, exchange):
        await one.close()
    gw.store.close()


def count_rows(gw: Gateway) -> dict[str, int]:
    """How many rows each table has, but for the log that notes what was refused."""
    tables = [one for one in metadata.sorted_tables if not one.name.startswith(("audit", "repeats"))]
    return gw.store.look(lambda tx: {one.name: tx.scalar(select(func.count()).select_from(one)) or 0 for one in tables})


async def test_an_id_that_is_sql_or_a_path_is_a_name_and_nothing_else(
    gateway: tuple[Gateway, Client, Client],
) -> None:
    print(f"seed {SEED}")
    chance, (gw, console, exchange) = random.Random(SEED), gateway
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    token = api_token.issue(
        "one-test", tuple(Scope), audience=clients.get_token_audience(gw), ring=gw.ring, now=gw.now()
    )
    before = count_rows(gw)
    allowed = {"Authorization": f"Bearer {token}"}
    for _ in range(40):
        name = quote(draw(chance), safe="")
        for path in (f"/api/v1/notices/{name}", f"/api/v1/notices?cursor={name}", f"/api/v1/cases/{name}"):
            answer = await console.get(path, headers=allowed)
            assert 400 <= answer.status < 500, path
        answer = await console.get(f"/static/{name}")
        assert answer.status in (400, 403, 404), name
        header = draw(chance).replace("\x00", "")
        answer = await console.get("/sign-in", headers={"Host": header})
        assert answer.status in (400, 421), header
        for path in (
            f"/exchange/v1/mailboxes/{name}/messages",
            "/exchange/v1/log/consistency",
            "/exchange/v1/statements",
        ):
            answer = await exchange.get(path, headers={"Authorization": f"Bearer {header}"})
            assert answer.status in (400, 401, 404), path
    assert count_rows(gw) == before
