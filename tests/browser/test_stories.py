"""Whole stories, as people live them: in a real browser, with two gateways that run."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway.context import Gateway
from gateway.core.calendar import LONDON
from gateway.core.delivery import DeliveryState
from gateway.core.permissions import Role
from gateway.exchange.send import send_notices
from gateway.store import audit_log, outbox
from schemas.message import Message, TransferNotice
from schemas.shapes import MessageId
from tests.children import notice
from tests.consoles import chromium, desk, settled, sign_in_name, two_houses

Two = tuple[Gateway, Gateway, Browser]


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    """Sandwell and Worcestershire, each with its people, and a browser."""
    roles = (Role.CME_OFFICER, Role.PUPIL_TRACKING, Role.OUTREACH, Role.AUDITOR)
    async with two_houses(tmp_path, roles) as (sandwell, worcestershire), chromium() as browser:
        yield sandwell, worcestershire, browser


async def state_of(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return (await gw.store.read(lambda tx: outbox.get_delivery(tx, message_id))).state


async def test_worcestershire_accepts_and_concludes_and_sandwell_sees_it(two: Two) -> None:
    sandwell, worcestershire, browser = two
    sent = notice()
    send_notices(sandwell, [sent], sign_in_name(Role.CME_OFFICER))
    await settled(sandwell, worcestershire)

    theirs = await desk(browser, worcestershire, Role.CME_OFFICER)
    await theirs.page.get_by_role("link", name="Testchild-Example, Ada").click()
    await theirs.page.get_by_role("button", name="Accept this notice").click()
    await theirs.page.get_by_label("Note to Sandwell").fill("A place at Exampleton Primary is being sought.")
    await theirs.page.get_by_role("button", name="Accept notice").click()
    await theirs.page.get_by_text("Notice accepted. The gateway is telling Sandwell.").wait_for()
    await theirs.page.get_by_role("button", name="Send the outcome").click()
    await theirs.page.get_by_role("radio").first.check()
    today = worcestershire.now()
    for part, value in (("Day", today.day), ("Month", today.month), ("Year", today.year)):
        await theirs.page.get_by_label(part).fill(str(value))
    await theirs.page.get_by_role("button", name="Send outcome").click()
    await theirs.page.get_by_text("The outcome is being sent to Sandwell. This case is closed.").wait_for()
    await settled(sandwell, worcestershire)

    ours = await desk(browser, sandwell, Role.CME_OFFICER)
    await ours.page.get_by_role("link", name="Sent").click()
    await ours.page.get_by_role("link", name="Testchild-Example, Ada").click()
    assert await ours.page.get_by_text("Outcome received").first.is_visible()
    assert await ours.page.get_by_text("A place at Exampleton Primary is being sought.").is_visible()
    assert await ours.page.locator("main").get_by_text("Olive Testofficer").first.is_visible()
    assert await state_of(sandwell, sent.header.message_id) is DeliveryState.CONCLUDED
    assert (ours.said, theirs.said) == ([], [])

    read = await sandwell.store.read(
        lambda tx: audit_log.list_newest_entries(tx, about=sent.header.message_id, act="notice.read")
    )
    assert {one.actor for one in read} == {sign_in_name(Role.CME_OFFICER)}


async def test_the_second_of_two_officers_sees_what_the_first_did_and_nothing_of_theirs_is_done(two: Two) -> None:
    sandwell, worcestershire, browser = two
    sent = notice()
    send_notices(sandwell, [sent], "test")
    await settled(sandwell, worcestershire)
    first = await desk(browser, worcestershire, Role.CME_OFFICER)
    second = await desk(browser, worcestershire, Role.PUPIL_TRACKING)
    for one, button in ((first, "Accept this notice"), (second, "Reject this notice")):
        await one.page.get_by_role("link", name="Testchild-Example, Ada").click()
        await one.page.get_by_role("button", name=button).click()
    await first.page.get_by_role("button", name="Accept notice").click()
    await first.page.get_by_text("Notice accepted.").wait_for()
    await second.page.get_by_label("Address is outside the receiving authority's area").check()
    await second.page.get_by_role("button", name="Reject notice").click()
    await second.page.get_by_text("Someone else has updated this notice").wait_for()
    await second.page.get_by_role("button", name="View the case").click()
    assert await second.page.get_by_text("Accepted", exact=True).first.is_visible()
    assert await second.page.get_by_text("Olive Testofficer").first.is_visible()
    await settled(sandwell, worcestershire)
    assert await state_of(sandwell, sent.header.message_id) is DeliveryState.ACKNOWLEDGED


async def test_going_back_and_sending_the_form_again_does_nothing_twice(two: Two) -> None:
    sandwell, worcestershire, browser = two
    send_notices(sandwell, [notice()], "test")
    await settled(sandwell, worcestershire)
    officer = await desk(browser, worcestershire, Role.CME_OFFICER)
    await officer.page.get_by_role("link", name="Testchild-Example, Ada").click()
    await officer.page.get_by_role("button", name="Accept this notice").click()
    await officer.page.get_by_role("button", name="Accept notice").click()
    await officer.page.get_by_text("Notice accepted.").wait_for()
    await officer.page.go_back()
    if await officer.page.get_by_role("button", name="Accept notice", exact=True).count():
        await officer.page.get_by_role("button", name="Accept notice", exact=True).click()
    await officer.page.get_by_text("Someone else has updated this notice").wait_for()
    replies = await worcestershire.store.read(lambda tx: outbox.search_outbox(tx))
    assert [one.kind for one in replies] == ["Acknowledgement"]


HOSTILE = "</dd><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">{{ 7 * 7 }}"


async def test_what_a_partner_writes_into_a_name_is_text_and_nothing_else(two: Two) -> None:
    sandwell, worcestershire, browser = two
    sent = notice()
    assert isinstance(sent.body, TransferNotice)
    assert sent.body.child
    body = replace(sent.body, note=HOSTILE, child=replace(sent.body.child, surname="O'Test<b>child</b>"))
    send_notices(sandwell, [Message(sent.header, body)], "test")
    await settled(sandwell, worcestershire)
    officer = await desk(browser, worcestershire, Role.CME_OFFICER)
    await officer.page.get_by_role("link", name="O'Test<b>child</b>, Ada").click()
    assert await officer.page.get_by_role("heading", level=1).inner_text() == "Ada O'Test<b>child</b>"
    assert await officer.page.get_by_text(HOSTILE).is_visible()
    assert "taken" not in await officer.page.title()
    assert officer.said == []


async def test_an_outreach_officer_sees_the_case_that_is_assigned_to_them_and_no_other(two: Two) -> None:
    sandwell, worcestershire, browser = two
    mine, other = notice(), notice(name="transfer-notice-siblings")
    send_notices(sandwell, [mine, other], "test")
    await settled(sandwell, worcestershire)
    visitor = await desk(browser, worcestershire, Role.OUTREACH)
    await visitor.open("/inbox")
    assert await visitor.page.get_by_text("No notices are assigned to you.").is_visible()
    officer = await desk(browser, worcestershire, Role.CME_OFFICER)
    await officer.open(f"/cases/{mine.header.case_id}")
    await officer.page.get_by_label("Assign to another person").select_option(label="Otto Testvisitor")
    await officer.page.get_by_role("button", name="Assign", exact=True).click()
    await visitor.open("/inbox")
    await visitor.page.get_by_role("link", name="Testchild-Example, Ada").click()
    assert await visitor.page.get_by_role("heading", level=1).is_visible()
    assert await visitor.page.get_by_role("button", name="Accept this notice").count() == 0
    await visitor.open(f"/cases/{other.header.case_id}")
    assert await visitor.page.get_by_text("This case is not assigned to you.").is_visible()


async def test_a_call_is_written_down_and_then_the_case_may_be_closed(two: Two) -> None:
    sandwell, worcestershire, browser = two
    sent = notice()
    send_notices(sandwell, [sent], "test")
    await settled(sandwell, worcestershire)
    officer = await desk(browser, sandwell, Role.CME_OFFICER)
    await officer.open(f"/cases/{sent.header.case_id}")
    assert await officer.page.get_by_role("button", name="Close").count() == 0
    await officer.page.get_by_role("button", name="Record a phone handover").click()
    await officer.page.get_by_label("Who did you speak to?").fill("Wanda Testperson, pupil tracking")
    local = sandwell.now().astimezone(LONDON)
    for part, value in (("Day", local.day), ("Month", local.month), ("Year", local.year)):
        await officer.page.get_by_label(part).fill(str(value))
    await officer.page.get_by_label("Time of call").fill(f"{local:%H.%M}")
    await officer.page.get_by_role("button", name="Record handover").click()
    await officer.page.get_by_text("Phone handover recorded.").wait_for()
    assert await officer.page.get_by_text("Call with Wanda Testperson, pupil tracking.").is_visible()
    await officer.page.get_by_role("button", name="Close").click()
    await officer.page.get_by_role("button", name="Close").click()
    await officer.page.get_by_text("Case closed without an outcome.").wait_for()
    assert await state_of(sandwell, sent.header.message_id) is DeliveryState.CLOSED
    entries = await sandwell.store.read(lambda tx: list(audit_log.list_entries(tx)))
    assert "Wanda" not in json.dumps([one.entry for one in entries])


async def test_an_officer_finds_a_notice_by_what_they_know_and_no_name_stands_in_an_address(two: Two) -> None:
    sandwell, worcestershire, browser = two
    sent = notice()
    send_notices(sandwell, [sent], "test")
    await settled(sandwell, worcestershire)
    officer = await desk(browser, worcestershire, Role.CME_OFFICER)
    await officer.page.get_by_role("link", name="Find a notice", exact=True).click()
    for typed, found in (
        ("testchild-example 31.3.2016", "1 notice found"),
        ("nobody", "Nothing found, exact or similar"),
        ("testchilt 31.3.2016", "Nothing has exactly this. Similar: 1 notice"),
        ("X333210123001", "1 notice found"),
    ):
        await officer.page.get_by_label("Name, date of birth, UPN, ULN or reference").fill(typed)
        await officer.page.get_by_role("button", name="Find", exact=True).click()
        await officer.page.get_by_role("heading", name=found).wait_for()
        assert officer.page.url.endswith("/find")
    await officer.page.get_by_role("link", name="Testchild-Example, Ada").click()
    await officer.page.get_by_role("heading", name="Ada Testchild-Example").wait_for()
    found_by = await worcestershire.store.read(lambda tx: audit_log.list_newest_entries(tx, act="notice.searched"))
    assert len(found_by) == 4
    assert all("estchil" not in one.entry for one in found_by)
