"""Officers are told before they send, and afterwards, whom the gateway does not reach: with the keyboard alone, and
without JavaScript.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator

from gateway.app import run_gateway
from gateway.casework import compose
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.searches import search
from schemas.message import MessageKind
from schemas.shapes import CaseId
from tests.conftest import introduce, make
from tests.consoles import Desk, chromium, desk, house, sign_in_name
from tests.flows.test_compose import written

There = tuple[Gateway, Browser]
# Of a page with many fields.
MOST_TABS = 200
PROBLEM = "There is a problem"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    """Sandwell, whose only partner is Worcestershire; and a browser."""
    gw = house(tmp_path / "333", "333", "Sandwell", [Role.CME_OFFICER])
    partner = make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, partner)
    partner.store.close()
    async with run_gateway(gw), chromium() as browser:
        yield gw, browser
    gw.store.close()


@dataclass(frozen=True)
class Mouse:
    """An officer with a mouse, whose browser runs no script."""

    officer: Desk

    async def press(self, thing: Locator) -> None:
        """Press a button, follow a link, tick a box or choose one of several."""
        await thing.click()

    async def write(self, field: Locator, text: str) -> None:
        """Write into a field, in place of what stood there."""
        await field.fill(text)


class Keyboard(Mouse):
    """An officer who uses the keyboard alone."""

    async def press(self, thing: Locator) -> None:
        """Reach it by the tabulator, and by an arrow within a group of radio buttons."""
        kind = await thing.get_attribute("type")
        if kind == "radio":
            await self._reach(thing.page.locator(f'input[name="{await thing.get_attribute("name")}"]').first)
            for _ in range(20):
                if await thing.evaluate("it => it === document.activeElement"):
                    break
                await thing.page.keyboard.press("ArrowDown")
        else:
            await self._reach(thing)
        await thing.page.keyboard.press("Space" if kind in ("radio", "checkbox") else "Enter")

    async def write(self, field: Locator, text: str) -> None:
        """Type into a field, in place of what stood there."""
        await self._reach(field)
        await field.page.keyboard.press("Control+A")
        await field.page.keyboard.type(text)

    async def _reach(self, thing: Locator) -> None:
        for _ in range(MOST_TABS):
            if await thing.evaluate("it => it === document.activeElement"):
                return
            await thing.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {thing}")


WAYS = pytest.mark.parametrize("way", [Keyboard, Mouse])


async def begin(there: There, way: type[Mouse], kind: MessageKind, to: dict[str, object]) -> tuple[Mouse, str]:
    """An officer who begins a notice, and where it lies."""
    gw, browser = there
    officer = await desk(browser, gw, Role.CME_OFFICER, java_script_enabled=way is Keyboard)
    return way(officer), f"/compositions/{written(gw, kind, to)}"


async def see(officer: Desk, text: str) -> None:
    """Wait until this is shown. Fails where it is not."""
    await officer.page.get_by_text(text).first.wait_for()


@WAYS
async def test_who_cannot_be_reached_is_refused_where_it_is_chosen_and_another_is_taken(
    there: There, way: type[Mouse]
) -> None:
    hands, place = await begin(there, way, "TransferNotice", {"to": "332"})
    officer, page = hands.officer, hands.officer.page
    await officer.open(f"{place}/whom")
    authority, go_on = page.get_by_label("Authority", exact=True), page.get_by_role("button", name="Continue")
    await hands.write(authority, "leeds")
    await hands.press(go_on)
    await page.get_by_role("heading", name=PROBLEM).wait_for()
    refusal = page.get_by_role("link", name="Leeds (383) cannot be reached")
    # From the fault one comes to the field.
    await hands.press(refusal)
    assert await authority.evaluate("it => it === document.activeElement")
    await hands.write(authority, "worc")
    await hands.press(go_on)
    await page.get_by_role("heading", name=PROBLEM).wait_for()
    await hands.press(page.get_by_label("Worcestershire (885)"))
    await hands.press(go_on)
    await page.wait_for_url(f"**{place}")
    now = compose.open_composition(there[0], place.rsplit("/", 1)[1], "olive")
    assert now.to["to"] == "885"


@WAYS
async def test_who_is_not_asked_is_named_before_a_search_is_sent_and_kept_as_a_list_to_call(
    there: There, way: type[Mouse]
) -> None:
    gw, _ = there
    hands, place = await begin(there, way, "WhereaboutsEnquiry", {"to": ["885"]})
    officer, page = hands.officer, hands.officer.page
    await officer.open(f"{place}/whom")
    await hands.press(page.get_by_label("West Midlands: 1 of 13 can be reached"))
    await hands.press(page.get_by_role("button", name="Continue"))
    await page.wait_for_url(f"**{place}")

    await officer.open(f"{place}/check")
    await see(officer, "12 of these cannot be reached and will not be asked")
    await see(officer, "Birmingham (330)")
    await hands.press(page.get_by_role("button", name="Send notice"))
    await page.get_by_role("heading", name="Notice submitted").wait_for()

    await hands.press(page.get_by_role("link", name="View case"))
    await see(officer, "12 authorities were not asked: call them")
    case = CaseId(page.url.split("/cases/")[1].split("?")[0])
    await hands.press(page.get_by_role("link", name="View the list to call"))
    await hands.press(page.get_by_role("link", name="Record a call to Birmingham"))
    await hands.press(page.get_by_role("button", name="Record call"))
    await page.get_by_role("heading", name=PROBLEM).wait_for()

    now = gw.now().astimezone()
    await hands.press(page.get_by_role("radio").first)
    await hands.write(page.get_by_label("Who did you speak to?"), "Brenda Invented")
    for part, value in (("Day", now.day), ("Month", now.month), ("Year", now.year)):
        await hands.write(page.get_by_label(part, exact=True), str(value))
    await hands.write(page.get_by_label("Time of call"), f"{now:%H:%M}")
    await hands.press(page.get_by_role("button", name="Record call"))
    await page.get_by_role("heading", name="Asked by phone").wait_for()
    await see(officer, "Not asked: call them (11)")
    opened = search.open_search(gw, case, sign_in_name(Role.CME_OFFICER))
    assert len(opened.to_call) == 11
    # The browser says of the page that asked for what was missing that it had an error.
    assert [text for text in officer.said if "422" not in text] == []
