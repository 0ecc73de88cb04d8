"""Half an hour without use: a person is warned, may stay, and loses nothing of what they typed, with and without
JavaScript.
"""

from datetime import timedelta
from pathlib import Path

from playwright.async_api import Browser, expect

from gateway.access.sessions import IDLE
from gateway.casework import compose
from gateway.context import Gateway
from gateway.core.permissions import Role
from tests.consoles import PASSWORD, Desk, assert_accessible, chromium, desk, sign_in_name, two_houses

OLIVE = sign_in_name(Role.CME_OFFICER)
# Milliseconds: four minutes are left.
SOON = 26 * 60 * 1000


class Hours:
    """The gateway's clock, which the test puts forward."""

    def __init__(self, gw: Gateway) -> None:
        """As late as it is."""
        self._real, self._by = gw.now, timedelta()
        gw.now = lambda: self._real() + self._by

    def forward(self, by: timedelta) -> None:
        """It is later."""
        self._by += by


async def writing(browser: Browser, gw: Gateway, **options: object) -> tuple[Desk, str]:
    """Olive at a page that asks for names, of a notice that she began."""
    address = f"/compositions/{compose.begin_composition(gw, 'TransferNotice', OLIVE)}/names"
    olive = await desk(browser, gw, Role.CME_OFFICER, **options)
    if options.get("java_script_enabled", True):
        await olive.page.clock.install()
    await olive.open(address)
    return olive, address


async def sign_in(olive: Desk) -> None:
    await olive.page.get_by_label("Email address or username").fill(OLIVE)
    await olive.page.get_by_label("Password", exact=True).fill(PASSWORD)
    await olive.page.get_by_role("button", name="Sign in").click()


async def test_who_does_nothing_is_warned_and_may_stay(tmp_path: Path) -> None:
    async with two_houses(tmp_path) as (_, gw), chromium() as browser:
        hours = Hours(gw)
        olive, _ = await writing(browser, gw, viewport={"width": 320, "height": 700})
        warning = olive.page.get_by_role("region", name="Time limit")
        await expect(warning).to_be_hidden()
        hours.forward(timedelta(milliseconds=SOON))
        await olive.page.clock.fast_forward(SOON)
        await expect(warning).to_contain_text("You'll be signed out at")
        await assert_accessible(olive)
        await warning.get_by_role("button", name="Stay signed in").click()
        await expect(warning).to_be_hidden()
        hours.forward(timedelta(milliseconds=SOON))
        await olive.page.locator("#surname").fill("Testchild-Example")
        await olive.page.get_by_role("button", name="Continue").click()
        await expect(olive.page).not_to_have_url(f"{gw.config.console_url}/sign-in?ended")


async def test_what_was_typed_when_the_session_ended_is_sent_after_signing_in_in_another_window(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (_, gw), chromium() as browser:
        hours = Hours(gw)
        olive, address = await writing(browser, gw)
        await olive.page.locator("#surname").fill("Testchild-Example")
        hours.forward(IDLE + timedelta(minutes=1))
        await olive.page.clock.fast_forward(31 * 60 * 1000)
        warning = olive.page.get_by_role("region", name="Time limit")
        await expect(warning).to_contain_text("You've been signed out. Your answers are still on this page")
        async with olive.page.context.expect_page() as opened:
            await warning.get_by_role("link", name="Sign in again").click()
        again = Desk(gw, await opened.value, [])
        await sign_in(again)
        await again.page.get_by_role("heading", name="Inbox").wait_for()
        await olive.page.evaluate("window.dispatchEvent(new Event('focus'))")
        await expect(warning).to_be_hidden()
        await olive.page.get_by_role("button", name="Continue").click()
        await expect(olive.page).not_to_have_url(f"{gw.config.console_url}{address}")
        assert (
            compose.open_composition(gw, address.split("/")[2], OLIVE).body["child"]["surname"] == "Testchild-Example"
        )


async def test_without_javascript_the_page_says_how_long_one_has_and_signing_in_leads_back_to_it(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (_, gw), chromium() as browser:
        hours = Hours(gw)
        olive, address = await writing(browser, gw, java_script_enabled=False)
        await expect(olive.page.get_by_text("You'll be signed out after 30 minutes without activity.")).to_be_visible()
        await olive.page.locator("#surname").fill("Testchild-Example")
        hours.forward(IDLE + timedelta(minutes=1))
        await olive.page.get_by_role("button", name="Continue").click()
        await expect(olive.page.get_by_text("after 30 minutes without activity")).to_be_visible()
        await sign_in(olive)
        await expect(olive.page).to_have_url(f"{gw.config.console_url}{address}")
