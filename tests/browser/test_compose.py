"""An officer writes a notice in a real browser: the whole way, warnings, what is refused, what a stranger typed, and
twice the same.
"""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.authorities import postcodes
from gateway.casework import compose
from gateway.core.draft_state import DraftState
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import drafts as kept
from gateway.store import outbox
from schemas.message import TransferNotice
from tests import folders
from tests.children import notice
from tests.consoles import Desk, assert_accessible, chromium, desk, settled, two_houses
from tests.flows.test_leavers_folder import NOWHERE, RESTRICTED, put
from tests.flows.test_postcodes import directory

OLIVE = "cme.officer@council.example"
HOSTILE = '<script>alert()</script>O\'Test & "Co"'


@pytest.fixture
async def officer(tmp_path: Path) -> AsyncIterator[Desk]:
    """Sandwell's officer; Worcestershire's gateway runs too."""
    async with two_houses(tmp_path) as (sandwell, _), chromium() as browser:
        postcodes.import_directory(sandwell, io.BytesIO(directory()), by="ines")
        yield await desk(browser, sandwell, Role.CME_OFFICER)


async def on_to(officer: Desk, *names: str) -> None:
    for name in names:
        await officer.page.get_by_role("link", name=name).click()


async def go_on(officer: Desk) -> None:
    await officer.page.get_by_role("button", name="Continue", exact=True).click()


async def fill(officer: Desk, **fields: str) -> None:
    for label, value in fields.items():
        await officer.page.get_by_label(label.replace("_", " "), exact=False).first.fill(value)


async def day(officer: Desk, name: str, on: tuple[int, int, int]) -> None:
    for part, value in zip(("day", "month", "year"), on, strict=True):
        await officer.page.locator(f"#{name}-{part}").fill(str(value))


async def begin(officer: Desk, kind: str = "Transfer notice") -> None:
    await officer.open("/compositions")
    await officer.page.get_by_label(kind).check()
    await go_on(officer)


async def write_child(officer: Desk, surname: str = "Testchild-Example", upn: str = "X333210123001") -> None:
    """The three pages about the child, one after the other."""
    await officer.page.get_by_role("link", name="Name", exact=True).click()
    await officer.page.locator("#surname").fill(surname)
    await officer.page.locator("#forename").fill("Ada")
    await go_on(officer)
    await day(officer, "dob", (31, 3, 2016))
    await officer.page.get_by_label("Female").check()
    await go_on(officer)
    await officer.page.locator("#upn").fill(upn)
    await go_on(officer)


async def test_a_transfer_notice_from_the_first_page_to_the_other_authority(officer: Desk) -> None:
    await begin(officer)
    await assert_accessible(officer)
    await on_to(officer, "Restrictions on sharing")
    await officer.page.get_by_label("No restriction").check()
    await go_on(officer)
    await write_child(officer, HOSTILE, "Y333210123001")
    assert await officer.page.get_by_role("alert").get_by_text("first letter does not match").count() == 1
    await assert_accessible(officer)
    await officer.page.locator("#upn").fill("x3332 1012 3001")
    await officer.page.locator("#former_upn").fill("y333 2101 23001")
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("first letter does not match").count() == 1
    await officer.page.locator("#former_upn").fill("")
    await officer.page.locator("#unique_learner_number").fill("1000 000 043")
    await go_on(officer)
    await on_to(officer, "Date and certainty of the move")
    await officer.page.get_by_label("Believed").check()
    await go_on(officer)
    await on_to(officer, "New address")
    await officer.page.locator("#address_line").fill("Flat 3\n44 Placeholder Road")
    await officer.page.locator("#post_code").fill("wr1 9zz")
    await go_on(officer)
    await on_to(officer, "Reason and current provision")
    await officer.page.locator("#cme_reason").select_option("unknown")
    await officer.page.get_by_label("No provision").check()
    await go_on(officer)
    await on_to(officer, "Siblings")
    await officer.page.get_by_role("button", name="Add a sibling").click()
    await officer.page.locator("#surname").fill("Testchild-Example")
    await day(officer, "dob", (1, 2, 2018))
    await go_on(officer)
    await assert_accessible(officer)
    await go_on(officer)
    await on_to(officer, "Who to send it to")
    assert await officer.page.get_by_text("The new postcode is in Worcestershire").count() == 1
    await assert_accessible(officer)
    await go_on(officer)
    await officer.page.get_by_role("button", name="Check your answers").click()
    # Whom the page is about, and the answer.
    assert await officer.page.get_by_text(HOSTILE).count() == 2
    await assert_accessible(officer)
    await officer.page.get_by_role("button", name="Send notice").click()
    await assert_accessible(officer)
    await officer.page.go_back()
    # The page before leads there too.
    assert await officer.page.get_by_text("Notice submitted").count() == 1
    [sent] = officer.gw.store.look(lambda tx: outbox.search_outbox(tx))
    body = respond.read_outgoing(officer.gw, sent.message_id, OLIVE).body
    assert isinstance(body, TransferNotice)
    assert body.child
    assert body.destination_address
    assert (body.child.surname, body.child.upn) == (HOSTILE, "X333210123001")
    assert body.child.unique_learner_number == "1000000043"
    assert body.destination_address.post_code == "WR1 9ZZ"
    assert [one.dob.year for one in body.sibling] == [2018]
    await on_to(officer, "View case")
    assert await officer.page.get_by_role("heading", name=HOSTILE).count() == 1


async def test_of_a_child_who_is_phone_only_nothing_is_asked(officer: Desk) -> None:
    await begin(officer)
    await on_to(officer, "Restrictions on sharing")
    await officer.page.get_by_label("Phone only: do not send any details").check()
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("Enter the reason for the restriction").count() == 1
    await officer.page.get_by_label("Lives in a refuge").check()
    await officer.page.locator("#decided_by").fill("Olive Invented")
    await day(officer, "review_on", (1, 5, 2027))
    await go_on(officer)
    assert await officer.page.locator(".govuk-task-list__link").all_inner_texts() == [
        "Who to send it to", "Restrictions on sharing", "Contact for this notice"
    ]  # fmt: skip
    await officer.open(f"{officer.page.url.split(str(officer.gw.config.console.port))[1]}/names")
    assert await officer.page.get_by_text("This notice has no page at this address").count() == 1
    await begin(officer, "Whereabouts enquiry")
    await on_to(officer, "Restrictions on sharing")
    await officer.page.get_by_label("Phone only: do not send any details").check()
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("no authority can be asked").count() == 1


async def test_a_warning_is_shown_at_once_and_confirmed_before_it_is_sent(officer: Desk) -> None:
    old = notice()
    [ready] = prepare_messages(officer.gw, [old], OLIVE)
    officer.gw.store.run(lambda tx: queue_messages(tx, officer.gw, [ready]))
    await settled(officer.gw)
    await officer.open(f"/cases/{old.header.case_id}")
    await officer.page.get_by_role("button", name="Correct this notice").click()
    await officer.page.get_by_role("button", name="Start correction").click()
    await on_to(officer, "New address")
    await officer.page.locator("#post_code").fill("WS1 1TP")
    await go_on(officer)
    await on_to(officer, "Date of birth, sex")
    await day(officer, "dob", (31, 3, 2024))
    await go_on(officer)
    assert await officer.page.get_by_text("not of compulsory school age").count() == 1
    await go_on(officer)
    await officer.page.get_by_role("button", name="Check your answers").click()
    assert await officer.page.get_by_text("is in Walsall (335)").count() >= 1
    await officer.page.get_by_role("button", name="Send notice").click()
    assert await officer.page.get_by_role("alert").get_by_text("You need to check a warning first").count() == 1
    await assert_accessible(officer)
    await officer.page.get_by_label("I have checked these").check()
    await officer.page.get_by_role("button", name="Send notice").click()
    new, before = officer.gw.store.look(lambda tx: outbox.search_outbox(tx))
    assert (new.case_id, before.state) == (old.header.case_id, "withdrawn")


async def test_a_page_that_was_changed_in_another_window_says_so(officer: Desk) -> None:
    name = compose.begin_composition(officer.gw, "TransferNotice", OLIVE)
    await officer.open(f"/compositions/{name}/names")
    now = compose.open_composition(officer.gw, name, OLIVE)
    compose.save_composition(officer.gw, now, OLIVE)
    await officer.page.locator("#surname").fill("x" * 151)
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("Enter 150 characters or fewer").count() == 1
    await officer.open(f"/compositions/{name}/names")
    compose.save_composition(officer.gw, compose.open_composition(officer.gw, name, OLIVE), OLIVE)
    await officer.page.locator("#surname").fill("Testchild")
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("changed or sent after you opened").count() == 1
    await go_on(officer)
    assert compose.open_composition(officer.gw, name, OLIVE).body["child"]["surname"] == "Testchild"


async def test_a_draft_is_completed_on_the_same_pages_or_discarded(officer: Desk, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    put(tmp_path, NOWHERE, RESTRICTED)
    await folders.take_in_leavers(officer.gw, tmp_path / "one")
    await officer.open("/drafts")
    await assert_accessible(officer)
    await officer.page.locator("tr", has_text="details are restricted").get_by_role("link").click()
    assert await officer.page.get_by_text("No restriction").count() == 0
    await officer.page.get_by_role("button", name="Discard").click()
    await officer.page.get_by_role("button", name="Discard").click()
    assert await officer.page.get_by_role("alert").get_by_text("Select why no notice is needed").count() == 1
    await officer.page.get_by_label("Other authority told by phone").check()
    await officer.page.get_by_role("button", name="Discard").click()
    assert await officer.page.get_by_text("Leaver record discarded").count() == 1
    await officer.page.locator("tbody a").click()
    await assert_accessible(officer)
    await officer.page.get_by_role("button", name="Complete transfer notice").click()
    await on_to(officer, "Who to send it to")
    await officer.page.locator("#to").fill("Worcestershire")
    await go_on(officer)
    await officer.page.get_by_role("button", name="Check your answers").click()
    await officer.page.get_by_role("button", name="Send notice").click()
    [sent] = officer.gw.store.look(lambda tx: outbox.search_outbox(tx))
    [draft] = officer.gw.store.look(lambda tx: kept.list_drafts(tx, DraftState.SENT, 10))
    assert draft.message_id == sent.message_id


async def test_an_enquiry_is_written_and_goes_to_whom_an_officer_chooses(officer: Desk) -> None:
    await begin(officer, "Whereabouts enquiry")
    await on_to(officer, "Restrictions on sharing")
    await officer.page.get_by_label("No restriction").check()
    await go_on(officer)
    await write_child(officer)
    await on_to(officer, "Who to ask")
    await go_on(officer)
    assert await officer.page.get_by_role("alert").get_by_text("Select who to ask").count() == 1
    await officer.page.get_by_label("Yorkshire and The Humber: 0 of 15 can be reached").check()
    await officer.page.locator("summary", has_text="West Midlands").click()
    await officer.page.get_by_label("Worcestershire", exact=True).check()
    await assert_accessible(officer)
    await go_on(officer)
    await officer.page.get_by_role("button", name="Check your answers").click()
    assert await officer.page.get_by_text("All authorities in Yorkshire and The Humber, Worcestershire").count() == 1
    await officer.page.get_by_role("button", name="Send notice").dblclick()
    await officer.page.get_by_text("Notice submitted").wait_for()
    assert (
        await officer.page.get_by_text("Leeds: it is not a partner authority, and has no email address here").count()
        == 1
    )
    assert [one.recipient for one in officer.gw.store.look(lambda tx: outbox.search_outbox(tx))] == ["885"]
