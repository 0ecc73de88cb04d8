"""Every page as every role, in Debian's Chromium: axe, 320 pixels (which is 400 % of 1280), the keyboard, no
JavaScript.

axe finds only part of what can be wrong; docs/accessibility.md says what was not tested.
"""

import hashlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway.casework import compose
from gateway.console.application import ENDPOINT_GROUPS
from gateway.context import Gateway
from gateway.core.permissions import Reach, Role, get_reach
from gateway.exchange.send import send_notices
from gateway.store import outbox
from tests import letters
from tests.children import notice
from tests.consoles import (
    NAMES,
    Desk,
    assert_accessible,
    assert_fits,
    chromium,
    desk,
    settled,
    sign_in_name,
    two_houses,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# They lead elsewhere, or are files.
NO_PAGES = (
    "/sign-in/directory",
    "/sign-in/answer",
    "/unanswered/list.csv",
    "/inbox/list.csv",
    "/sent/list.csv",
    "/session",
)
SECTIONS = (
    "restriction",
    "birth",
    "numbers",
    "move",
    "new-address",
    "schools",
    "reasons",
    "needs",
    "enquiries",
    "note",
)
# What a page alone has, and what stands around it on every page of a role.
PARTS = """() => {
    const page = document.documentElement.cloneNode(true)
    const around = [...page.querySelectorAll("header, footer, .section-pages")]
    around.forEach(part => part.remove())
    page.removeAttribute("data-printed")
    return [page.outerHTML, around.map(part => part.outerHTML).join("")]
}"""
# Ids, secrets of forms, moments, who is signed in, and which of the pages around is the open one.
CHANCE = re.compile(
    r'[0-9a-f]{8}-[0-9a-f-]{27}|(?<=value=")[\w-]{22,}|\d\d?:\d\d(:\d\d)?([ap]m)?|[\w.]+@council[.]example'
    r'| aria-current="[a-z]+"| [\w-]+__item--active'
)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 700}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Browser, dict[str, str]]]:
    """Worcestershire, to which a notice came and which sent one; and what stands in addresses."""
    async with two_houses(tmp_path, tuple(Role)) as (sandwell, worcestershire), chromium() as browser:
        sent = notice(name="transfer-notice-siblings")
        send_notices(sandwell, [sent], "test")
        send_notices(worcestershire, [notice("885", "333", name="transfer-notice-restricted")], "test")
        await settled(sandwell, worcestershire)
        head = sent.header
        parts = {"case": head.case_id, "notice": head.message_id, "name": "outreach@council.example"}
        parts |= {"number": "1", "authority": "333", "report": "timeliness", "section": "names"}
        written = compose.begin_composition(worcestershire, "TransferNotice", sign_in_name(Role.CME_OFFICER))
        yield worcestershire, browser, parts | {"composition": written}


async def reply_by_mail(gw: Gateway) -> str:
    """A letter was answered: where that is read."""
    letters.enter(gw)
    letter, called = await letters.letter(gw)
    letters.come(gw, letters.reply(called))
    case = gw.store.look(lambda tx: outbox.get_delivery(tx, letter)).case_id
    return f"/cases/{case}/replies/1"


def addresses(role: Role | None, parts: dict[str, str]) -> list[str]:
    """Every page that this role may open."""
    endpoints = [endpoint for group in ENDPOINT_GROUPS for endpoint in group if endpoint.method == "GET"]
    roles = [role] if role else []
    mine = [endpoint for endpoint in endpoints if endpoint.act is None or get_reach(roles, endpoint.act) is Reach.ALL]
    whole = [
        re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", lambda part: parts.get(part[1], part[1]), one.path) for one in mine
    ]
    # Its own case.
    whole = [parts["reply"] if one.endswith("/replies/1") else one for one in whole]
    if role is Role.CME_OFFICER:
        whole += [f"/compositions/{parts['composition']}/{section}" for section in SECTIONS]
    return [one for one in whole if one not in NO_PAGES]


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What axe sees in this run, in whatever worker: whoever comes first to a content looks at it, and what a second
    role is shown word for word is not looked at again.
    """
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "examined pages"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("role", [None, *Role])
async def test_every_page_is_accessible_on_a_wide_and_on_a_narrow_screen(
    there: tuple[Gateway, Browser, dict[str, str]], role: Role | None, examined: Path
) -> None:
    gw, browser, parts = there
    before = await desk(browser, gw, role)
    for address in addresses(role, parts | {"reply": await reply_by_mail(gw)}):
        await before.open(address)
        new = [is_first(examined / mark) for mark in await mark_parts(before, role)]
        for size in (WIDE, NARROW):
            await before.page.set_viewport_size(size)  # type: ignore[arg-type]  # of playwright's own shape
            if any(new):
                await assert_accessible(before)
            else:
                await assert_fits(before)


def is_first(mark: Path) -> bool:
    """Is nobody there before us? From now on we are."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


async def mark_parts(desk: Desk, role: Role | None) -> tuple[str, str]:
    """What tells whether axe has seen this content, and what this role has around it, word for word."""
    content, around = await desk.page.evaluate(PARTS)
    own = NAMES[role] if role else ""
    return f"content {digest_without_chance(content, own)}", f"around {role} {digest_without_chance(around, own)}"


def digest_without_chance(html: str, own: str) -> str:
    """Digest a page without what is drawn, told by the clock, or the reader's own name: two workers have gateways of
    their own, and an account page is the same for all but for the name.
    """
    return hashlib.sha256(CHANCE.sub("", html.replace(own, "") if own else html).encode()).hexdigest()


async def test_a_page_that_says_what_is_wrong_is_accessible_too(
    there: tuple[Gateway, Browser, dict[str, str]],
) -> None:
    gw, browser, parts = there
    officer = await desk(browser, gw, Role.CME_OFFICER)
    await officer.open(f"/cases/{parts['case']}/notices/{parts['notice']}/reject")
    await officer.page.get_by_role("button", name="Reject notice").click()
    await officer.page.get_by_role("heading", name="There is a problem").wait_for()
    await assert_accessible(officer)


async def test_an_officer_accepts_a_notice_with_the_keyboard_alone(
    there: tuple[Gateway, Browser, dict[str, str]],
) -> None:
    gw, browser, _ = there
    officer = await desk(browser, gw, Role.CME_OFFICER)
    await officer.open("/inbox")
    await _tab_to(officer, "Testchild-Example, Ada")
    await officer.page.keyboard.press("Enter")
    await officer.page.get_by_text("Timeline").wait_for()
    await _tab_to(officer, "Accept this notice")
    await officer.page.keyboard.press("Enter")
    await officer.page.get_by_role("heading", name="Accept this notice").wait_for()
    await _tab_to(officer, "Accept notice")
    await officer.page.keyboard.press("Enter")
    await officer.page.get_by_text("Notice accepted.").wait_for()
    assert officer.said == []


async def _tab_to(desk: Desk, text: str) -> None:
    """By the tabulator alone; what has the focus can be seen to have it."""
    for _ in range(40):
        await desk.page.keyboard.press("Tab")
        focused = desk.page.locator(":focus")
        if (await focused.inner_text()).strip() == text:
            return
    raise AssertionError(f"the keyboard does not reach {text}")


async def test_everything_works_without_javascript(there: tuple[Gateway, Browser, dict[str, str]]) -> None:
    gw, browser, _ = there
    officer = await desk(browser, gw, Role.CME_OFFICER, java_script_enabled=False)
    await officer.page.get_by_role("link", name="Testchild-Example, Ada").click()
    await officer.page.get_by_role("button", name="Accept this notice").click()
    await officer.page.get_by_role("button", name="Accept notice").click()
    assert await officer.page.get_by_text("Notice accepted.").is_visible()


async def test_axe_does_find_what_is_wrong(there: tuple[Gateway, Browser, dict[str, str]]) -> None:
    gw, browser, _ = there
    visitor = await desk(browser, gw, None)
    await visitor.open("/sign-in")
    await visitor.page.evaluate("document.querySelector('label').remove(); document.documentElement.lang = ''")
    with pytest.raises(AssertionError, match="html-has-lang"):
        await assert_accessible(visitor)
