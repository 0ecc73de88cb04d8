"""People sign in with the council's directory: a real, certified provider, in a real browser, with the console's own
policy.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from gateway import home_folder
from gateway.app import run_gateway
from gateway.context import Gateway
from gateway.store import audit_log
from tests import identity_provider
from tests.conftest import free_port
from tests.consoles import assert_accessible, chromium, desk
from tests.identity_provider import SECRET, Made

ACCOUNTS: dict[str, dict[str, object]] = {
    "ottoline": {"name": "Ottoline Testperson", "email": "ottoline@sandwell.example", "roles": ["CmeOfficer"]},
    "nobody": {"name": "Norma Testperson", "email": "norma@sandwell.example", "roles": ["SomethingElse"]},
}
SETTINGS = """
[sign_in]
issuer = "{issuer}"
client_id = "gateway"
client_secret_file = "client_secret"
whom_to_ask = "the ICT desk, 01632 960199"

[sign_in.roles]
CmeOfficer = "cme_officer"
"""


@pytest.fixture
async def sandwell(tmp_path: Path, pytestconfig: pytest.Config) -> AsyncIterator[tuple[Gateway, Browser]]:
    """A gateway whose people the provider knows, and a browser."""
    home, console, port = tmp_path / "333", free_port(), free_port()
    home_folder.create_gateway(
        home,
        home_folder.NewGateway(
            code="333", name="Sandwell", port=free_port(), telephone="01632 960101", console_port=console
        ),
    )
    made = Made(ACCOUNTS, {"gateway": "RS256"}, answer=f"http://127.0.0.1:{console}/sign-in/answer")
    with identity_provider.running(made, port, pytestconfig.cache.mkdir("openid")) as issuer:
        with (home / "gateway.toml").open("a") as settings:
            settings.write(SETTINGS.format(issuer=issuer))
        (home / "client_secret").write_text(SECRET)
        gw = home_folder.open_gateway(home)
        async with run_gateway(gw), chromium() as browser:
            yield gw, browser
        gw.store.close()


async def sign_in(page: Page, who: str) -> None:
    """Through the provider's own pages."""
    await page.get_by_role("button", name="Sign in with your council account").click()
    await page.locator("input[name=login]").fill(who)
    await page.locator("input[name=password]").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()


@pytest.mark.timeout(180)
async def test_an_officer_comes_in_through_the_directory_and_goes_out_again(
    sandwell: tuple[Gateway, Browser],
) -> None:
    gw, browser = sandwell
    visitor = await desk(browser, gw, None)
    await visitor.open("/sign-in")
    await assert_accessible(visitor)
    await sign_in(visitor.page, "ottoline")
    await visitor.page.get_by_role("heading", name="Inbox").wait_for()
    assert await visitor.page.get_by_role("link", name="Ottoline Testperson").is_visible()
    # What the directory said counts once.
    await visitor.page.go_back()
    await visitor.open("/account")
    assert await visitor.page.get_by_text("ottoline@sandwell.example").is_visible()
    # The directory's own.
    assert await visitor.page.get_by_text("Authenticator app").count() == 0
    await visitor.page.get_by_role("button", name="Sign out", exact=True).click()
    await visitor.page.get_by_role("heading", name="You have signed out").wait_for()


@pytest.mark.timeout(180)
async def test_who_has_no_role_is_told_whom_to_ask_and_that_they_came_is_in_the_log(
    sandwell: tuple[Gateway, Browser],
) -> None:
    gw, browser = sandwell
    visitor = await desk(browser, gw, None)
    await visitor.open("/sign-in")
    await sign_in(visitor.page, "nobody")
    await visitor.page.get_by_text("the ICT desk, 01632 960199").first.wait_for()
    await visitor.open("/inbox")
    await visitor.page.get_by_role("heading", name="Sign in", exact=True).wait_for()
    refused = await gw.store.read(lambda tx: audit_log.list_newest_entries(tx, act="person.refused"))
    assert len(refused) == 1
    assert "sign-in.no-role" in refused[0].entry
    assert "Norma" not in refused[0].entry
