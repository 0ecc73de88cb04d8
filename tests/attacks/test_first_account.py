"""A new gateway has no set-up page: nobody gets an account, or a session, by asking (CWE-306)."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.access import people as flow
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY
from gateway.console.endpoints import Endpoint
from gateway.core.permissions import Role
from gateway.store import audit_log, people
from tests.consoles import house

SEED = random.SystemRandom().randrange(2**32)
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Client]:
    """A console to which nobody has an account."""
    gw = house(tmp_path / "333", "333", "Sandwell", ())
    client: Client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield client
    await client.close()
    gw.store.close()


async def test_no_page_makes_an_account_before_sign_in(fresh: Client) -> None:
    print(f"seed {SEED}")
    chance, gw = random.Random(SEED), fresh.app[GATEWAY]
    endpoints = [
        endpoint for route in fresh.app.router.routes() if (endpoint := getattr(route.handler, "endpoint", None))
    ]
    assert len(endpoints) > 60
    chance.shuffle(endpoints)
    form = {"name": "mallory@evil.example", "called": "Mallory", "roles": "admin", "password": "x", "form_token": "x"}
    for endpoint in endpoints:
        assert isinstance(endpoint, Endpoint)
        path = endpoint.path
        # A part of the address, with its pattern.
        while "{" in path:
            head, _, rest = path.partition("{")
            depth, at = 1, 0
            while depth:
                depth += {"{": 1, "}": -1}.get(rest[at], 0)
                at += 1
            path = f"{head}{chance.choice(('0', 'admin', '333'))}{rest[at:]}"
        data = form if endpoint.method == "POST" else None
        answer = await fresh.request(endpoint.method, path, data=data, allow_redirects=False)
        assert answer.status < 500, endpoint.path
    assert gw.store.look(people.list_people) == []
    made = {one.act for one in gw.store.look(lambda tx: list(audit_log.list_entries(tx)))}
    assert not {act for act in made if act.startswith(("person.added", "person.came", "client."))}
    # On the command line it goes.
    flow.add_account(gw, "agnes@council.example", "Agnes Testadmin", [Role.ADMIN], "test")
    assert len(gw.store.look(people.list_people)) == 1
