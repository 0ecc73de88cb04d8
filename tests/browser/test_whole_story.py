"""The whole of it: Sandwell's officer writes and sends, Worcestershire's accepts, and the auditors on both sides follow
it.
"""

import io
from pathlib import Path

import pytest
from playwright.async_api import expect

from gateway.auditing import audit
from gateway.authorities import postcodes
from gateway.core.permissions import Role
from tests.browser.test_compose import begin, go_on, on_to, write_child
from tests.consoles import chromium, desk, settled, two_houses
from tests.flows.test_postcodes import directory


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_notice_is_written_sent_accepted_and_followed_by_the_auditors(tmp_path: Path) -> None:
    roles = (Role.CME_OFFICER, Role.AUDITOR)
    async with two_houses(tmp_path, roles) as (sandwell, worcestershire), chromium() as browser:
        postcodes.import_directory(sandwell, io.BytesIO(directory()), by="ines")

        ours = await desk(browser, sandwell, Role.CME_OFFICER)
        await begin(ours)
        await on_to(ours, "Restrictions on sharing")
        await ours.page.get_by_label("No restriction").check()
        await go_on(ours)
        await write_child(ours)
        await on_to(ours, "Date and certainty of the move")
        await ours.page.get_by_label("Believed").check()
        await go_on(ours)
        await on_to(ours, "New address")
        await ours.page.locator("#post_code").fill("WR1 9ZZ")
        await go_on(ours)
        await on_to(ours, "Reason and current provision")
        await ours.page.locator("#cme_reason").select_option("unknown")
        await ours.page.get_by_label("No provision").check()
        await go_on(ours)
        await on_to(ours, "Who to send it to")
        await go_on(ours)
        await ours.page.get_by_role("button", name="Check your answers").click()
        await ours.page.get_by_role("button", name="Send notice").click()
        await ours.page.get_by_text("Notice submitted").wait_for()
        await settled(sandwell, worcestershire)

        theirs = await desk(browser, worcestershire, Role.CME_OFFICER)
        await theirs.page.get_by_role("link", name="Testchild-Example, Ada").click()
        await theirs.page.get_by_role("button", name="Accept this notice").click()
        await theirs.page.get_by_role("button", name="Accept notice").click()
        await theirs.page.get_by_text("Notice accepted.").wait_for()
        reference = await theirs.page.locator(".reference").first.inner_text()
        await settled(sandwell, worcestershire)
        await on_to(ours, "View case")
        await expect(ours.page.get_by_text("Accepted", exact=True).first).to_be_visible()

        for gw in (sandwell, worcestershire):
            await audit.sign_checkpoint(gw)
            ada = await desk(browser, gw, Role.AUDITOR)
            await ada.page.get_by_text("Filter entries").click()
            await ada.page.get_by_label("Reference (notice").fill(reference)
            await ada.page.get_by_role("button", name="Apply filters").click()
            sentence = (
                "sent a message to Worcestershire." if gw is sandwell else "A message from Sandwell was received."
            )
            await expect(ada.page.locator("tbody")).to_contain_text(sentence)
            await expect(ada.page.locator("tbody")).to_contain_text("Olive Testofficer")
            assert "Testchild" not in await ada.page.content()
            await ada.open("/audit/check")
            await ada.page.get_by_role("button", name="Check").click()
            for _ in range(20):
                if await ada.page.locator(".verdict").count():
                    break
                await ada.page.get_by_role("button", name="Refresh").click()
            await expect(ada.page.locator(".verdict--whole")).to_be_visible()
            await ada.open(f"/cases/{'0' * 36}")
            await expect(ada.page.get_by_text("Your role does not let you do this.")).to_be_visible()
