"""The inbox as officers have it in the console: in order, whole, and asked for by links that can be kept."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import update

from gateway.access import people
from gateway.casework import inbox_list, message_pages
from gateway.console.inbox import SHOWN
from gateway.core import labels
from gateway.core.inbox_order import NOBODY, DueWhen, InboxSort
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log, audit_search, inbox, tables
from gateway.store.audit_search import AuditQuery
from schemas.message import Acknowledgement, Message, Needs, Sibling, Withdrawal
from schemas.shapes import CaseId
from tests.children import notice
from tests.consoles import sign_in_name
from tests.flows.reporting import exchange, transfer
from tests.flows.test_console_oversight import Visitor, later

OFFICER = Role.CME_OFFICER
ROW = re.compile(r'<th scope="row".*?href="/cases/([0-9a-f-]{36})"', re.DOTALL)


def from_there(visitor: Visitor, *, name: str = "transfer-notice", **changes: Any) -> Message:
    """A notice from Worcestershire; with nothing in it that is urgent, if not asked otherwise."""
    message = notice("885", "333", name=name, now=visitor.gw.now())
    plain = {"needs": None} if hasattr(message.body, "needs") else {}
    return Message(message.header, replace(message.body, **plain | changes))


async def came(visitor: Visitor, *messages: Message) -> list[CaseId]:
    """They came; their cases, in this order."""
    for at in range(0, len(messages), 30):
        ready = prepare_messages(visitor.there, list(messages[at : at + 30]), "test", confirmed=["notice.same-child"])
        await receive_parcels(visitor.gw, [one.sealed for one in ready], "885")
    return [message.header.case_id for message in messages]


def cases_on(page: str) -> list[str]:
    return ROW.findall(page)


def pages_after(page: str) -> list[str]:
    return [unquote(it).replace("&amp;", "&") for it in re.findall(r'href="([^"]*)"[^>]*rel="next"', page)]


async def walk(visitor: Visitor, address: str, role: Role = OFFICER) -> list[str]:
    """Every row, page by page, by the links that the pages have."""
    rows, following = list[str](), [address]
    while following:
        page = await visitor.get(role, following[0])
        rows += cases_on(page)
        assert len(cases_on(page)) <= SHOWN
        following = pages_after(page)
    return rows


async def test_every_row_is_reached_once_in_each_order_and_the_filters_leave_nothing_out(visitor: Visitor) -> None:
    some = [from_there(visitor) for _ in range(2 * SHOWN + 3)]
    cases = await came(visitor, *some, from_there(visitor, name="whereabouts-unknown-notice"))
    for sort in InboxSort:
        assert sorted(await walk(visitor, f"/inbox?sort={sort}")) == sorted(cases)
    assert sorted(await walk(visitor, "/inbox?all")) == sorted(cases)
    parts = [
        ("kind=TransferNotice", "kind=WhereaboutsUnknownNotice"),
        ("authority=885", "authority=330"),
        (f"officer={NOBODY}", f"officer={sign_in_name(OFFICER)}"),
    ]
    for both in parts:
        rows = [row for query in both for row in await walk(visitor, f"/inbox?{query}&sort=received")]
        assert sorted(rows) == sorted(cases)
    page = await visitor.get(OFFICER, "/inbox?kind=TransferNotice&sort=received")
    [following] = pages_after(page)
    assert following == "/inbox?kind=TransferNotice&sort=received&page=2"
    assert 'value="TransferNotice" selected' in page


async def test_a_list_of_all_that_came_is_walked_there_and_back(visitor: Visitor) -> None:
    await came(visitor, *(from_there(visitor) for _ in range(SHOWN + 2)))
    first = await visitor.get(OFFICER, "/inbox?all")
    [following] = pages_after(first)
    second = await visitor.get(OFFICER, following)
    assert len(cases_on(second)) == 2
    [before] = re.findall(r'href="([^"]*)"[^>]*rel="prev"', second)
    again = await visitor.get(OFFICER, before.replace("&amp;", "&"))
    assert cases_on(again) == cases_on(first)
    assert 'rel="prev"' not in again


async def test_the_urgent_stands_first_then_the_restricted_then_what_is_late(visitor: Visitor) -> None:
    old = await came(visitor, from_there(visitor))
    later(visitor, 8)
    young = await came(
        visitor,
        from_there(visitor),
        from_there(visitor, name="transfer-notice-phone-only"),
        from_there(visitor, needs=Needs(risk_group=("harm-or-neglect",))),
    )
    page = await visitor.get(OFFICER, "/inbox")
    assert cases_on(page) == [young[2], young[1], old[0], young[0]]
    assert page.index(young[2]) < page.index("Safeguarding") < page.index(young[1])
    assert "Inbox (4: 1 overdue)" in page
    assert cases_on(await visitor.get(OFFICER, "/inbox?due=late")) == old
    assert cases_on(await visitor.get(OFFICER, "/inbox?sort=received"))[0] == old[0]


async def test_what_is_due_today_is_counted_and_a_link_leads_to_it(visitor: Visitor) -> None:
    [case] = await came(visitor, from_there(visitor))
    [item] = visitor.gw.store.look(lambda tx: inbox.search_inbox(tx, visitor.gw.now()))
    received = visitor.gw.now() - timedelta(hours=1)
    state = update(tables.inbox).values(received_at=received)
    visitor.gw.store.run(lambda tx: tx.execute(state))
    [waiting] = inbox_list.list_waiting(visitor.gw)
    assert waiting.name == item.name
    assert waiting.due_at is not None
    moment = waiting.due_at - timedelta(minutes=1)
    visitor.gw.now = lambda: moment
    page = await visitor.get(OFFICER, "/inbox")
    assert "1 due today" in page
    assert cases_on(await visitor.get(OFFICER, f"/inbox?due={DueWhen.TODAY}")) == [case]
    assert "No notices match your filters." in await visitor.get(OFFICER, "/inbox?due=late")


async def test_a_row_says_when_the_child_was_born_who_its_siblings_are_and_who_has_it(visitor: Visitor) -> None:
    born = date(2015, 9, 3)
    siblings = (Sibling(surname="Testchild-Example", forename="Ben", dob=born), Sibling(surname="Other", dob=born))
    [case, other] = await came(visitor, from_there(visitor, sibling=siblings), from_there(visitor, sibling=()))
    people.assign_case(visitor.gw, case, sign_in_name(OFFICER), "mona")
    page = await visitor.get(OFFICER, "/inbox?sort=received")
    rows = page.split("<tr ")
    [mine] = [row for row in rows if case in row]
    [nobodys] = [row for row in rows if other in row]
    assert "Born 31 March 2016" in mine
    assert "Siblings: Ben, Other" in mine
    assert "Olive Testofficer" in mine
    assert "Sibling" not in nobodys
    assert labels.name_unassigned() in nobodys
    assert "1 assigned to you" in page
    assert cases_on(await visitor.get(OFFICER, f"/inbox?officer={sign_in_name(OFFICER)}")) == [case]
    # A list is one entry, which mentions the notices that it named.
    for of, times in ((case, 2), (other, 1)):
        [item] = message_pages.list_received_of_cases(visitor.gw, [of])
        sought = AuditQuery(acts=("list.read",), abouts=(item.message_id,))
        entries = visitor.gw.store.look(lambda tx, by=sought: audit_search.search_entries(tx, by, None, 9))  # type: ignore[misc]
        assert len(entries) == times


async def test_of_a_child_who_is_phone_only_a_row_names_nobody(visitor: Visitor) -> None:
    await came(visitor, from_there(visitor, name="transfer-notice-phone-only"))
    page = await visitor.get(OFFICER, "/inbox")
    assert "This child" in page
    assert "Born" not in page


async def test_an_empty_inbox_says_whose_it_is(visitor: Visitor) -> None:
    assert "Nothing is waiting for Sandwell." in await visitor.get(OFFICER, "/inbox")
    await came(visitor, from_there(visitor))
    for address in ("/inbox", "/inbox?all", "/sent"):
        assert "No notices are assigned to you." in await visitor.get(Role.OUTREACH, address)


async def test_an_outreach_officer_walks_through_what_is_theirs_and_sees_no_other(visitor: Visitor) -> None:
    cases = await came(visitor, *(from_there(visitor) for _ in range(SHOWN + 3)))
    for case in cases[:-1]:
        people.assign_case(visitor.gw, case, sign_in_name(Role.OUTREACH), "mona")
    for address in ("/inbox", f"/inbox?officer={NOBODY}", "/inbox?all"):
        assert sorted(await walk(visitor, address, Role.OUTREACH)) == sorted(cases[:-1])
    assert "Inbox (27)" in await visitor.get(Role.OUTREACH, "/inbox")


@pytest.mark.parametrize("said", ["x", "' OR 1=1", "%00", "é", "-1", "999999999", "late&due=today"])
async def test_a_filter_that_is_none_shows_a_page_and_no_error(visitor: Visitor, said: str) -> None:
    await came(visitor, from_there(visitor))
    for name in ("sort", "due", "page", "kind", "authority", "officer"):
        assert "Inbox: notices you need to deal with" in await visitor.get(OFFICER, f"/inbox?{name}={said}")


async def test_what_was_answered_waits_no_more_and_a_reply_that_does_not_fit_is_called_about(visitor: Visitor) -> None:
    await came(visitor, from_there(visitor))
    [item] = visitor.gw.store.look(lambda tx: inbox.search_inbox(tx, visitor.gw.now()))
    officer = visitor.gw.build_officer("olive")
    rejected = Acknowledgement(decision="rejected", reason="not-our-area", officer=officer)
    respond.acknowledge_notice(visitor.gw, item.message_id, rejected, "olive")
    assert cases_on(await visitor.get(OFFICER, "/inbox")) == []
    ours = await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now(), needs=None))
    assert ours[-12:] in await visitor.get(OFFICER, "/sent")


async def test_a_withdrawal_because_a_restriction_was_missed_waits_until_an_officer_has_dealt_with_it(
    visitor: Visitor,
) -> None:
    sent = from_there(visitor)
    await came(visitor, sent)
    head = notice("885", "333", case_id=sent.header.case_id, sequence=2, now=visitor.gw.now()).header
    missed = Withdrawal(reason="restriction-missed", officer=visitor.there.build_officer("test"))
    ready = Message(replace(head, in_reply_to=sent.header.message_id), missed)
    await came(visitor, ready)
    page = await visitor.get(OFFICER, "/inbox")
    [case] = cases_on(page)
    assert "Safeguarding" in page
    assert "Call Worcestershire" in page
    opened = await visitor.get(OFFICER, f"/cases/{case}")
    assert "a restriction was missed" in opened
    assert "Do not use or share the details in the notice." in opened
    address = f"/cases/{case}/notices/885-{ready.header.message_id}/dealt-with"
    await visitor.post(Role.OUTREACH, address, 403)
    assert cases_on(await visitor.get(OFFICER, "/inbox")) == [case]
    for _ in range(2):
        await visitor.post(OFFICER, address, 303)
    assert cases_on(await visitor.get(OFFICER, "/inbox")) == []
    assert "Mark as dealt with" not in await visitor.get(OFFICER, f"/cases/{case}")
    entries = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.urgent-seen"))
    assert [entry.about for entry in entries] == [ready.header.message_id]
