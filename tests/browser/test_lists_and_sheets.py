"""A saved view, the team's figures, and a case on one printed page, in a real browser."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.casework import case_notes
from gateway.casework.case_notes import CaseNote
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log
from schemas.message import Acknowledgement, Message, Sibling
from schemas.shapes import CaseId
from tests.browser.test_print import assert_fit_for_paper, printed
from tests.children import notice, without_urgency
from tests.consoles import NAMES, Desk, assert_accessible, chromium, desk, sign_in_name, two_houses

OFFICER, MANAGER = Role.CME_OFFICER, Role.SERVICE_MANAGER
NARROW, WIDE = {"width": 320, "height": 800}, {"width": 1280, "height": 900}
# Names as long as they may be, so that the page is as full as it can be.
LONG = "Testchild-" + "Example" * 8


@dataclass(frozen=True)
class Cases:
    """Worcestershire's console, and what came: a case with three notices, one with names and notes that are long, one
    with many short notes, and one about which only calls may speak.
    """

    gw: Gateway
    browser: Browser
    three: CaseId
    long: CaseId
    many: CaseId
    phone_only: CaseId

    async def sit(self, role: Role, viewport: dict[str, int]) -> Desk:
        return await desk(self.browser, self.gw, role, viewport=viewport)


def lengthen(message: Message) -> Message:
    """The same about a child with many siblings, and with the longest names."""
    body = message.body
    siblings = tuple(Sibling(surname=LONG, forename=LONG, dob=date(2015, 1, day)) for day in range(1, 9))
    child = replace(body.child, surname=LONG, forename=LONG, upn=None, upn_unknown="not-known")  # type: ignore[union-attr,type-var]
    return Message(message.header, replace(body, child=child, sibling=siblings))  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cases]:
    folder = tmp_path_factory.mktemp("sheets")
    async with two_houses(folder, (OFFICER, MANAGER)) as (there, gw), chromium() as browser:
        first = notice(name="transfer-notice-siblings", now=there.now())
        head = first.header
        more = [
            notice(name=name, case_id=head.case_id, sequence=number, now=there.now())
            for number, name in ((2, "whereabouts-enquiry"), (3, "whereabouts-unknown-notice"))
        ]
        long, phone_only = lengthen(notice(now=there.now())), notice(name="transfer-notice-phone-only")
        many = notice(name="whereabouts-unknown-notice", now=there.now())
        every = [without_urgency(message) for message in (first, *more, phone_only, many)] + [long]
        ready = prepare_messages(there, every, "test", confirmed=["notice.same-child"])
        await receive_parcels(gw, [message.sealed for message in ready], "333")
        olive = sign_in_name(OFFICER)
        for number in range(60):
            case_notes.add_case_note(gw, long.header.case_id, CaseNote(f"{number} " + "Visited again. " * 40), olive)
            case_notes.add_case_note(gw, many.header.case_id, CaseNote(f"Visit {number}"), olive)
        accepted = Acknowledgement(decision="accepted", officer=gw.build_officer("olive"))
        respond.acknowledge_notice(gw, head.message_id, accepted, olive)
        yield Cases(gw, browser, head.case_id, *(it.header.case_id for it in (long, many, phone_only)))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_case_with_three_notices_is_one_page_of_paper_and_a_reading(cases: Cases, tmp_path: Path) -> None:
    olive = await cases.sit(OFFICER, WIDE)
    await olive.open(f"/cases/{cases.three}")
    before = len(cases.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read")))
    await olive.page.get_by_role("link", name="Print this case").click()
    await expect(olive.page.get_by_role("button", name="Print this page")).to_be_visible()
    readings = cases.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
    # What came, and our own reply.
    assert len(readings) - before == 4
    [page] = await printed(olive, tmp_path)
    assert_fit_for_paper([page], NAMES[OFFICER], "Reference [0-9a-f]{12}")
    for text in ("Worcestershire", "Ada Testchild-Example", "Siblings", "Restriction", "Other notices in the case"):
        assert text in page
    assert page.count("Whereabouts") >= 2
    assert "Outcome due" in page
    assert "not shown" not in page
    assert "Print this page" not in page


@pytest.mark.asyncio(loop_scope="module")
async def test_what_does_not_fit_on_the_page_is_counted(cases: Cases, tmp_path: Path) -> None:
    olive = await cases.sit(OFFICER, WIDE)
    await olive.open(f"/cases/{cases.long}/print")
    [page] = await printed(olive, tmp_path)
    assert LONG in page
    listed = page.count("Note, by")
    assert listed > 4
    # The notes; that the notice came, and that it is urgent.
    assert f"{60 + 2 - listed} older entries are not shown." in " ".join(page.split())
    await olive.open(f"/cases/{cases.many}/print")
    [page] = await printed(olive, tmp_path)
    listed = page.count("Note, by")
    assert listed > 20
    assert f"{60 + 1 - listed} older entries are not shown." in " ".join(page.split())


@pytest.mark.asyncio(loop_scope="module")
async def test_of_a_phone_only_case_the_page_says_whom_to_call_and_no_name(cases: Cases, tmp_path: Path) -> None:
    olive = await cases.sit(OFFICER, WIDE)
    await olive.open(f"/cases/{cases.phone_only}/print")
    [page] = await printed(olive, tmp_path)
    assert "Restricted case: phone only" in page
    assert "Testchild" not in page


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["narrow", "wide"])
async def test_new_pages_can_be_used_by_everybody(cases: Cases, viewport: dict[str, int]) -> None:
    olive, mona = await cases.sit(OFFICER, viewport), await cases.sit(MANAGER, viewport)
    view = f"Urgent at {viewport['width']}"
    await olive.open("/inbox?authority=333&sort=due")
    await olive.page.get_by_text("Save this view").or_(olive.page.get_by_text("Save or delete a view")).click()
    await olive.page.get_by_role("button", name="Save view").click()
    await expect(olive.page.get_by_text("It needs a name").first).to_be_visible()
    await assert_accessible(olive)
    await olive.page.get_by_label("Name of this view").fill(view)
    await olive.page.get_by_role("button", name="Save view").click()
    await expect(olive.page.get_by_role("link", name=view)).to_have_attribute("aria-current", "page")
    await assert_accessible(olive)
    async with olive.page.expect_download() as got:
        await olive.page.get_by_role("link", name="as CSV").click()
    assert (await got.value).suggested_filename == "inbox.csv"
    await olive.open(f"/cases/{cases.three}/print")
    await assert_accessible(olive)
    await mona.open("/figures")
    await assert_accessible(mona)
    await mona.page.get_by_role("link", name="all: Waiting in the inbox").click()
    await expect(mona.page.get_by_role("heading", level=1)).to_contain_text("Inbox")
