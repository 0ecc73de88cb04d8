"""An admin lets a case system in, gives it an address and ends it; an operator has what was held up told again.

In a real browser.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from playwright.async_api import Page, expect

from gateway.app import run_gateway
from gateway.case_systems import clients, webhooks
from gateway.context import Gateway
from gateway.core.permissions import Role, Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log
from gateway.store import webhooks as kept
from gateway.store.clients import find_client
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import assert_accessible, chromium, desk, house, sign_in_name

HOOK = "https://cases.example/hook"
HOSTILE = "<script>alert(1)</script><b onclick=alert(2)>"
NARROW = {"width": 320, "height": 800}
AGNES = sign_in_name(Role.ADMIN)


@asynccontextmanager
async def sandwell(folder: Path, before: Callable[[Gateway], None] = lambda gw: None) -> AsyncIterator[Gateway]:
    """A gateway that may tell a host which is not there; what happened before it runs."""
    gw = house(folder / "333", "333", "Sandwell", (Role.ADMIN, Role.OPERATOR))
    gw.config = replace(gw.config, api=replace(gw.config.api, webhook_hosts="cases.example"))
    before(gw)
    async with run_gateway(gw):
        yield gw
    gw.store.close()


async def picture(page: Page, name: str) -> None:
    """For whoever wants to look: `PICTURES=folder pytest ...`."""
    if folder := os.environ.get("PICTURES"):
        for width in (1200, 320):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


def acts(gw: Gateway) -> list[tuple[str, str]]:
    found = gw.store.look(
        lambda tx: [one for act in ("client.", "webhook.") for one in audit_log.list_newest_entries(tx, act=act)]
    )
    return [(one.act, one.actor) for one in sorted(found, key=lambda one: one.number) if one.act != "client.let-in"]


async def test_an_admin_adds_a_case_system_gives_it_an_address_and_ends_it(tmp_path: Path) -> None:
    async with sandwell(tmp_path) as gw, chromium() as browser:
        agnes = await desk(browser, gw, Role.ADMIN, viewport=NARROW)
        page, look = agnes.page, partial(assert_accessible, agnes)
        await agnes.open("/case-systems")
        await expect(page.get_by_text("There are no connected systems.")).to_be_visible()
        await look()
        await page.get_by_role("button", name="Add a connected system").click()
        await page.get_by_label("Name").fill(HOSTILE)
        await page.get_by_role("button", name="show secret").click()
        await expect(page.get_by_role("alert")).to_contain_text("between 3 and 40 lower case letters")
        await look()
        await page.get_by_label("Client ID", exact=True).fill("one-sandwell")
        await page.get_by_role("button", name="show secret").click()
        await expect(page.get_by_role("alert")).to_contain_text("It needs at least one permission.")
        await picture(page, "add")
        await page.get_by_label("View the status of notices").check()
        await page.get_by_label("Receive notifications").check()
        await page.get_by_role("button", name="show secret").click()
        await expect(page.get_by_text("You will not see this secret again")).to_be_visible()
        await look()
        await picture(page, "secret")
        secret = await page.locator("dd").nth(1).inner_text()
        assert clients.issue_client_token(gw, "one-sandwell", secret, ())[1] == (Scope.STATUS_READ, Scope.WEBHOOKS)

        await page.get_by_role("link", name="View this system").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
        assert secret not in await page.content()
        await page.get_by_role("button", name="Add a notification address").click()
        await page.get_by_label("Address").fill("http://127.0.0.1/hook")
        await page.get_by_label("Message received").check()
        await page.get_by_role("button", name="show secret").click()
        await expect(page.get_by_role("alert")).to_contain_text("must be an https address on a host that is allowed")
        await look()
        await page.get_by_label("Address").fill(HOOK)
        await page.get_by_role("button", name="show secret").click()
        await expect(page.get_by_role("heading", name="Notifications set up")).to_be_visible()
        await look()
        await page.get_by_role("link", name="View this system").click()
        await expect(page.get_by_role("heading", name=HOOK)).to_be_visible()
        await look()
        await picture(page, "one")

        await page.get_by_role("button", name="Replace secret").click()
        await look()
        await page.get_by_role("button", name="Replace secret").click()
        newer = await page.locator("dd").nth(1).inner_text()
        assert newer != secret
        await page.get_by_role("link", name="View this system").click()
        await page.get_by_role("button", name="Stop notifications").click()
        await look()
        await page.get_by_role("button", name="Stop notifications").click()
        await expect(page.get_by_text("None set up.")).to_be_visible()
        await page.get_by_role("button", name="Remove this system").click()
        await picture(page, "end")
        await page.get_by_role("button", name="Remove system").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Removed")
        assert await page.get_by_role("button", name="Replace secret").count() == 0
        await agnes.open("/case-systems")
        await look()
        assert acts(gw) == [
            (act, AGNES)
            for act in ("client.added", "webhook.added", "client.new-secret", "webhook.removed", "client.ended")
        ]


def given_up(gw: Gateway) -> None:
    """Its case system has not taken what it was told."""
    clients.add_client(gw, "one-sandwell", "ONE", Scope, "agnes")
    hook = webhooks.add_webhook(gw, "one-sandwell", "agnes", HOOK, [WebhookEvent.RECEIVED], also=lambda *_: None)
    gw.store.run(lambda tx: kept.set_webhook_failed(tx, hook, gw.now(), None, "answered 500"))


async def test_the_operator_sees_what_is_held_up_and_has_it_told_again_and_changes_nothing_else(tmp_path: Path) -> None:
    async with sandwell(tmp_path, given_up) as gw, chromium() as browser:
        there = make(tmp_path / "885", "885", "Worcestershire")
        introduce(gw, there)
        for _ in range(2):
            await receive_parcels(
                gw, [one.sealed for one in prepare_messages(there, [notice("885", "333")], "test")], "885"
            )
        there.store.close()
        oscar = await desk(browser, gw, Role.OPERATOR, viewport=NARROW)
        page = oscar.page
        await oscar.open("/case-systems")
        await expect(page.locator("tbody")).to_contain_text("Stopped")
        await assert_accessible(oscar)
        await picture(page, "list")
        await page.get_by_role("link", name="ONE", exact=True).click()
        await expect(page.get_by_text("(answered 500)")).to_be_visible()
        await expect(page.get_by_text("2 notifications")).to_be_visible()
        await assert_accessible(oscar)
        await picture(page, "held-up")
        assert await page.get_by_role("button").all_inner_texts() == ["Sign out", "Menu", "Retry now"]
        await page.get_by_role("button", name="Retry now").click()
        await expect(page.get_by_text("Stopped")).to_have_count(0)
        assert acts(gw)[-1] == ("webhook.resumed", sign_in_name(Role.OPERATOR))
        client = gw.store.look(lambda tx: find_client(tx, "one-sandwell"))
        assert client is not None
        assert client.active
