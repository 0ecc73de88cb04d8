"""What must not get through the pages of case systems: too much of everything, the same twice, a page that is no more
true.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.case_systems import clients, overview, webhooks
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY
from gateway.context import Gateway
from gateway.core.permissions import Role, Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.errors import NotAllowed
from gateway.store import audit_log
from gateway.store import clients as kept
from gateway.store import webhooks as hooks
from tests.conftest import introduce, make
from tests.consoles import house, session
from tests.flows.test_webhooks import came

Client = TestClient[web.Request, web.Application]
GOOD = [("id", "one-test"), ("called", "ONE"), ("scopes", "status:read"), ("scopes", "webhooks")]
HOOK = "https://cases.example/hook"


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Client]:
    """Worcestershire's console, which may tell one host."""
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.ADMIN, Role.OPERATOR))
    gw.config = replace(gw.config, api=replace(gw.config.api, webhook_hosts="cases.example 127.0.0.1:8443"))
    made = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


async def post(console: Client, path: str, typed: list[tuple[str, str]]) -> tuple[int, str]:
    cookies, token = session(console.app[GATEWAY], Role.ADMIN)
    answer = await console.post(path, data=[("form_token", token), *typed], cookies=cookies, allow_redirects=False)
    return answer.status, await answer.text()


def acts(gw: Gateway) -> list[str]:
    found = gw.store.look(
        lambda tx: [one for act in ("client.", "webhook.") for one in audit_log.list_newest_entries(tx, act=act)]
    )
    return [one.act for one in sorted(found, key=lambda one: one.number)]


async def test_a_form_that_is_sent_twice_lets_in_one_case_system_and_the_second_shows_no_secret(
    console: Client,
) -> None:
    first, second = [await post(console, "/add-case-system", GOOD) for _ in range(2)]
    assert (first[0], "You will not see this secret again" in first[1]) == (200, True)
    assert (second[0], "You will not see this secret again" in second[1]) == (422, False)
    assert "There is, or was, one with the client ID one-test." in second[1]
    assert acts(console.app[GATEWAY]) == ["client.added"]


@pytest.mark.parametrize(
    "typed",
    [
        [("id", "o" * 41)],
        [("id", "../people")],
        [("id", "one-test"), ("called", "O" * 81)],
        [("id", "one-test"), ("called", "O\x00NE")],
        [("id", "one-test"), ("called", "ONE")],
        [("id", "one-test"), ("called", "ONE"), ("scopes", "admin")],
    ],
)
async def test_what_is_not_as_it_must_be_lets_nobody_in(console: Client, typed: list[tuple[str, str]]) -> None:
    status, text = await post(console, "/add-case-system", typed)
    assert (status, "There is a problem" in text, acts(console.app[GATEWAY])) == (422, True, [])


async def test_a_form_of_more_than_64_kib_is_refused(console: Client) -> None:
    assert (await post(console, "/add-case-system", [("id", "o" * 70_000)]))[0] == 413


async def test_a_secret_is_on_one_page_and_nobody_keeps_that_page(console: Client) -> None:
    cookies, token = session(console.app[GATEWAY], Role.ADMIN)
    answer = await console.post("/add-case-system", data=[("form_token", token), *GOOD], cookies=cookies)
    secret = (await answer.text()).partition("Client secret</dt>")[2].partition('code">')[2].partition("<")[0]
    assert len(secret) > 20
    assert answer.headers["Cache-Control"] == "no-store"
    for address in ("/case-systems", "/case-systems/one-test", "/case-systems/one-test/secret"):
        assert secret not in await (await console.get(address, cookies=cookies)).text()


@pytest.mark.parametrize(
    "url",
    ["http://cases.example/hook", "https://other.example/hook", "https://127.0.0.1/hook", "https://[::1]/", "https://a@cases.example/", "javascript:alert(1)", HOOK + "/" + "x" * 500, ""],
)  # fmt: skip
async def test_an_address_that_is_not_https_or_not_listed_is_told_nothing(console: Client, url: str) -> None:
    await post(console, "/add-case-system", GOOD)
    status, text = await post(console, "/case-systems/one-test/tell", [("url", url), ("events", WebhookEvent.RECEIVED)])
    assert (status, "must be an https address on a host that is allowed" in text) == (422, True)
    assert console.app[GATEWAY].store.look(hooks.list_webhooks) == []


async def test_the_same_address_twice_is_told_once_and_no_event_is_none(console: Client) -> None:
    await post(console, "/add-case-system", GOOD)
    typed = [("url", HOOK), ("events", WebhookEvent.RECEIVED)]
    assert [(await post(console, "/case-systems/one-test/tell", typed))[0] for _ in range(2)] == [200, 422]
    assert (await post(console, "/case-systems/one-test/tell", [("url", HOOK), ("events", "all")]))[0] == 422
    assert len(console.app[GATEWAY].store.look(hooks.list_webhooks)) == 1


async def test_who_was_not_given_the_scope_is_told_nothing(console: Client) -> None:
    clients.add_client(console.app[GATEWAY], "one-test", "ONE", [Scope.STATUS_READ], "agnes")
    status, text = await post(
        console, "/case-systems/one-test/tell", [("url", HOOK), ("events", WebhookEvent.RECEIVED)]
    )
    assert (status, "does not have the permission" in text) == (422, True)


async def test_on_a_page_that_is_no_more_true_nothing_happens_twice(console: Client) -> None:
    gw = console.app[GATEWAY]
    await post(console, "/add-case-system", GOOD)
    await post(console, "/case-systems/one-test/tell", [("url", HOOK), ("events", WebhookEvent.RECEIVED)])
    [hook] = gw.store.look(hooks.list_webhooks)
    assert [(await post(console, f"/case-systems/one-test/{hook.id}/remove", []))[0] for _ in range(2)] == [303, 404]
    assert (await post(console, f"/case-systems/one-test/{hook.id}/resume", []))[0] == 404
    assert [(await post(console, "/case-systems/one-test/end", []))[0] for _ in range(2)] == [303, 303]
    assert (await post(console, "/case-systems/one-test/secret", []))[0] == 409
    assert acts(gw) == ["client.added", "webhook.added", "webhook.removed", "client.ended"]


async def test_with_a_new_secret_the_old_one_counts_no_more(console: Client) -> None:
    gw = console.app[GATEWAY]
    old = clients.add_client(gw, "one-test", "ONE", [Scope.STATUS_READ], "agnes")
    new = clients.renew_secret(gw, "one-test", "agnes")
    assert clients.issue_client_token(gw, "one-test", new, ())
    with pytest.raises(NotAllowed):
        clients.issue_client_token(gw, "one-test", old, ())


async def test_a_page_says_up_to_when_a_webhook_was_told_and_how_much_waits(tmp_path: Path) -> None:
    gw, there = house(tmp_path / "885", "885", "Worcestershire", ()), make(tmp_path / "333", "333", "Sandwell")
    introduce(gw, there)
    gw.config = replace(gw.config, api=replace(gw.config.api, webhook_hosts="cases.example"))
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    made = webhooks.add_webhook(gw, "one-test", "agnes", HOOK, [WebhookEvent.RECEIVED], also=lambda *_: None)
    [told] = overview.get_case_system(gw, "one-test").told
    assert (told.until, told.waiting, told.more) == (None, 0, False)
    await came(gw, there)
    await came(gw, there)
    [told] = overview.get_case_system(gw, "one-test").told
    assert (told.until, told.waiting) == (None, 2)
    size = gw.store.look(lambda tx: audit_log.get_tree_head(tx).size)
    gw.store.run(lambda tx: hooks.set_webhook_told(tx, made, size, gw.now()))
    [told] = overview.get_case_system(gw, "one-test").told
    assert told.until is not None
    assert (told.waiting, told.until >= made.made_at) == (0, True)
    ended = [one.id for one, _ in overview.list_case_systems(gw)]
    assert ended == [one.id for one in gw.store.look(kept.list_clients)]
    for one in (gw, there):
        one.store.close()
