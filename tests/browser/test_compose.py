"""An officer writes a notice in a real browser: the whole way, warnings, what is refused, what a stranger typed, and
twice the same.
"""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.authorities import postcodes
from gateway.casework import compose
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.exchange.send import prepare_messages, queue_messages
from gateway.one import leavers_folder
from gateway.store import drafts as kept
from gateway.store import outbox
from schemas.message import TransferNotice
from tests.children import notice
from tests.consoles import Desk, assert_accessible, chromium, desk, settled, two_houses
from tests.flows.test_leavers_folder import NOWHERE, RESTRICTED, put
from tests.flows.test_postcodes import directory

OLIVE = "cme.officer@council.example"
HOSTILE = '<script>alert()</script>O\'Test & "Co"'


@pytest.fixture
async def gw(tmp_path: Path) -> AsyncIterator[Desk]:
    """Sandwell's officer; Worcestershire's gateway runs too."""
    async with two_houses(tmp_path) as (sandwell, _), chromium() as browser:
        postcodes.import_directory(sandwell, io.BytesIO(directory()), by="ines")
        yield await desk(browser, sandwell, Role.CME_OFFICER)


async def on_to(gw: Desk, *names: str) -> None:
    for name in names:
        await gw.page.get_by_role("link", name=name).click()


async def go_on(gw: Desk) -> None:
    await gw.page.get_by_role("button", name="Continue", exact=True).click()


async def fill(gw: Desk, **fields: str) -> None:
    for label, value in fields.items():
        await gw.page.get_by_label(label.replace("_", " "), exact=False).first.fill(value)


async def day(gw: Desk, name: str, on: tuple[int, int, int]) -> None:
    for part, value in zip(("day", "month", "year"), on, strict=True):
        await gw.page.locator(f"#{name}-{part}").fill(str(value))


async def begin(gw: Desk, kind: str = "Transfer notice") -> None:
    await gw.open("/compositions")
    await gw.page.get_by_label(kind).check()
    await go_on(gw)


async def write_child(gw: Desk, surname: str = "Testchild-Example", upn: str = "X333210123001") -> None:
    """The three pages about the child, one after the other."""
    await gw.page.get_by_role("link", name="Name", exact=True).click()
    await gw.page.locator("#surname").fill(surname)
    await gw.page.locator("#forename").fill("Ada")
    await go_on(gw)
    await day(gw, "dob", (31, 3, 2016))
    await gw.page.get_by_label("Female").check()
    await go_on(gw)
    await gw.page.locator("#upn").fill(upn)
    await go_on(gw)


async def test_a_transfer_notice_from_the_first_page_to_the_other_authority(gw: Desk) -> None:
    await begin(gw)
    await assert_accessible(gw)
    await on_to(gw, "Restrictions on sharing")
    await gw.page.get_by_label("No restriction").check()
    await go_on(gw)
    await write_child(gw, HOSTILE, "Y333210123001")
    assert await gw.page.get_by_role("alert").get_by_text("first letter does not match").count() == 1
    await assert_accessible(gw)
    await gw.page.locator("#upn").fill("x3332 1012 3001")
    await gw.page.locator("#former_upn").fill("y333 2101 23001")
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("first letter does not match").count() == 1
    await gw.page.locator("#former_upn").fill("")
    await gw.page.locator("#unique_learner_number").fill("1000 000 043")
    await go_on(gw)
    await on_to(gw, "Date and certainty of the move")
    await gw.page.get_by_label("Believed").check()
    await go_on(gw)
    await on_to(gw, "New address")
    await gw.page.locator("#address_line").fill("Flat 3\n44 Placeholder Road")
    await gw.page.locator("#post_code").fill("wr1 9zz")
    await go_on(gw)
    await on_to(gw, "Reason and current provision")
    await gw.page.locator("#cme_reason").select_option("unknown")
    await gw.page.get_by_label("No provision").check()
    await go_on(gw)
    await on_to(gw, "Siblings")
    await gw.page.get_by_role("button", name="Add a sibling").click()
    await gw.page.locator("#surname").fill("Testchild-Example")
    await day(gw, "dob", (1, 2, 2018))
    await go_on(gw)
    await assert_accessible(gw)
    await go_on(gw)
    await on_to(gw, "Who to send it to")
    assert await gw.page.get_by_text("The new postcode is in Worcestershire").count() == 1
    await assert_accessible(gw)
    await go_on(gw)
    await gw.page.get_by_role("button", name="Check your answers").click()
    # Whom the page is about, and the answer.
    assert await gw.page.get_by_text(HOSTILE).count() == 2
    await assert_accessible(gw)
    await gw.page.get_by_role("button", name="Send notice").click()
    await assert_accessible(gw)
    await gw.page.go_back()
    # The page before leads there too.
    assert await gw.page.get_by_text("Notice submitted").count() == 1
    [sent] = gw.gw.store.look(lambda tx: outbox.search_outbox(tx))
    body = respond.read_outgoing(gw.gw, sent.message_id, OLIVE).body
    assert isinstance(body, TransferNotice)
    assert body.child
    assert body.destination_address
    assert (body.child.surname, body.child.upn) == (HOSTILE, "X333210123001")
    assert body.child.unique_learner_number == "1000000043"
    assert body.destination_address.post_code == "WR1 9ZZ"
    assert [one.dob.year for one in body.sibling] == [2018]
    await on_to(gw, "View case")
    assert await gw.page.get_by_role("heading", name=HOSTILE).count() == 1


async def test_of_a_child_who_is_phone_only_nothing_is_asked(gw: Desk) -> None:
    await begin(gw)
    await on_to(gw, "Restrictions on sharing")
    await gw.page.get_by_label("Phone only: do not send any details").check()
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("Enter the reason for the restriction").count() == 1
    await gw.page.get_by_label("Lives in a refuge").check()
    await gw.page.locator("#decided_by").fill("Olive Invented")
    await day(gw, "review_on", (1, 5, 2027))
    await go_on(gw)
    assert await gw.page.locator(".govuk-task-list__link").all_inner_texts() == [
        "Who to send it to", "Restrictions on sharing", "Contact for this notice"
    ]  # fmt: skip
    await gw.open(f"{gw.page.url.split(str(gw.gw.config.console.port))[1]}/names")
    assert await gw.page.get_by_text("This notice has no page at this address").count() == 1
    await begin(gw, "Whereabouts enquiry")
    await on_to(gw, "Restrictions on sharing")
    await gw.page.get_by_label("Phone only: do not send any details").check()
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("no authority can be asked").count() == 1


async def test_a_warning_is_shown_at_once_and_confirmed_before_it_is_sent(gw: Desk) -> None:
    old = notice()
    [ready] = prepare_messages(gw.gw, [old], OLIVE)
    gw.gw.store.run(lambda tx: queue_messages(tx, gw.gw, [ready]))
    await settled(gw.gw)
    await gw.open(f"/cases/{old.header.conversation_id}")
    await gw.page.get_by_role("button", name="Correct this notice").click()
    await gw.page.get_by_role("button", name="Start correction").click()
    await on_to(gw, "New address")
    await gw.page.locator("#post_code").fill("WS1 1TP")
    await go_on(gw)
    await on_to(gw, "Date of birth, sex")
    await day(gw, "dob", (31, 3, 2024))
    await go_on(gw)
    assert await gw.page.get_by_text("not of compulsory school age").count() == 1
    await go_on(gw)
    await gw.page.get_by_role("button", name="Check your answers").click()
    assert await gw.page.get_by_text("is in Walsall (335)").count() >= 1
    await gw.page.get_by_role("button", name="Send notice").click()
    assert await gw.page.get_by_role("alert").get_by_text("You need to check a warning first").count() == 1
    await assert_accessible(gw)
    await gw.page.get_by_label("I have checked these").check()
    await gw.page.get_by_role("button", name="Send notice").click()
    new, before = gw.gw.store.look(lambda tx: outbox.search_outbox(tx))
    assert (new.conversation_id, before.state) == (old.header.conversation_id, "withdrawn")


async def test_a_page_that_was_changed_in_another_window_says_so(gw: Desk) -> None:
    name = compose.begin_composition(gw.gw, "TransferNotice", OLIVE)
    await gw.open(f"/compositions/{name}/names")
    now = compose.open_composition(gw.gw, name, OLIVE)
    compose.save_composition(gw.gw, now, OLIVE)
    await gw.page.locator("#surname").fill("x" * 151)
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("Enter 150 characters or fewer").count() == 1
    await gw.open(f"/compositions/{name}/names")
    compose.save_composition(gw.gw, compose.open_composition(gw.gw, name, OLIVE), OLIVE)
    await gw.page.locator("#surname").fill("Testchild")
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("changed or sent after you opened").count() == 1
    await go_on(gw)
    assert compose.open_composition(gw.gw, name, OLIVE).body["child"]["surname"] == "Testchild"


async def test_a_draft_is_completed_on_the_same_pages_or_discarded(gw: Desk, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    put(tmp_path, NOWHERE, RESTRICTED)
    await leavers_folder.take_in(gw.gw, tmp_path / "one")
    await gw.open("/drafts")
    await assert_accessible(gw)
    await gw.page.locator("tr", has_text="details are restricted").get_by_role("link").click()
    assert await gw.page.get_by_text("No restriction").count() == 0
    await gw.page.get_by_role("button", name="Discard").click()
    await gw.page.get_by_role("button", name="Discard").click()
    assert await gw.page.get_by_role("alert").get_by_text("Select why no notice is needed").count() == 1
    await gw.page.get_by_label("Other authority told by phone").check()
    await gw.page.get_by_role("button", name="Discard").click()
    assert await gw.page.get_by_text("Leaver record discarded").count() == 1
    await gw.page.locator("tbody a").click()
    await assert_accessible(gw)
    await gw.page.get_by_role("button", name="Complete transfer notice").click()
    await on_to(gw, "Who to send it to")
    await gw.page.locator("#to").select_option("885")
    await go_on(gw)
    await gw.page.get_by_role("button", name="Check your answers").click()
    await gw.page.get_by_role("button", name="Send notice").click()
    [sent] = gw.gw.store.look(lambda tx: outbox.search_outbox(tx))
    [draft] = gw.gw.store.look(lambda tx: kept.list_drafts(tx, kept.DraftState.SENT, 10))
    assert draft.message_id == sent.message_id


async def test_an_enquiry_is_written_and_goes_to_whom_an_officer_chooses(gw: Desk) -> None:
    await begin(gw, "Whereabouts enquiry")
    await on_to(gw, "Restrictions on sharing")
    await gw.page.get_by_label("No restriction").check()
    await go_on(gw)
    await write_child(gw)
    await on_to(gw, "Who to ask")
    await go_on(gw)
    assert await gw.page.get_by_role("alert").get_by_text("Select who to ask").count() == 1
    await gw.page.get_by_label("Yorkshire and The Humber (15)").check()
    await gw.page.locator("summary", has_text="West Midlands").click()
    await gw.page.get_by_label("Worcestershire", exact=True).check()
    await assert_accessible(gw)
    await go_on(gw)
    await gw.page.get_by_role("button", name="Check your answers").click()
    assert await gw.page.get_by_text("All authorities in Yorkshire and The Humber, Worcestershire").count() == 1
    await gw.page.get_by_role("button", name="Send notice").dblclick()
    await gw.page.get_by_text("Notice submitted").wait_for()
    assert await gw.page.get_by_text("Leeds: it is not a partner authority, and has no email address here").count() == 1
    assert [one.recipient for one in gw.gw.store.look(lambda tx: outbox.search_outbox(tx))] == ["885"]
