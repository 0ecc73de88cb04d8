"""The officer's minute: from a row of the inbox to "accepted", counted in a real browser.

What counts as read is what stands in the main part of a page, from its top to the button, or to the last fact that
decides the answer where that stands below it. Scrolled is how far one must scroll to see those facts, and back to the
button.
"""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page

from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.core.inbox_state import InboxState
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.store import inbox
from schemas.message import Message
from tests.children import notice, without_urgency
from tests.consoles import Desk, chromium, desk, settled, two_houses
from tests.flows.test_matches import load
from tests.flows.test_postcodes import directory

SCREEN = {"width": 1280, "height": 900}
MOST_CLICKS, MOST_WORDS, MOST_KEYS = 2, 120, 12
# With the form after it, no more than MOST_WORDS.
MOST_LINES, MOST_WORDS_OF_A_CASE = 8, 89
# Each with the button that is the likely one.
OTHERS = {
    "transfer-notice-siblings": "Accept this notice",
    "transfer-notice-without-upn": "Accept this notice",
    "transfer-notice-restricted": "Accept this notice",
    "transfer-notice-phone-only": "Record the call",
    "whereabouts-enquiry": "Answer this enquiry",
    "whereabouts-unknown-notice": "Answer this notice",
}
ROW, ACCEPT, SEND = "Testchild-Example, Ada", "Accept this notice", "Accept notice"
# Each as the page says it: who, born when, where to, left school, restriction.
FACTS = ("Ada Testchild-Example", "31 March 2016", "44 Placeholder Road", "23 October 2026")
# Our own child, by another spelling of her name.
OURS = "X333210123001,Testchild-Example,Adah,31/03/2016,F,WR1 9ZZ,,"

# The words of the main part that begin above this height, and how far down the lowest of these texts reaches.
READ = """({facts, button}) => {
  const main = document.querySelector("main");
  const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  const seen = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const around = node.parentElement;
    const shown = around.checkVisibility({visibilityProperty: true}) && around.getBoundingClientRect().width > 1
      && node.textContent.trim();
    if (shown) seen.push({text: node.textContent, top: box.top + scrollY, bottom: box.bottom + scrollY});
  }
  const lowest = facts.map((fact) => (seen.find((part) => part.text.includes(fact)) || {bottom: Infinity}).bottom);
  const down = Math.max(button, ...lowest);
  const words = seen.filter((part) => part.top < down).flatMap((part) => part.text.trim().split(/\\s+/));
  return {words: words.length, down, page: document.documentElement.scrollHeight};
}"""


@dataclass
class Way:
    """What one had to do and read on the way."""

    clicks: int = 0
    keys: int = 0
    words: int = 0
    scrolled: float = 0

    async def read(self, page: Page, button: Locator, *facts: str) -> None:
        """Read a page as far as is needed, and go back to its button."""
        box = await button.bounding_box()
        assert box is not None
        bottom = box["y"] + box["height"]
        seen = await page.evaluate(READ, {"facts": facts, "button": bottom})
        down = max(0.0, seen["down"] - SCREEN["height"])
        self.words += seen["words"]
        self.scrolled += down + max(0.0, min(down, down - (bottom - SCREEN["height"])))
        print(f"{seen['words']} words, button at {box['y']:.0f}, read down to {seen['down']:.0f} of {seen['page']}")

    async def click(self, button: Locator) -> None:
        """Press a button with the mouse."""
        self.clicks += 1
        await button.click()

    async def type_to(self, page: Page, text: str) -> None:
        """Reach what is called so by the keyboard, past the navigation, and press it."""
        await self._press(page, "Tab")
        if await _focused(page) == "Skip to main content":
            await self._press(page, "Enter")
        for _ in range(MOST_WORDS):
            await self._press(page, "Tab")
            if await _focused(page) == text:
                await self._press(page, "Enter")
                return
        raise AssertionError(f"the keyboard does not reach {text}")

    async def _press(self, page: Page, key: str) -> None:
        self.keys += 1
        await page.keyboard.press(key)


async def _focused(page: Page) -> str:
    return (await page.locator(":focus").inner_text()).strip()


There = tuple[Gateway, Gateway, Browser, Message]


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    """Sandwell, and Worcestershire, which knows its postcodes and children, and has a notice to answer; and a browser."""
    async with two_houses(tmp_path) as (sandwell, worcestershire), chromium() as browser:
        postcodes.import_directory(worcestershire, io.BytesIO(directory()), by="ines")
        load(worcestershire, OURS)
        sent = without_urgency(notice())
        send_notices(sandwell, [sent], "test")
        await settled(sandwell, worcestershire)
        yield sandwell, worcestershire, browser, sent


async def arrive(browser: Browser, gw: Gateway, **options: object) -> Desk:
    """An officer who has opened the row of the inbox."""
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=SCREEN, **options)
    await officer.page.get_by_role("link", name=ROW).click()
    await officer.page.get_by_role("heading", name="Timeline").wait_for()
    return officer


def button(officer: Desk, name: str) -> Locator:
    """A button of this page."""
    return officer.page.get_by_role("button", name=name, exact=True)


async def assert_accepted(officer: Desk, gw: Gateway, sent: Message) -> None:
    await officer.page.get_by_text("Notice accepted.").wait_for()
    item = await gw.store.read(lambda tx: inbox.get_message(tx, sent.header.message_id))
    assert item.state is InboxState.ACKNOWLEDGED


async def test_a_notice_is_accepted_in_two_clicks_one_screen_and_120_words(there: There) -> None:
    _, gw, browser, sent = there
    officer, way = await arrive(browser, gw), Way()
    await way.read(officer.page, button(officer, ACCEPT), *FACTS)
    await way.click(button(officer, ACCEPT))
    await way.read(officer.page, button(officer, SEND))
    await way.click(button(officer, SEND))
    await assert_accepted(officer, gw, sent)
    print(way)
    assert way.clicks <= MOST_CLICKS
    assert way.scrolled == 0
    assert way.words <= MOST_WORDS


async def test_what_decides_and_the_buttons_are_on_the_first_screen_of_every_case(there: There) -> None:
    sandwell, gw, browser, _ = there
    others = [without_urgency(notice(name=name)) for name in OTHERS]
    await receive_parcels(gw, [one.sealed for one in prepare_messages(sandwell, others, "test")], "333")
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=SCREEN)
    for sent, first in zip(others, OTHERS.values(), strict=True):
        await officer.open(f"/cases/{sent.header.case_id}")
        way = Way()
        await way.read(officer.page, button(officer, first))
        assert way.scrolled == 0
        assert way.words <= MOST_WORDS_OF_A_CASE
        assert await officer.page.locator(".summary .govuk-summary-list__row").count() <= MOST_LINES
        assert await officer.page.locator(".acts .govuk-button:not(.govuk-button--secondary)").inner_text() == first


async def test_the_buttons_are_on_the_first_screen_below_a_word_of_safeguarding_too(there: There) -> None:
    sandwell, gw, browser, _ = there
    urgent = notice(name="transfer-notice-siblings")
    await receive_parcels(gw, [one.sealed for one in prepare_messages(sandwell, [urgent], "test")], "333")
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=SCREEN)
    await officer.open(f"/cases/{urgent.header.case_id}")
    assert await officer.page.get_by_text("Call your MASH now").is_visible()
    way = Way()
    await way.read(officer.page, button(officer, ACCEPT))
    assert way.scrolled == 0


async def test_a_notice_is_accepted_by_the_keyboard_alone_with_few_keys(there: There) -> None:
    _, gw, browser, sent = there
    officer, way = await arrive(browser, gw), Way()
    await way.type_to(officer.page, ACCEPT)
    await officer.page.get_by_role("heading", name=ACCEPT).wait_for()
    await way.type_to(officer.page, SEND)
    await assert_accepted(officer, gw, sent)
    print(way)
    assert way.keys <= MOST_KEYS


async def test_a_notice_is_accepted_without_javascript(there: There) -> None:
    _, gw, browser, sent = there
    officer = await arrive(browser, gw, java_script_enabled=False)
    for fact in FACTS:
        assert await officer.page.get_by_text(fact).first.is_visible()
    await button(officer, ACCEPT).click()
    await button(officer, SEND).click()
    await assert_accepted(officer, gw, sent)
