"""An administrator in a real browser adds a partner from a file, without JavaScript; and makes backup codes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from gateway import home_folder
from gateway.app import run_gateway
from gateway.authorities import partners
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.store import people
from keys import card
from tests.conftest import make
from tests.consoles import assert_accessible, chromium, desk, house, sign_in_name

There = tuple[Gateway, Gateway, Browser]
NARROW = {"width": 320, "height": 700}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    """Sandwell, and Worcestershire, which would become its partner; and a browser."""
    gw, other = (
        house(tmp_path / "333", "333", "Sandwell", [Role.ADMIN]),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    async with run_gateway(gw), chromium() as browser:
        yield gw, other, browser
    for one in (gw, other):
        one.store.close()


async def choose_card(page: Page, other: Gateway) -> None:
    """Choose the file of its card, and go on."""
    await page.get_by_label("Card file").set_input_files(other.config.home / home_folder.CARD_FILE)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="Check the card of Worcestershire (885)").wait_for()


async def test_a_partner_is_added_without_javascript(there: There) -> None:
    gw, other, browser = there
    agnes = await desk(browser, gw, Role.ADMIN, java_script_enabled=False)
    page = agnes.page
    await agnes.open("/partners")
    await page.get_by_role("button", name="Add a partner or a newer card").click()
    await choose_card(page, other)
    await page.get_by_role("button", name="Add card").click()
    await page.get_by_role("heading", name="There is a problem").wait_for()
    assert partners.list_known_partners(gw) == []
    await page.get_by_label("Fingerprint that they read out").fill(card.compute_fingerprint(other.own_card))
    await page.get_by_role("button", name="Add card").click()
    await page.get_by_text("The card of Worcestershire is confirmed.").wait_for()
    assert [partner.card.authority for partner in partners.list_known_partners(gw)] == ["885"]


async def test_the_pages_that_are_seen_only_on_the_way_are_accessible(there: There) -> None:
    gw, other, browser = there
    agnes = await desk(browser, gw, Role.ADMIN, viewport=NARROW)
    page = agnes.page
    await agnes.open("/partners/add")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("heading", name="There is a problem").wait_for()
    await assert_accessible(agnes)
    await choose_card(page, other)
    await assert_accessible(agnes)
    await page.get_by_role("button", name="Add card").click()
    await page.get_by_role("heading", name="There is a problem").wait_for()
    await assert_accessible(agnes)

    with_app = replace(gw.store.look(lambda tx: people.get_person(tx, sign_in_name(Role.ADMIN))), code_secret=b"any")
    gw.store.run(lambda tx: people.update_person(tx, with_app))
    await agnes.open("/account")
    await page.get_by_role("link", name="Get new backup codes").click()
    await assert_accessible(agnes)
    await page.get_by_role("button", name="Get new codes").click()
    await page.get_by_role("heading", name="Your backup codes").wait_for()
    assert await page.locator("li.code").count() == 10
    await assert_accessible(agnes)
