"""Every endpoint of the console, as every role: who comes in is what the one table of permissions says."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.access import people
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY
from gateway.console.endpoints import Endpoint
from gateway.core.permissions import TABLE, Permission, Reach, Role, get_reach
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import NAMES, house, session

Client = TestClient[web.Request, web.Application]
Visited = tuple[Client, dict[str, str]]
OPEN_TO_ALL = {
    "/sign-in",
    "/sign-in/code",
    "/sign-in/password",
    "/sign-in/app",
    "/sign-in/directory",
    "/sign-in/answer",
    "/accessibility",
    "/help",
    "/privacy",
    "/words",
}
# Which are nothing without a first step.
AT_ONCE = {"/sign-in/code", "/sign-in/password", "/sign-in/app"}
NO_ROLE, NOT_ASSIGNED, NOT_OURS = "permission.role", "permission.assigned", "form.not-ours"


@pytest.fixture
async def visited(tmp_path: Path) -> AsyncIterator[tuple[Client, dict[str, str]]]:
    """Worcestershire's console, with one notice of Sandwell's in it; and what stands in addresses."""
    gw, there = house(tmp_path / "885", "885", "Worcestershire"), make(tmp_path / "333", "333", "Sandwell")
    introduce(gw, there)
    people.add_account(gw, "spare@council.example", "Spare Testperson", [Role.OUTREACH], "test")
    sent = notice()
    await receive_parcels(gw, [one.sealed for one in prepare_messages(there, [sent], "test")], "333")
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    head = sent.header
    parts = {
        "case": head.case_id,
        "notice": head.message_id,
        "name": "spare@council.example",
        "number": "0",
        "system": "one-test",
        "webhook": f"wh-{'0' * 24}",
    }
    parts |= {
        "file": "20261123-090000-0000000a",
        "authority": "333",
        "draft": str(UUID(int=1)),
        "composition": str(UUID(int=2)),
    }
    yield client, parts | {"section": "child", "at": "0", "report": "timeliness"}
    await client.close()
    for one in (gw, there):
        one.store.close()


def endpoints(client: Client) -> list[Endpoint]:
    """Every endpoint, as the router has it."""
    found = []
    for route in client.app.router.routes():
        if not route.resource or route.resource.canonical.startswith("/static"):
            continue
        endpoint = getattr(route.handler, "endpoint", None)
        if route.method != "HEAD":
            assert isinstance(endpoint, Endpoint), f"{route.method} {route.resource.canonical} is not behind the guard"
            found.append(endpoint)
    return found


async def answer(
    client: Client, endpoint: Endpoint, parts: dict[str, str], role: Role | None, token: str = ""
) -> tuple[int, str]:
    path = re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", lambda part: parts[part.group(1)], endpoint.path)
    cookies, good = session(client.app[GATEWAY], role) if role else ({}, "")
    data = {"form_token": token or good} if endpoint.method == "POST" else None
    got = await client.request(endpoint.method, path, cookies=cookies, data=data, allow_redirects=False)
    # An archive is no text.
    return got.status, (await got.read()).decode("utf-8", "replace")


@pytest.mark.slow
async def test_every_door_opens_to_those_roles_that_the_table_names_and_to_no_other(visited: Visited) -> None:
    client, parts = visited
    for endpoint in endpoints(client):
        for role in NAMES:
            status, text = await answer(client, endpoint, parts, role)
            allowed = Reach.ALL if endpoint.act is None else get_reach([role], endpoint.act)
            said = f"{role} at {endpoint.method} {endpoint.path}: {status}"
            assert status != 500, said
            assert (NO_ROLE in text) == (allowed is Reach.NONE), said
            assert (NOT_ASSIGNED in text) == (allowed is Reach.ASSIGNED and not endpoint.of_assigned), said


async def test_who_is_not_signed_in_sees_the_sign_in_page_and_nothing_else(visited: Visited) -> None:
    client, parts = visited
    for endpoint in endpoints(client):
        status, _ = await answer(client, endpoint, parts, None)
        assert (status == 303) == (endpoint.act is not None or endpoint.path in AT_ONCE), endpoint.path
    assert {endpoint.path for endpoint in endpoints(client) if endpoint.act is None} == OPEN_TO_ALL


async def test_nothing_is_done_on_a_form_that_does_not_come_from_a_page_of_the_session(visited: Visited) -> None:
    client, parts = visited
    for endpoint in endpoints(client):
        if endpoint.method == "POST" and endpoint.act is not None:
            role = next(one for one in Role if get_reach([one], endpoint.act) is Reach.ALL)
            status, text = await answer(client, endpoint, parts, role, token="of another session")
            assert (status, NOT_OURS in text) == (403, True), endpoint.path


def test_every_act_has_its_roles_in_the_table() -> None:
    assert set(TABLE) == set(Permission)
    assert all(set(roles) <= set(Role) for roles in TABLE.values())


def test_auditors_operators_and_admins_never_read_what_a_notice_says() -> None:
    for role in (Role.AUDITOR, Role.OPERATOR, Role.ADMIN):
        for act in (
            Permission.READ_CHILD,
            Permission.ANSWER,
            Permission.SEND,
            Permission.SEARCH,
            Permission.INSPECT,
            Permission.WRITE_DOWN,
            Permission.SEE_WORK,
        ):
            assert get_reach([role], act) is Reach.NONE
