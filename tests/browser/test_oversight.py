"""The manager's and the auditor's pages in a real browser: they can be used by everybody, on a narrow window, and say
nothing by markup.
"""

import re
from pathlib import Path

from playwright.async_api import expect

from gateway.auditing import audit
from gateway.console.unanswered import SHOWN
from gateway.core.permissions import Role
from gateway.exchange.send import send_notices
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from tests.consoles import assert_accessible, chromium, desk, settled, two_houses
from tests.flows.reporting import exchange, transfer

HOSTILE = "<script>alert(1)</script><b onclick=alert(2)>"


async def test_the_manager_sees_what_is_late_and_makes_a_report(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.SERVICE_MANAGER,)) as (gw, there), chromium() as browser:
        await exchange(gw, there, transfer(gw.now()))
        mona = await desk(browser, gw, Role.SERVICE_MANAGER, viewport={"width": 320, "height": 800})
        page = mona.page
        await mona.open("/unanswered")
        await expect(page.get_by_role("link", name="Testchild-Example, Ada")).to_be_visible()
        # Each row is a block, so nothing of it lies to the right.
        assert await page.locator(".wide").first.evaluate("it => it.scrollWidth <= it.clientWidth")
        await assert_accessible(mona)
        await page.get_by_label("Due from").select_option("You")
        await page.get_by_role("button", name="Apply filters").click()
        await expect(page.get_by_text("No outstanding replies or decisions match your filters.")).to_be_visible()
        await assert_accessible(mona)

        await mona.open("/reports")
        await assert_accessible(mona)
        await page.get_by_label("Timeliness: how quickly").check()
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Timeliness, 1")).to_be_visible()
        await assert_accessible(mona)
        async with page.expect_download() as got:
            await page.get_by_role("link", name="Download CSV").click()
        assert (await got.value).suggested_filename.startswith("timeliness-")

        await mona.open("/reports")
        await page.get_by_label("Inspection list").check()
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Create the inspection list")).to_be_visible()
        await assert_accessible(mona)
        async with page.expect_download() as listed:
            await page.get_by_role("button", name="Download CSV").click()
        assert (await listed.value).suggested_filename.startswith("inspection-")

        for address in ("/partners", "/partners/885"):
            await mona.open(address)
            await assert_accessible(mona)


async def test_an_officer_leafs_through_what_is_owed_and_keeps_what_they_asked_for(tmp_path: Path) -> None:
    async with two_houses(tmp_path) as (gw, there), chromium() as browser:
        messages = [transfer(gw.now()) for _ in range(SHOWN + 1)]
        send_notices(gw, messages, "olive")
        await settled(gw, there)
        olive = await desk(browser, gw, Role.CME_OFFICER, viewport={"width": 320, "height": 800})
        page = olive.page
        await olive.open("/unanswered")
        await page.get_by_label("Due from").select_option("Other authorities")
        await page.get_by_role("button", name="Apply filters").click()
        pages = page.get_by_role("navigation", name="Pagination")
        await expect(pages.get_by_role("link", name="Page 1")).to_have_attribute("aria-current", "page")
        await assert_accessible(olive)
        await pages.get_by_role("link", name="Next page").click()
        await expect(page).to_have_title(re.compile("page 2 of 2"))
        await expect(page.get_by_label("Due from")).to_have_value("them")
        await expect(page.get_by_text(f"Cases {SHOWN + 1} to {SHOWN + 1} of {SHOWN + 1}")).to_be_visible()
        await expect(page.get_by_text(f"{SHOWN + 1} outstanding")).to_be_visible()
        await assert_accessible(olive)
        await page.get_by_role("link", name="Testchild-Example, Ada").click()
        await expect(page).to_have_url(re.compile("/cases/"))
        await page.go_back()
        await pages.get_by_role("link", name="Previous page").click()
        await expect(page.get_by_role("link", name="Testchild-Example, Ada")).to_have_count(SHOWN)


async def test_the_auditor_checks_the_log_takes_it_out_and_is_shown_markup_as_text(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.AUDITOR,)) as (_, gw), chromium() as browser:
        entry = AuditEntry("notice.failed", HOSTILE, "m1", "333", detail={"reason": HOSTILE})
        await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
        await audit.sign_checkpoint(gw)
        ada = await desk(browser, gw, Role.AUDITOR, viewport={"width": 320, "height": 800})
        page = ada.page
        await ada.open("/audit?kind=notice.failed")
        await expect(page.locator("tbody")).to_contain_text(f"reason: {HOSTILE}")
        await assert_accessible(ada)

        await ada.open("/audit/check")
        await page.get_by_role("button", name="Check now").click()
        while await page.get_by_role("button", name="Refresh").count():
            await assert_accessible(ada)
            await page.get_by_role("button", name="Refresh").click()
        await expect(page.get_by_role("heading", name="No problems found")).to_be_visible()
        await assert_accessible(ada)

        await ada.open("/audit/export")
        await assert_accessible(ada)
        async with page.expect_download() as got:
            await page.get_by_role("button", name="Download").click()
        assert (await got.value).suggested_filename.endswith(".zip")
        await ada.open("/audit/partners")
        await assert_accessible(ada)
