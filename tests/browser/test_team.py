"""Work in a team in a real browser: several notices at once, and notices that are begun filled in; by keyboard, without
JavaScript, and on a narrow screen.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway.casework import compose
from gateway.context import Gateway
from gateway.core.inbox_state import InboxState
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import inbox
from schemas.message import Message
from tests.children import notice, without_urgency
from tests.consoles import NAMES, Desk, assert_accessible, assert_fits, chromium, desk, sign_in_name, two_houses
from tests.flows.test_compose import written
from tests.flows.test_matches import EVE, load

pytestmark = pytest.mark.slow
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 700}
OLIVE = sign_in_name(Role.CME_OFFICER)
BEN = {"surname": "Testchild-Example", "forename": "Ben", "dob": "2018-01-02"}
There = tuple[Gateway, Browser, Sequence[Message]]


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    """Worcestershire with three notices to deal with, and a browser."""
    async with two_houses(tmp_path) as (sandwell, worcestershire), chromium() as browser:
        names = ("transfer-notice", "transfer-notice-without-upn", "transfer-notice-phone-only")
        some = [without_urgency(notice(name=name)) for name in names]
        ready = prepare_messages(sandwell, some, "test", confirmed=["notice.same-child"])
        await receive_parcels(worcestershire, [it.sealed for it in ready], "333")
        yield worcestershire, browser, some


async def press_tab_to(officer: Desk, selector: str) -> None:
    """Reach it by the keyboard alone."""
    for _ in range(60):
        await officer.page.keyboard.press("Tab")
        if await officer.page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


async def test_several_are_accepted_by_the_keyboard_and_assigned_without_javascript(there: There) -> None:
    gw, browser, some = there
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=WIDE)
    await officer.open("/inbox")
    await assert_accessible(officer)
    for number in (1, 2, 3):
        await press_tab_to(officer, f"#notice-{number}")
        await officer.page.keyboard.press("Space")
    await press_tab_to(officer, "button[formaction='/inbox/accept']")
    await officer.page.keyboard.press("Enter")
    await officer.page.get_by_role("heading", name="Check 2 notices before you accept them").wait_for()
    await assert_accessible(officer)
    await press_tab_to(officer, "form[action='/inbox/accept'] button")
    await officer.page.keyboard.press("Enter")
    await officer.page.get_by_role("heading", name="2 notices accepted", exact=True).wait_for()
    await assert_accessible(officer)
    items = [await gw.store.read(lambda tx, it=it: inbox.get_message(tx, it.header.message_id)) for it in some]  # type: ignore[misc]
    assert sorted(it.state for it in items) == [InboxState.ACKNOWLEDGED, InboxState.ACKNOWLEDGED, InboxState.NEW]

    plain = await desk(browser, gw, Role.CME_OFFICER, viewport=NARROW, java_script_enabled=False)
    await plain.open("/inbox")
    for number in (1, 2, 3):
        await plain.page.locator(f"#notice-{number}").check()
    await plain.page.get_by_role("button", name="Assign selected notices").click()
    assert "Choose a person" in await plain.page.locator(".govuk-error-summary").inner_text()
    assert await plain.page.locator("input[name=notice]:checked").count() == 3
    await assert_fits(plain)
    await plain.page.locator("#person").select_option(OLIVE)
    await plain.page.get_by_role("button", name="Assign selected notices").click()
    await assert_fits(plain)
    await plain.page.get_by_role("button", name=f"Assign 3 to {NAMES[Role.CME_OFFICER]}").click()
    await plain.page.get_by_role("heading", name=f"3 notices assigned to {NAMES[Role.CME_OFFICER]}").last.wait_for()
    await assert_fits(plain)


async def test_notices_are_begun_filled_in_without_javascript_on_a_narrow_screen(there: There) -> None:
    gw, browser, some = there
    load(gw, EVE)
    name = written(gw, to={"to": "333"}, sibling=[BEN])
    compose.send_composition(gw, name, ["notice.same-child"], OLIVE)
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=NARROW, java_script_enabled=False)
    page = officer.page

    await officer.open(f"/compositions/{name}/sent")
    await page.get_by_role("link", name="Write a notice for each sibling").click()
    await assert_fits(officer)
    await page.get_by_label("Ben Testchild-Example").check()
    await page.get_by_role("button", name="Start notices").click()
    await assert_fits(officer)
    await page.get_by_role("link", name="Testchild-Example, Ben", exact=True).click()
    assert await page.get_by_text("Filled in: check").count() > 3
    await page.get_by_role("link", name="Siblings", exact=True).click()
    await page.get_by_text("Filled in from the notice you sent about a brother or sister.").wait_for()
    await assert_fits(officer)
    await page.get_by_role("button", name="Continue", exact=True).click()
    begun = next(it for it in compose.list_unfinished_compositions(gw))
    now = compose.open_composition(gw, begun.composition_id, OLIVE)
    more = {"cme_reason": "unknown", "provision_status": "none"}
    child = {**now.body["child"], "sex": "M", "upn_unknown": "not-known"}
    compose.save_composition(gw, replace(now, body={**now.body, **more, "child": child}), OLIVE)
    await officer.open(f"/compositions/{begun.composition_id}/check")
    assert await page.get_by_text("Not checked", exact=True).count() > 3
    await assert_fits(officer)

    await officer.open(f"/cases/{some[0].header.case_id}")
    await page.get_by_role("link", name="Write a new notice about this child").click()
    await assert_fits(officer)
    await page.get_by_label("Transfer notice").check()
    await page.get_by_role("button", name="Start notice").click()
    await page.get_by_text("Filled in from a notice you received about this child.").wait_for()
    await assert_fits(officer)

    await officer.open("/compositions")
    await page.get_by_label("Transfer notice").check()
    await page.get_by_role("button", name="Fill in from your pupil index").click()
    await page.get_by_label("UPN").fill("L330345624117")
    await page.get_by_role("button", name="Find").click()
    await assert_fits(officer)
    await page.get_by_role("button", name="Start notice about Eve Testchild-Example").click()
    await page.get_by_text("Filled in from your pupil index.").wait_for()
    await assert_fits(officer)
