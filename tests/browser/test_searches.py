"""Searches in a real browser: those that came beside our own children, and ours with its review."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.context import Gateway
from gateway.core.inbox_state import InboxState
from gateway.core.permissions import Role
from gateway.exchange import enquire
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.searches import match_incoming, review
from gateway.store import audit_log, inbox, outbox
from schemas.message import Message
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import Desk, chromium, desk, two_houses
from tests.flows.test_matches import EVE, enquiry, load

OLIVE = "cme.officer@council.example"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[tuple[Desk, Desk]]:
    """An officer of Sandwell's and one of Worcestershire's."""
    async with two_houses(tmp_path) as (sandwell, worcestershire), chromium() as browser:
        yield await desk(browser, sandwell, Role.CME_OFFICER), await desk(browser, worcestershire, Role.CME_OFFICER)


async def come(sandwell: Gateway, worcestershire: Gateway, *messages: Message) -> None:
    await receive_parcels(worcestershire, [one.sealed for one in prepare_messages(sandwell, messages, "test")], "333")
    await match_incoming.match_due_searches(worcestershire)


async def test_an_officer_sees_who_may_be_the_child_and_says_that_none_is(desks: tuple[Desk, Desk]) -> None:
    sandwell, worcestershire = desks
    load(worcestershire.gw, EVE)
    asked = enquiry()
    await come(sandwell.gw, worcestershire.gw, asked)
    await worcestershire.open("/matches")
    await worcestershire.page.get_by_role("link", name="Whereabouts enquiry").click()
    for reason in ("same UPN", "same date of birth", "Very strong match (score 99 out of 100)"):
        assert await worcestershire.page.get_by_text(reason).count() == 1
    await worcestershire.page.get_by_role("button", name="No match").click()
    assert await worcestershire.page.get_by_text("Your reply is being sent to Sandwell.").count() == 1
    item = worcestershire.gw.store.look(lambda tx: inbox.get_message(tx, asked.header.message_id))
    assert item.state is InboxState.CONCLUDED
    [read] = worcestershire.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="match.read"))
    assert (read.actor, read.about) == (OLIVE, item.message_id)
    assert worcestershire.said == []


async def test_all_searches_that_nobody_is_near_to_are_answered_in_one_act(desks: tuple[Desk, Desk]) -> None:
    sandwell, worcestershire = desks
    load(worcestershire.gw)
    await come(sandwell.gw, worcestershire.gw, enquiry(), enquiry())
    await worcestershire.open("/matches")
    await worcestershire.page.get_by_role("button", name="Reply to all 2").click()
    assert await worcestershire.page.get_by_text("2 notices will be answered").count() == 1
    await worcestershire.page.get_by_role("button", name="Reply to all").click()
    assert await worcestershire.page.get_by_text('No checked notice needs a "no trace" reply.').count() == 1
    assert len(worcestershire.gw.store.look(lambda tx: outbox.search_outbox(tx))) == 2


async def test_a_search_is_reviewed_asked_again_and_stood_down(desks: tuple[Desk, Desk]) -> None:
    gw, _ = desks
    done = enquire.ask_authorities(gw.gw, notice(name="whereabouts-enquiry"), ["885"], {}, OLIVE)
    await gw.open("/reviews")
    await gw.page.get_by_role("link", name="Record review").click()
    await gw.page.get_by_label("Police").select_option("no-information")
    await gw.page.get_by_role("button", name="Record review").click()
    assert await gw.page.get_by_text("Police: no information").count() == 1
    assert await gw.page.get_by_text("Review recorded. Next review").count() == 1
    stale = await gw.page.content()
    await gw.page.get_by_role("button", name="Ask again").click()
    assert await gw.page.get_by_text("1 authority asked again").count() == 1
    # As after the back button.
    await gw.page.set_content(stale)
    await gw.page.evaluate("document.querySelector('form[action$=ask-again]').action = location.origin + "
                             f"'/cases/{done.case}/ask-again'")  # fmt: skip
    await gw.page.get_by_role("button", name="Ask again").click()
    assert await gw.page.get_by_text("The review was not saved").count() == 1
    assert [one.reviews for one in review.list_reviews(gw.gw)] == [2]
    await gw.open(f"/cases/{done.case}/search")
    await gw.page.get_by_role("button", name="End").click()
    await gw.page.get_by_label("In education").check()
    today = gw.gw.now()
    for part, value in (("Day", today.day), ("Month", today.month), ("Year", today.year)):
        await gw.page.get_by_label(part).fill(str(value))
    await gw.page.get_by_role("button", name="End").click()
    assert await gw.page.get_by_role("heading", name="Timeline").count() == 1
    assert review.list_reviews(gw.gw) == []


async def test_a_case_in_which_many_were_asked_shows_the_search_and_not_every_notice(
    desks: tuple[Desk, Desk], tmp_path: Path
) -> None:
    gw, _ = desks
    for code, name in (("330", "Birmingham"), ("332", "Dudley")):
        there = make(tmp_path / code, code, name)
        introduce(gw.gw, there)
        there.store.close()
    done = enquire.ask_authorities(gw.gw, notice(name="whereabouts-enquiry"), ["885", "330", "332"], {}, OLIVE)
    await gw.open(f"/cases/{done.case}")
    assert await gw.page.get_by_role("heading", name="Search: 3 authorities asked").count() == 1
    assert await gw.page.locator("section.message").count() == 1
    assert await gw.page.get_by_text("Whereabouts enquiry sent (3 times)").count() == 1
    assert len(gw.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))) == 1
    await gw.page.get_by_role("button", name="View search").click()
    assert await gw.page.locator("tbody tr").count() == 3
    await gw.page.get_by_role("button", name="Ask more authorities").click()
    await gw.page.get_by_label("Wales: 0 of 22 can be reached").check()
    await gw.page.get_by_role("button", name="Send to selected authorities").click()
    assert await gw.page.get_by_text("it is not a partner authority, and has no email address here").count() == 1
