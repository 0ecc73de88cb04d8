"""What must not get through the console's endpoints: forged sessions, strange origins, tricks with paths, too much of
everything.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.access import people
from gateway.access.sessions import IDLE
from gateway.console import forms
from gateway.console.application import HEADERS, MAX_FORM_BYTES, TEMPLATE_SCRIPT, build_application
from gateway.console.console_request import GATEWAY, SESSION_COOKIE
from gateway.console.forms import Question
from gateway.core.permissions import Role
from gateway.store import people as store
from tests.consoles import house, session, sign_in_name
from tests.world import MONDAY

Client = TestClient[web.Request, web.Application]
ROLES = (Role.ADMIN, Role.CME_OFFICER)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Worcestershire's console."""
    gw = house(tmp_path / "885", "885", "Worcestershire", ROLES)
    made = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


async def test_every_answer_carries_what_keeps_it_safe_and_is_kept_by_nobody(client: Client) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.ADMIN)
    for address in ("/sign-in", "/people", "/no-such-page", "/cases/x", "/static/console.css"):
        answer = await client.get(address, cookies=cookies)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, address
        kept = "max-age=3600" if address.startswith("/static") else "no-store"
        assert answer.headers["Cache-Control"] == kept


async def test_pages_hold_no_script_and_no_style_but_the_one_line_whose_hash_is_allowed(client: Client) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.ADMIN)
    for address in ("/sign-in", "/people", "/people/add", "/account", "/account/code"):
        text = await (await client.get(address, cookies=cookies)).text()
        inline = [script for script in re.findall(r"<script(?:\s[^>]*)?>(.*?)</script>", text, re.DOTALL) if script]
        assert [f"sha256-{b64encode(sha256(one.encode()).digest()).decode()}" for one in inline] == [TEMPLATE_SCRIPT]
        assert not re.search(r"<style|\sstyle=|\son\w+=", text), address
        assert set(re.findall(r'(?:src|href)="((?:https?:)?//[^"]*)"', text)) == set()


async def test_the_session_cookie_is_seen_by_no_script_and_sent_by_no_other_site(client: Client) -> None:
    password = people.add_account(client.app[GATEWAY], "ash@council.example", "Ash Example", [Role.ADMIN], "test")
    typed = {"name": "ash@council.example", "password": password}
    answer = await client.post("/sign-in", data=typed, allow_redirects=False)
    said = answer.headers["Set-Cookie"]
    assert said.startswith(f"{SESSION_COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= {part.strip() for part in said.split(";")}
    assert "Domain" not in said


@pytest.mark.parametrize("forged", ["", "x", "0" * 43, "../../etc/passwd", "' OR 1=1 --", "a" * 4000])
async def test_a_forged_session_is_nobody(client: Client, forged: str) -> None:
    answer = await client.get("/people", cookies={SESSION_COOKIE: forged}, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/sign-in")


async def test_a_session_that_has_ended_says_so_and_shows_nothing(client: Client) -> None:
    gw = client.app[GATEWAY]
    cookies, _ = session(gw, Role.ADMIN)
    then = gw.now()
    gw.now = lambda: then + IDLE
    answer = await client.get("/people", cookies=cookies)
    text = await answer.text()
    assert "You were signed out after 30 minutes without activity." in text
    assert sign_in_name(Role.CME_OFFICER) not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_that_comes_from_elsewhere_does_nothing_though_its_token_is_right(
    client: Client, headers: dict[str, str]
) -> None:
    gw = client.app[GATEWAY]
    cookies, token = session(gw, Role.ADMIN)
    address = f"/people/{sign_in_name(Role.CME_OFFICER)}/end"
    answer = await client.post(address, data={"form_token": token}, cookies=cookies, headers=headers)
    assert answer.status == 403
    assert gw.store.look(lambda tx: store.get_person(tx, sign_in_name(Role.CME_OFFICER))).active


async def test_the_token_of_another_session_is_none_of_this_one(client: Client) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.ADMIN)
    _, others = session(client.app[GATEWAY], Role.ADMIN)
    address = f"/people/{sign_in_name(Role.CME_OFFICER)}/end"
    assert (await client.post(address, data={"form_token": others}, cookies=cookies)).status == 403


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", "localhost:1", "127.0.0.1.elsewhere.example", ""])
async def test_another_host_than_ours_is_not_answered(client: Client, host: str) -> None:
    answer = await client.get("/sign-in", headers={"Host": host})
    assert answer.status in (400, 421)
    assert "password" not in await answer.text()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/static/..%2f..%2fgateway.toml",
        "/static/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/cases/..%2fpeople",
        "/people/%00",
        "/cases/" + "0" * 36 + "/notices/" + "0" * 36 + "/accept",
        "/audit/export/../../x",
    ],
)
async def test_a_trick_with_a_path_leads_nowhere(client: Client, path: str) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.CME_OFFICER)
    base = str(client.make_url("/")).rstrip("/")
    answer = await client.session.get(URL(f"{base}{path}", encoded=True), cookies=cookies, allow_redirects=False)
    assert answer.status in (303, 403, 404), answer.status
    assert not re.match("(https?:)?//", answer.headers.get("Location", "/"))
    assert "import" not in await answer.text()


@pytest.mark.parametrize("address", ["/inbox?all&after=", "/inbox?all&before=", "/sent?after=", "/sent?before="])
@pytest.mark.parametrize("said", ["x", "' OR 1=1", "0" * 36, "%00", "é"])
async def test_a_place_in_a_list_that_is_none_is_told_so(client: Client, address: str, said: str) -> None:
    cookies, _ = session(client.app[GATEWAY], Role.CME_OFFICER)
    assert (await client.get(f"{address}{said}", cookies=cookies)).status == 404


async def test_a_form_that_is_too_large_or_of_another_kind_is_refused_with_a_sentence(client: Client) -> None:
    large = await client.post("/sign-in", data={"name": "x" * MAX_FORM_BYTES, "password": "x"})
    assert large.status == 413
    assert "Your text or file is too large" in await large.text()
    with_a_file = FormData()
    with_a_file.add_field("name", b"x", filename="x.txt")
    assert (await client.post("/sign-in", data=with_a_file)).status == 415
    assert (await client.post("/sign-in", json={"name": "x"})).status == 415


async def test_a_password_of_any_length_and_letters_is_only_wrong(client: Client) -> None:
    for password in (
        "",
        "x" * 5000,
        "\x00",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "é" * 300,
    ):
        answer = await client.post("/sign-in", data={"name": sign_in_name(Role.ADMIN), "password": password})
        assert answer.status == 422


ASKED = (
    Question("line", "A line?"),
    Question("on", "A day?", "day"),
    Question("time", "A time?", "time"),
    Question("note", "A note?", "note", optional=True),
    Question("way", "A way?", "radios", options=lambda: (("one", "One"), ("two", "Two"))),
)
FIELDS = ("line", "on-day", "on-month", "on-year", "time", "note", "way", "another")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=300)))
def test_whatever_is_typed_into_a_form_is_read_or_gets_a_sentence(typed: dict[str, str]) -> None:
    answers = forms.read_answers(ASKED, typed, MONDAY.date())
    assert set(answers.values) | set(answers.wrong) == {question.name for question in ASKED}
    assert not set(answers.values) & set(answers.wrong)
    assert all(sentence for sentence in answers.wrong.values())
    if not answers.wrong:
        assert forms.build_moment(answers.get_day("on"), answers.get_text("time")).tzinfo is not None
