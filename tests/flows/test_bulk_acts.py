"""Several notices of the inbox at once: each is done as if it were alone, and what is not done is named with why."""

import re
from urllib.parse import urlencode

from gateway.access import people
from gateway.casework import bulk_acts, by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.core.bulk_acts import MOST_AT_ONCE
from gateway.core.inbox_state import InboxState
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.store import inbox, outbox
from gateway.store.inbox import InboxItem
from schemas.message import Acknowledgement, Message
from tests.consoles import NAMES, session, sign_in_name
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_inbox import came, from_there
from tests.flows.test_team import list_assigned, list_entries

OFFICER = Role.CME_OFFICER
OLIVE, PERCY = map(sign_in_name, (OFFICER, Role.PUPIL_TRACKING))
KEY = re.compile(r'name="notice" value="([^"]+)"')


def name_of(message: Message) -> str:
    return f"885-{message.header.message_id}"


def item_of(visitor: Visitor, message: Message) -> InboxItem:
    return visitor.gw.store.look(lambda tx: inbox.get_message(tx, name_of(message)))


def address(act: str, *some: Message, **more: str) -> str:
    return f"/inbox/{act}?{urlencode([*more.items(), *(('notice', name_of(message)) for message in some)])}"


async def press(visitor: Visitor, act: str, keys: list[str], *, role: Role = OFFICER, **more: str) -> str:
    """Press the button of the page to check."""
    return await send_form(visitor, f"/inbox/{act}", [*more.items(), *(("notice", key) for key in keys)], 200, role)


async def send_form(
    visitor: Visitor, path: str, fields: list[tuple[str, str]], status: int = 303, role: Role = OFFICER
) -> str:
    """Send a form in which a name stands more than once."""
    cookies, token = session(visitor.gw, role)
    form = [("form_token", token), *fields]
    got = await visitor.client.post(path, cookies=cookies, data=form, allow_redirects=False)
    assert got.status == status, await got.text()
    return await got.text()


def list_sent(visitor: Visitor) -> list[outbox.Delivery]:
    return visitor.gw.store.look(lambda tx: outbox.search_outbox(tx))


async def test_six_are_accepted_in_one_press_each_with_its_own_acknowledgement_and_entry(visitor: Visitor) -> None:
    some = [from_there(visitor) for _ in range(6)]
    await came(visitor, *some)
    page = await visitor.get(OFFICER, address("accept", *some))
    assert page.count("Born 31 March 2016") == 6
    assert "<h1" in page
    assert "Accept 6 notices" in page
    keys = KEY.findall(page)
    assert keys == [f"{name_of(message)} new" for message in some]
    # Looking does nothing, and is one list.
    assert {item_of(visitor, message).state for message in some} == {InboxState.NEW}
    [entry] = list_entries(visitor, "list.read")
    assert '"names":6' in entry.entry
    done = await press(visitor, "accept", keys)
    assert "6 notices accepted" in done
    assert {item_of(visitor, message).state for message in some} == {InboxState.ACKNOWLEDGED}
    sent = list_sent(visitor)
    assert {it.in_reply_to for it in sent} == {message.header.message_id for message in some}
    assert len({it.case_id for it in sent}) == 6
    assert [entry.actor for entry in list_entries(visitor, "notice.queued")] == [OLIVE] * 6


async def test_a_second_press_accepts_nothing_again(visitor: Visitor) -> None:
    some = [from_there(visitor) for _ in range(2)]
    await came(visitor, *some)
    keys = [f"{name_of(message)} new" for message in some]
    await press(visitor, "accept", keys)
    again = await press(visitor, "accept", keys)
    assert "No notices accepted" in again
    assert again.count("can no longer be accepted. Its status is &#34;Accepted&#34;") == 2
    assert len(list_sent(visitor)) == 2


async def test_what_cannot_be_accepted_is_named_with_why_and_the_rest_is_done(visitor: Visitor) -> None:
    plain, phone, rung = (
        from_there(visitor, name=name)
        for name in ("transfer-notice", "transfer-notice-phone-only", "transfer-notice-phone-only")
    )
    asked, decided = from_there(visitor, name="whereabouts-enquiry"), from_there(visitor)
    await came(visitor, plain, phone, rung, asked, decided)
    gw = visitor.gw
    by_hand.record_received_call(gw, item_of(visitor, rung).name, PhoneCall("Wanda", gw.now()), OLIVE)
    page = await visitor.get(OFFICER, address("accept", plain, phone, rung, asked, decided))
    assert "Accept 3 notices" in page
    assert "No call is recorded" in page
    assert "This notice needs an answer" in page
    assert "This child" in page
    keys = KEY.findall(page)
    assert [key.split()[0] for key in keys] == [name_of(it) for it in (plain, rung, decided)]
    # Another officer is faster with one of them; somebody sends the two that were left out all the same.
    body = Acknowledgement(decision="rejected", reason="not-our-area", officer=gw.build_officer(PERCY))
    respond.acknowledge_notice(gw, name_of(decided), body, PERCY)
    done = await press(visitor, "accept", [*keys, f"{name_of(phone)} new", f"{name_of(asked)} new"])
    assert "2 notices accepted, 3 not" in done
    states = [item_of(visitor, it).state for it in (plain, phone, rung, asked, decided)]
    new, accepted = InboxState.NEW, InboxState.ACKNOWLEDGED
    assert states == [accepted, new, accepted, new, InboxState.REJECTED]
    assert "can no longer be accepted. Its status is &#34;Rejected" in done


async def test_one_that_stands_otherwise_than_it_was_shown_is_left_out(visitor: Visitor) -> None:
    message = from_there(visitor)
    await came(visitor, message)
    [done] = bulk_acts.accept_selected(visitor.gw, [f"{name_of(message)} acknowledged"], OLIVE)
    assert done.why == "Your reply was not sent. Someone else has already replied."
    assert item_of(visitor, message).state is InboxState.NEW


async def test_ten_are_assigned_to_one_person_and_who_has_them_keeps_them(visitor: Visitor) -> None:
    some = [from_there(visitor) for _ in range(10)]
    cases = await came(visitor, *some)
    people.assign_case(visitor.gw, cases[0], PERCY, "mona")
    people.assign_case(visitor.gw, cases[1], OLIVE, "mona")
    page = await visitor.get(OFFICER, address("assign", *some, person=PERCY))
    assert f"Assign 9 to {NAMES[Role.PUPIL_TRACKING]}" in page
    assert f"already assigned to {NAMES[Role.PUPIL_TRACKING]}" in page
    done = await press(visitor, "assign", KEY.findall(page), person=PERCY)
    assert f"9 notices assigned to {NAMES[Role.PUPIL_TRACKING]}" in done
    assert [list_assigned(visitor, case) for case in cases] == [[PERCY], [OLIVE, PERCY], *([[PERCY]] * 8)]
    assert [entry.actor for entry in list_entries(visitor, "case.assigned")] == ["mona", "mona", *([OLIVE] * 9)]
    assert list_sent(visitor) == []


async def test_a_selection_that_is_not_complete_is_corrected_in_the_inbox(visitor: Visitor) -> None:
    message = from_there(visitor)
    await came(visitor, message)
    many = [message, *(from_there(visitor) for _ in range(MOST_AT_ONCE))]
    none: list[Message] = []
    for act, some, more, wrong in (
        ("accept", none, {}, "Select the notices that you want to deal with"),
        ("accept", many, {}, f"Select {MOST_AT_ONCE} notices or fewer"),
        ("assign", none, {"person": PERCY}, "Select the notices that you want to deal with"),
        ("assign", [message], {"person": ""}, "Choose a person"),
        ("assign", [message], {"person": sign_in_name(Role.AUDITOR)}, "Choose a person"),
    ):
        page = await visitor.get(OFFICER, address(act, *some, sort="received", **more), 422)
        assert "<title>Error: Inbox" in page
        assert wrong in page
        assert ('form="selected" checked' in page) == bool(some)
        assert '<input type="hidden" name="sort" value="received">' in page
    assert list_entries(visitor, "case.assigned", "notice.queued") == []


async def test_no_more_than_a_page_is_done_whatever_a_form_carries(visitor: Visitor) -> None:
    some = [from_there(visitor) for _ in range(MOST_AT_ONCE + 2)]
    await came(visitor, *some)
    await press(visitor, "accept", [f"{name_of(message)} new" for message in some])
    assert len(list_sent(visitor)) == MOST_AT_ONCE


async def test_who_may_not_do_it_alone_may_not_do_it_with_many(visitor: Visitor) -> None:
    message = from_there(visitor)
    [case] = await came(visitor, message)
    people.assign_case(visitor.gw, case, sign_in_name(Role.OUTREACH), "mona")
    inbox_page = await visitor.get(Role.OUTREACH, "/inbox")
    assert case in inbox_page
    assert 'form="selected"' not in inbox_page
    for act in ("accept", "assign"):
        await visitor.get(Role.OUTREACH, address(act, message), 403)
        await visitor.post(Role.OUTREACH, f"/inbox/{act}", 403, notice=f"{name_of(message)} new")


async def test_to_whom_no_case_may_be_assigned_gets_none_by_a_form_of_their_own(visitor: Visitor) -> None:
    message = from_there(visitor)
    [case] = await came(visitor, message)
    done = await press(visitor, "assign", [f"{name_of(message)} new"], person=sign_in_name(Role.AUDITOR))
    assert "No notices assigned" in done
    assert "has no active account with a role that opens cases" in done
    assert list_assigned(visitor, case) == []
