"""The auditor at the log: who read a child's record, everything that one person did, and the proof of an entry."""

from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import expect

from gateway.auditing import audit
from gateway.casework import case
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from tests.children import notice
from tests.consoles import assert_accessible, chromium, desk, sign_in_name, two_houses

OLIVE = sign_in_name(Role.CME_OFFICER)


async def test_the_auditor_finds_who_read_a_record_and_follows_them(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.AUDITOR, Role.CME_OFFICER)) as (there, gw), chromium() as browser:
        sent = notice()
        await receive_parcels(gw, [one.sealed for one in prepare_messages(there, [sent], "test")], "333")
        case.open_case(gw, sent.header.case_id, OLIVE)
        await audit.sign_checkpoint(gw)
        ada = await desk(browser, gw, Role.AUDITOR, viewport={"width": 320, "height": 800})
        page = ada.page
        await expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
        await assert_accessible(ada)

        await page.get_by_text("Filter entries").click()
        await page.get_by_label("Activity").select_option("Views of children's details")
        await page.get_by_label("Reference (notice").fill(f" {sent.header.message_id[-12:].upper()} ")
        await page.get_by_role("button", name="Apply filters").click()
        await expect(page.get_by_role("heading", name="Who viewed")).to_be_visible()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(page.locator("tbody tr")).to_contain_text(
            "Olive Testofficer viewed a child's details in a message."
        )
        await assert_accessible(ada)

        await page.get_by_role("link", name=OLIVE).click()
        await expect(page.locator("tbody tr").first).to_contain_text("Olive Testofficer")
        await page.locator("tbody th a").first.click()
        await expect(page.get_by_text("This is the exact text")).to_be_visible()
        await assert_accessible(ada)
        await page.get_by_role("link", name="View the proof").click()
        await expect(page.get_by_role("heading", name="is in the signed log")).to_be_visible()
        await assert_accessible(ada)

        await ada.open("/audit?kind=log")
        await expect(page.locator("tbody")).to_contain_text("Ada Testauditor viewed the audit log.")


async def test_what_is_typed_and_is_nothing_of_ours_never_stands_in_an_address(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.AUDITOR,)) as (_, gw), chromium() as browser:
        ada = await desk(browser, gw, Role.AUDITOR)
        page = ada.page
        for label, typed, said in (
            ("Reference (notice", "Zebedee Invented", "Enter a full reference or its last 12 characters"),
            ("User", "Zebedee <script>alert(1)</script>", "No user with this name is in the audit log."),
        ):
            await ada.open("/audit")
            await page.get_by_text("Filter entries").click()
            await page.get_by_label(label).fill(typed)
            await page.get_by_role("button", name="Apply filters").click()
            await expect(page.get_by_role("alert")).to_contain_text(said)
            await expect(page.get_by_label(label)).to_have_value(typed)
            assert urlsplit(page.url).query == ""
            await assert_accessible(ada)
