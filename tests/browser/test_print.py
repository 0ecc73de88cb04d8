"""What comes out of the printer: A4 pages that say what they are, with nothing on them that only a screen can do."""

import asyncio
import re
from asyncio.subprocess import PIPE
from pathlib import Path

from playwright.async_api import expect

from gateway.auditing import audit
from gateway.core.permissions import Role
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from tests.children import notice, without_urgency
from tests.consoles import NAMES, Desk, chromium, desk, two_houses
from tests.needs import need

# Rows: more than fit on one page.
MANY = 24
OF_A_SCREEN = (
    "Sign out",
    "Find a notice",
    "Administration",
    "Apply filters",
    "Download",
    "http",
    "/cases/",
    "/audit",
    "Menu",
    "Back",
)
REFERENCE = re.compile(r"\b[0-9a-f]{12}\b")


async def printed(desk: Desk, folder: Path) -> list[str]:
    """The text of each page, as Chromium prints the page that is open."""
    need("pdftotext")
    await desk.page.pdf(path=folder / "printed.pdf", format="A4")
    reader = await asyncio.create_subprocess_exec("pdftotext", "-layout", folder / "printed.pdf", "-", stdout=PIPE)
    said, _ = await reader.communicate()
    return said.decode().split("\f")[:-1]


def assert_fit_for_paper(pages: list[str], who: str, reference: str = "") -> None:
    for number, text in enumerate(pages, 1):
        assert "OFFICIAL-SENSITIVE" in text
        assert re.search(rf"{reference}.*Printed by {who}\. Correct at \d+ \w+ \d{{4}} at \d+:\d\d[ap]m\.", text)
        assert f"Page {number} of {len(pages)}" in text
        assert [word for word in OF_A_SCREEN if word in text] == []


async def test_a_notice_is_printed_with_its_marking_its_reference_and_who_printed_it_on_each_page(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (there, gw), chromium() as browser:
        sent = notice(name="transfer-notice-siblings")
        await receive_parcels(gw, [one.sealed for one in prepare_messages(there, [sent], "test")], "333")
        olive = await desk(browser, gw, Role.CME_OFFICER)
        await olive.open(f"/cases/{sent.header.case_id}")
        await expect(olive.page.get_by_role("button", name="Accept this notice")).to_be_visible()
        pages = await printed(olive, tmp_path)
        assert len(pages) > 1
        assert_fit_for_paper(pages, NAMES[Role.CME_OFFICER], f"Reference {sent.header.message_id[-12:]}")
        whole = "".join(pages)
        assert "Accept this notice" not in whole
        assert "Ada Testchild-Example" in whole
        assert "12, Specimen Street, Exampleton" in whole
        assert "Who has opened it" not in whole
        assert olive.said == []


async def test_lists_are_printed_without_forms_and_no_row_is_broken_over_pages(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.SERVICE_MANAGER,)) as (there, gw), chromium() as browser:
        some = [without_urgency(notice(now=there.now())) for _ in range(MANY)]
        await receive_parcels(gw, [one.sealed for one in prepare_messages(there, some, "test")], "333")
        await audit.sign_checkpoint(gw)
        mona = await desk(browser, gw, Role.SERVICE_MANAGER)
        who = NAMES[Role.SERVICE_MANAGER]

        await mona.open("/unanswered")
        pages = await printed(mona, tmp_path)
        assert_fit_for_paper(pages, who)
        rows = [(len(REFERENCE.findall(page)), page.count("Waiting since ")) for page in pages]
        assert sum(found for found, _ in rows) == MANY
        assert all(found == since for found, since in rows), rows
        # The heads of the columns stand on each page.
        assert "Due from" in pages[1]

        await mona.open("/audit")
        pages = await printed(mona, tmp_path)
        assert len(pages) > 1
        assert_fit_for_paper(pages, who)
        assert "A message from Sandwell was received." in pages[1]

        await mona.open("/audit/entries/3")
        assert_fit_for_paper(await printed(mona, tmp_path), who, "Entry 3 of the audit log")


async def test_the_list_for_an_inspection_is_printed_with_its_marking_on_each_page(tmp_path: Path) -> None:
    async with two_houses(tmp_path, (Role.SERVICE_MANAGER,)) as (there, gw), chromium() as browser:
        await receive_parcels(
            gw, [one.sealed for one in prepare_messages(there, [notice(now=there.now())], "test")], "333"
        )
        mona = await desk(browser, gw, Role.SERVICE_MANAGER)
        day = gw.now().date().isoformat()
        await mona.open(f"/reports/inspection?from={day}&to={day}")
        async with mona.page.expect_download() as got:
            await mona.page.get_by_role("button", name="printable page").click()
        await (await got.value).save_as(tmp_path / "list.html")
        await mona.page.goto((tmp_path / "list.html").as_uri())
        pages = await printed(mona, tmp_path)
        assert all(
            "OFFICIAL-SENSITIVE" in page and f"page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1)
        )
        assert "Created by service.manager@council.example" in pages[0]
