"""Whoever must sign in comes back to the page where they were, and nowhere else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.access.sessions import IDLE
from gateway.console import return_to
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY, SESSION_COOKIE
from gateway.core.permissions import Role
from tests.consoles import PASSWORD, house, session, sign_in_name

Client = TestClient[web.Request, web.Application]
CASE = "/cases/01a21063-f728-7112-95ad-8ffd1159e000"
TYPED = {"name": sign_in_name(Role.CME_OFFICER), "password": PASSWORD}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Worcestershire's console."""
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))
    made = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


async def signed_in_from(client: Client, cookies: dict[str, str]) -> str:
    """Where somebody is sent who signs in with these cookies in the browser."""
    answer = await client.post("/sign-in", data=TYPED, cookies=cookies, allow_redirects=False)
    assert answer.status == 303
    return answer.headers["Location"]


async def way(client: Client, method: str, path: str, cookies: dict[str, str] | None = None) -> dict[str, str]:
    """What the browser keeps when somebody who must sign in asks for this."""
    data: dict[str, str] | None = {} if method == "POST" else None
    base = str(client.make_url("/")).rstrip("/")
    url = URL(f"{base}{path}", encoded=True)
    answer = await client.session.request(method, url, data=data, cookies=cookies, allow_redirects=False)
    assert answer.headers["Location"].startswith("/sign-in")
    kept = answer.cookies.get(return_to.COOKIE)
    return {return_to.COOKIE: kept.value} if kept else {}


@pytest.mark.parametrize("path", [CASE, "/inbox?all", "/audit?person=olive@council.example&kind=log"])
async def test_who_opens_a_page_and_must_sign_in_comes_back_to_it(client: Client, path: str) -> None:
    assert await signed_in_from(client, await way(client, "GET", path)) == path


async def test_a_form_that_came_too_late_leads_back_to_its_page_and_one_without_a_page_to_the_first(
    client: Client,
) -> None:
    gw = client.app[GATEWAY]
    cookies, _ = session(gw, Role.CME_OFFICER)
    then = gw.now()
    gw.now = lambda: then + IDLE
    page = f"{CASE}/notices/{CASE[-36:]}/accept"
    assert await signed_in_from(client, await way(client, "POST", page, cookies)) == page
    assert await way(client, "POST", f"{CASE}/assign", cookies) == {}
    assert await way(client, "POST", "/sign-out", cookies) == {}
    assert await way(client, "GET", "/session", cookies) == {}
    assert await way(client, "GET", "/", cookies) == {}


async def test_the_way_back_is_kept_where_no_script_and_no_other_site_reaches_it_and_counts_once(
    client: Client,
) -> None:
    answer = await client.get(CASE, allow_redirects=False)
    kept = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= {part.strip() for part in kept.split(";")}
    signed_in = await client.post("/sign-in", data=TYPED, cookies={return_to.COOKIE: CASE}, allow_redirects=False)
    assert signed_in.cookies[return_to.COOKIE]["max-age"] == "0"
    assert signed_in.cookies[SESSION_COOKIE].value


@pytest.mark.parametrize(
    "forged",
    [
        "//elsewhere.example",
        "/\\elsewhere.example",
        "https://elsewhere.example",
        "elsewhere.example",
        "/%0d%0aSet-Cookie:x",
        "javascript:alert(1)",
        "/" + "x" * return_to.MAX_LENGTH,
        "/sign-out",
        "",
    ],
)
async def test_a_way_back_that_is_no_path_of_ours_leads_to_the_first_page(client: Client, forged: str) -> None:
    assert await signed_in_from(client, {return_to.COOKIE: forged}) == "/"


@given(st.text(max_size=40))
def test_nothing_that_a_browser_may_hold_leads_to_another_host(wanted: str) -> None:
    if return_to._is_place(wanted):
        assert URL("http://here.example/").join(URL(wanted, encoded=True)).host == "here.example"
        assert wanted.isprintable()


async def test_to_ask_how_a_session_stands_tells_a_stranger_nothing(client: Client) -> None:
    cookies, token = session(client.app[GATEWAY], Role.CME_OFFICER)
    answer = await client.get("/session", cookies=cookies)
    assert await answer.json() == {"person": sign_in_name(Role.CME_OFFICER), "form_token": token}
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    stranger = await client.get("/session", allow_redirects=False)
    assert (stranger.status, token in await stranger.text()) == (303, False)
