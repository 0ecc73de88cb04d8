"""The pictures of the console in the README and the docs, made anew: `make screenshots`.

Children and officers are invented.
"""

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Browser, ViewportSize

from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange.send import send_notices
from gateway.settings.sections import ContactSettings
from tests.children import notice, without_urgency
from tests.consoles import Desk, chromium, desk, settled, sign_in_name, two_houses

FOLDER = Path(__file__).parents[1] / "docs" / "console"
SIZE = ViewportSize(width=1200, height=900)
SAMPLES = ("transfer-notice", "transfer-notice-siblings", "transfer-notice-without-upn", "whereabouts-enquiry")


async def take(desk: Desk, name: str, height: int = SIZE["height"]) -> None:
    """One picture of the page that is open, from its top."""
    await desk.page.screenshot(
        path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": SIZE["width"], "height": height}, full_page=True
    )
    print(f"docs/console/{name}.png")


async def pictures(gw: Gateway, there: Gateway, browser: Browser, case: str) -> None:
    """Of the main pages, each as the person whose work it is."""
    visitor = await desk(browser, gw, None, viewport=SIZE)
    await visitor.open("/sign-in")
    await take(visitor, "sign-in")
    officer = await desk(browser, gw, Role.CME_OFFICER, viewport=SIZE)
    await officer.open("/inbox")
    await take(officer, "inbox")
    await officer.open(f"/cases/{case}")
    await officer.page.get_by_role("button", name="Accept this notice").click()
    await officer.page.get_by_label("Note to Sandwell").fill("A place at Exampleton Primary is being sought.")
    await take(officer, "accept")
    await officer.page.get_by_role("button", name="Accept notice").click()
    await officer.page.get_by_text("Notice accepted.").wait_for()
    await officer.open(f"/cases/{case}")
    await take(officer, "case", 1500)
    await officer.open("/find")
    await officer.page.get_by_label("Name, date of birth").fill("testchild-example 31.3.2016")
    await officer.page.get_by_role("button", name="Find", exact=True).click()
    await take(officer, "find")
    await officer.open("/unanswered")
    await take(officer, "unanswered", 1150)
    await compose(officer)
    auditor = await desk(browser, gw, Role.AUDITOR, viewport=SIZE)
    await auditor.open("/audit")
    await take(auditor, "audit", 1150)
    operator = await desk(browser, gw, Role.OPERATOR, viewport=SIZE)
    await operator.open("/health")
    await take(operator, "health")


async def compose(officer: Desk) -> None:
    """The list of what a notice asks, and one of its pages."""
    await officer.open("/compositions")
    await officer.page.get_by_label("Transfer notice").check()
    await officer.page.get_by_role("button", name="Continue", exact=True).click()
    await take(officer, "compose", 1150)
    await officer.page.get_by_role("link", name="Name", exact=True).click()
    await officer.page.locator("#surname").fill("Testchild-Example")
    await take(officer, "compose-child")


async def main() -> None:
    """Two authorities, some notices, and a browser before Worcestershire's console."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with two_houses(Path(folder), tuple(Role)) as (sandwell, worcestershire), chromium() as browser:
            worcestershire.config = replace(worcestershire.config, mash=ContactSettings("MASH", "01632 960212"))
            now = sandwell.now()
            sent = [notice(name=name, now=now + timedelta(milliseconds=at)) for at, name in enumerate(SAMPLES)]
            # One is about the safety of a child, the others are ordinary.
            sent[1:] = [without_urgency(message) for message in sent[1:]]
            send_notices(sandwell, sent, sign_in_name(Role.CME_OFFICER))
            await settled(sandwell, worcestershire)
            await pictures(worcestershire, sandwell, browser, sent[1].header.case_id)


if __name__ == "__main__":
    asyncio.run(main())
