"""What somebody sees when something is refused or goes wrong: what to do next, and, who is signed in, the way on."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text as sql

from gateway import logs
from gateway.access.sessions import compute_secret_digest
from gateway.console.application import MAX_FORM_BYTES, build_application
from gateway.console.console_request import GATEWAY, SESSION_COOKIE
from gateway.core.permissions import Role
from gateway.errors import ConfigProblem, StoreUnavailable
from gateway.store import people as store
from tests.consoles import NAMES, house, session, sign_in_name

Client = TestClient[web.Request, web.Application]
CASE = "0" * 36
# A page marks a session as used once a minute.
LATER = timedelta(minutes=2)
# Of an officer's navigation.
HEAD = 'href="/inbox"'
FAULTS = {
    "/breaks": (ValueError("Ada Testchild-Example"), 500, "Sorry, there is a problem with the service"),
    "/away": (StoreUnavailable("store.unreachable"), 503, "Sorry, the service is unavailable"),
    "/unset": (
        ConfigProblem("config.email"),
        500,
        "there is a problem with the service",
    ),
    "/gives-up": (web.HTTPInternalServerError(), 500, "Sorry, there is a problem with the service"),
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Worcestershire's console, with pages in which something goes wrong."""
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER, Role.OPERATOR))
    app = build_application(gw)
    for path, (why, _, _) in FAULTS.items():
        app.router.add_get(path, _raises(why))
    app.router.add_get("/too-often", _raises(web.HTTPTooManyRequests()))
    made = TestClient(TestServer(app, port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


def _raises(why: Exception) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def page(request: web.Request) -> web.StreamResponse:
        raise why

    return page


REFUSED = [
    ("GET", "/no-such-page", 404, "Page not found"),
    ("GET", "/cases/x", 404, "Page not found"),
    ("DELETE", "/sign-in", 405, "This page cannot be opened directly"),
    ("PUT", "/inbox", 405, "This page cannot be opened directly"),
    ("POST", "/sign-in", 413, "Your text or file is too large"),
    ("GET", "/too-often", 429, "Too many requests"),
    *[("GET", path, status, title) for path, (_, status, title) in FAULTS.items()],
]


@pytest.mark.parametrize(("method", "path", "status", "title"), REFUSED)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_each_page_of_a_problem_says_what_to_do_and_shows_the_way_on_to_who_is_signed_in(
    client: Client, method: str, path: str, status: int, title: str, signed_in: bool
) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.CME_OFFICER) if signed_in else ({}, "")
    data = {"name": "x" * MAX_FORM_BYTES} if status == 413 else None
    answer = await client.request(method, path, data=data, cookies=cookies)
    text = await answer.text()
    assert (answer.status, title in text) == (status, True)
    assert (HEAD in text, NAMES[Role.CME_OFFICER] in text, 'href="/sign-in">Sign in' in text) == (
        signed_in,
        signed_in,
        not signed_in,
    )
    # And the page looks like one of ours.
    assert (await client.get("/static/console.css")).status == 200


async def test_a_wrong_setting_is_told_with_what_to_do_next_for_who_reads_pages(client: Client) -> None:
    text = await (await client.get("/unset")).text()
    assert "This gateway has no email account." in text
    assert "Tell your IT team." in text
    assert "gateway.toml" not in text


async def test_who_lacks_the_role_is_shown_their_own_pages_and_no_other(client: Client) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.OPERATOR)
    answer = await client.get("/inbox", cookies=cookies)
    text = await answer.text()
    assert answer.status == 403
    assert "Your role does not let you do this." in text
    assert ('href="/health"' in text, HEAD in text) == (True, False)


async def test_a_stale_form_and_a_case_that_is_none_are_told_with_the_way_on(client: Client) -> None:
    cookies, token = session(client.app[GATEWAY], Role.CME_OFFICER)
    stale = await client.post("/find", data={"form_token": "of before"}, cookies=cookies)
    none = await client.get(f"/cases/{CASE}", cookies=cookies)
    assert (stale.status, none.status) == (403, 404)
    for answer, said in ((stale, "Open the page again"), (none, "This case was not found.")):
        text = await answer.text()
        assert said in text
        assert HEAD in text
        # Of the button with which they sign out.
        assert token in text


async def test_a_session_that_was_lost_shows_nothing_of_the_person(client: Client) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.CME_OFFICER)
    client.app[GATEWAY].store.run(lambda tx: store.delete_sessions(tx, sign_in_name(Role.CME_OFFICER)))
    text = await (await client.get("/no-such-page", cookies=cookies)).text()
    assert "Page not found" in text
    assert NAMES[Role.CME_OFFICER] not in text


async def test_a_page_of_a_problem_does_not_keep_a_session_alive(client: Client) -> None:
    gw = client.app[GATEWAY]
    cookies, _ = session(gw, Role.CME_OFFICER)
    then = gw.now()
    gw.now = lambda: then + LATER
    await client.get("/no-such-page", cookies=cookies)
    kept = gw.store.look(lambda tx: store.find_session(tx, compute_secret_digest(cookies[SESSION_COOKIE])))
    assert kept is not None
    assert kept.seen_at < then + LATER


@pytest.mark.parametrize("path", list(FAULTS))
async def test_the_reference_on_the_page_stands_in_the_log_and_what_went_wrong_does_not_stand_on_the_page(
    client: Client, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure_logging()
    text = await (await client.get(path)).text()
    found = re.search(r'and quote <strong class="code">([0-9a-f]{8})</strong>', text)
    assert found
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [one["event"] for one in written if one.get("reference") == found[1]] == ["page failed"]
    assert "Testchild" not in text + json.dumps(written)


async def test_where_nobody_can_be_looked_up_the_page_is_that_of_a_stranger(client: Client) -> None:
    gw = client.app[GATEWAY]
    cookies, _ = session(gw, Role.CME_OFFICER)
    gw.store.run(lambda tx: tx.execute(sql("DROP TABLE sessions")))
    answer = await client.get("/no-such-page", cookies=cookies)
    assert answer.status == 404
    assert HEAD not in await answer.text()
