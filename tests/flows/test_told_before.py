"""Officers are told before they send whom they cannot reach, and afterwards what did not arrive; they choose one of many
authorities by a part of its name.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection

from gateway import home_folder
from gateway.authorities import correspondents
from gateway.authorities.reach import ReachWay, find_reach, list_reaches
from gateway.casework import compose
from gateway.casework.failed_notices import list_failed_notices
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.permissions import Role
from gateway.errors import NotAllowed, NotFound, Unfit
from gateway.exchange import enquire, respond
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.searches import call_list, search
from gateway.searches.call_list import SearchCall
from gateway.store import audit_log, inbox, not_asked, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.outbox import SettledTry
from schemas import codes
from schemas.message import Acknowledgement, LocatedNotice, MessageKind
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.conftest import introduce
from tests.consoles import house
from tests.flows.reporting import exchange
from tests.flows.test_compose import written
from tests.flows.test_console_oversight import Visitor

OFFICER, TRACKER = Role.CME_OFFICER, Role.PUPIL_TRACKING
LEEDS, DUDLEY, WORCESTERSHIRE = "383", "332", "885"
MAIL = """[email]
address = "gateway@sandwell.example"
smtp = "smtp://127.0.0.1:9"
imap = "imaps://127.0.0.1:9"
user = "gateway"
password_file = "mail"
"""
MACHINE = (
    "SFTP: mailbox: HTTPS: the partner's gateway cannot be reached (ConnectionRefusedError); email: the certificate of"
    " your email server is not valid"
)


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """Sandwell: Worcestershire is a partner, Dudley is reached by email, and nobody else is reached."""
    there = house(tmp_path / "885", "885", "Worcestershire", ())
    house(tmp_path / "333", "333", "Sandwell").store.close()
    (tmp_path / "333" / "mail").write_text("invented")
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(MAIL)
    gw = home_folder.open_gateway(tmp_path / "333")
    introduce(gw, there)
    correspondents.enter_correspondent(
        gw, DUDLEY, "cme@dudley.example", "notify-only", telephone="01632 960332", by="test"
    )
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield Visitor(gw, there, client)
    await client.close()
    for one in (gw, there):
        one.store.close()


async def begin(visitor: Visitor, kind: MessageKind, to: dict[str, object]) -> str:
    """A notice that is whole; where it lies."""
    return f"/compositions/{written(visitor.gw, kind, to)}"


def words(page: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def was(page: str) -> str:
    [found] = set(re.findall('name="was" value="([0-9]+)"', page))
    return str(found)


def test_each_authority_is_reached_by_gateway_by_email_or_not_at_all(visitor: Visitor) -> None:
    reaches = list_reaches(visitor.gw)
    assert set(reaches) == {*codes.get_labels("authorities_live"), *codes.get_labels("authorities_wales")} - {"333"}
    ways = {code: reach.way for code, reach in reaches.items() if reach.way is not ReachWay.NONE}
    assert ways == {WORCESTERSHIRE: ReachWay.GATEWAY, DUDLEY: ReachWay.EMAIL}
    assert all(bool(reach.why) == (reach.way is ReachWay.NONE) for reach in reaches.values())
    assert find_reach(visitor.gw, DUDLEY).contact == "01632 960332"
    visitor.gw.mail = None
    assert find_reach(visitor.gw, DUDLEY).way is ReachWay.NONE


async def test_the_list_says_who_cannot_be_reached_and_one_such_is_refused_where_it_is_chosen(visitor: Visitor) -> None:
    place = await begin(visitor, "TransferNotice", {"to": WORCESTERSHIRE})
    page = await visitor.get(OFFICER, f"{place}/whom")
    assert '<option value="Leeds (383)">Leeds (383) - cannot be reached: call them</option>' in page
    assert '<option value="Dudley (332)">Dudley (332) - by email only</option>' in page
    assert '<option value="Worcestershire (885)"></option>' in page
    assert 'value="Sandwell (333)"' not in page
    refused = words((await visitor.post(OFFICER, f"{place}/whom", 422, to="leeds", was=was(page))).decode())
    assert "Leeds (383) cannot be reached" in refused
    assert "Call them, or ask your IT team to add its card, or an email address for letters." in refused
    # Nothing was saved; and what was chosen before it could not be reached is refused by the rules.
    name = place.rsplit("/", 1)[1]
    now = compose.open_composition(visitor.gw, name, "olive")
    assert now.to == {"to": WORCESTERSHIRE}
    compose.save_composition(visitor.gw, replace(now, to={"to": LEEDS}), "olive")
    check = await visitor.get(OFFICER, f"{place}/check")
    assert "Leeds (383) cannot be reached" in words(check)
    assert "Send notice" not in check
    with pytest.raises(Unfit, match=r"Leeds \(383\) cannot be reached"):
        compose.send_composition(visitor.gw, name, (), "olive")


# What is typed, what is picked below it, and the authority that is meant; None: none is.
CHOICES = (
    ("Worcestershire", "", WORCESTERSHIRE),
    ("worcestershire (885)", "", WORCESTERSHIRE),
    ("885", "", WORCESTERSHIRE),
    ("worc", WORCESTERSHIRE, WORCESTERSHIRE),
    ("worcs", WORCESTERSHIRE, None),
    ("worc", "", None),
    ("worc", DUDLEY, None),
    ("Sandwell", "", None),
    ("", "", None),
    ("x" * 5000, "", None),
)


async def test_one_of_many_is_chosen_by_its_name_and_never_by_a_part_alone(visitor: Visitor) -> None:
    place = await begin(visitor, "TransferNotice", {"to": DUDLEY})
    before = DUDLEY
    for typed, picked, code in CHOICES:
        page = await visitor.get(OFFICER, f"{place}/whom")
        choice = {"to": typed, "to-picked": picked, "was": was(page)}
        await visitor.post(OFFICER, f"{place}/whom", 303 if code else 422, **choice)
        now = compose.open_composition(visitor.gw, place.rsplit("/", 1)[1], "olive")
        before = code or before
        assert now.to["to"] == before


async def test_a_part_of_a_name_offers_whom_it_may_mean(visitor: Visitor) -> None:
    place = await begin(visitor, "TransferNotice", {"to": DUDLEY})
    typed = {"to": "Poole", "was": was(await visitor.get(OFFICER, f"{place}/whom"))}
    page = (await visitor.post(OFFICER, f"{place}/whom", 422, **typed)).decode()
    assert "Select the authority you mean" in page
    assert re.search('type="radio" value="839"', page)


async def test_regions_say_how_many_can_be_reached_and_the_check_page_whom_to_call(visitor: Visitor) -> None:
    place = await begin(visitor, "WhereaboutsEnquiry", {"to": [], "region": ["West Midlands"]})
    page = await visitor.get(OFFICER, f"{place}/whom")
    assert "West Midlands: 2 of 13 can be reached" in words(page)
    assert "North East: 0 of 12 can be reached" in words(page)
    assert "Leeds (383) - cannot be reached: call them" in words(page)
    check = words(await visitor.get(OFFICER, f"{place}/check"))
    assert "11 of these cannot be reached and will not be asked" in check
    assert "Birmingham (330)" in check
    assert "Dudley gets an email" in check
    found = (await visitor.post(OFFICER, f"{place}/whom", 200, act="find", find="leed", region="London")).decode()
    assert re.search('id="to-found"[^>]*value="383"', found)
    assert re.search('value="London" checked', found)
    # To find one saves nothing.
    assert compose.open_composition(visitor.gw, place.rsplit("/", 1)[1], "olive").to["region"] == ["West Midlands"]
    nobody = {"to": LEEDS, "was": was(page)}
    assert b"Nobody can be asked" in await visitor.post(OFFICER, f"{place}/whom", 422, **nobody)


async def ask_region(visitor: Visitor) -> CaseId:
    """Ask the West Midlands, of whom two can be reached."""
    meant, left_out = enquire.resolve_recipients(visitor.gw, regions=["West Midlands"])
    about = notice("333", "885", name="whereabouts-enquiry", now=visitor.gw.now())
    return enquire.ask_authorities(visitor.gw, about, meant, left_out, "olive").case


async def test_who_was_not_asked_stays_in_the_case_until_somebody_calls_them(visitor: Visitor) -> None:
    case = await ask_region(visitor)
    assert "11 authorities were not asked: call them" in words(await visitor.get(OFFICER, f"/cases/{case}"))
    page = words(await visitor.get(OFFICER, f"/cases/{case}/search"))
    assert "Not asked: call them (11)" in page
    day = visitor.gw.now().astimezone()
    call = {"on-day": str(day.day), "on-month": str(day.month), "on-year": str(day.year), "time": f"{day:%H:%M}"}
    said = {"result": "no-trace", "spoken_to": "Brenda Invented", "note": "Asked twice"}
    address = f"/cases/{case}/call/330"
    await visitor.get(OFFICER, address)
    await visitor.post(OFFICER, address, 422, **call)
    await visitor.post(OFFICER, address, 303, **call, **said)
    page = words(await visitor.get(OFFICER, f"/cases/{case}/search"))
    assert "Not asked: call them (10)" in page
    assert "Birmingham : They have no trace of this child" in page
    assert "Brenda Invented. Asked twice" in page
    await visitor.get(OFFICER, address, 404)
    # Locked, and in the log without who it was.
    [stored] = [it for it in visitor.gw.store.look(lambda tx: not_asked.list_not_asked(tx, case)) if it.result]
    assert b"Brenda" not in (stored.content or b"")
    [entry] = [
        entry
        for entry in visitor.gw.store.look(lambda tx: audit_log.list_entries_from(tx, 0, 1000))
        if entry.act == "search.called"
    ]
    assert (entry.about, entry.partner) == (case, "330")


async def test_a_call_is_recorded_once_and_only_of_who_was_not_asked(visitor: Visitor) -> None:
    case, now = await ask_region(visitor), visitor.gw.now()
    call = SearchCall("Brenda Invented", now, "found")
    call_list.record_search_call(visitor.gw, case, "330", call, "olive")
    assert search.open_search(visitor.gw, case, "olive").advice.startswith("Birmingham says by phone that the child")
    with pytest.raises(NotAllowed, match=r"search-call\.already"):
        call_list.record_search_call(visitor.gw, case, "330", call, "percy")
    with pytest.raises(NotFound, match=r"search-call\.not-found"):
        call_list.record_search_call(visitor.gw, case, WORCESTERSHIRE, call, "olive")
    for wrong in (replace(call, at=now + timedelta(days=1)), replace(call, at=now - timedelta(days=1))):
        with pytest.raises(NotAllowed, match=r"call\.other-time"):
            call_list.record_search_call(visitor.gw, case, "331", wrong, "olive")
    with pytest.raises(NotAllowed, match=r"call\.other-result"):
        call_list.record_search_call(visitor.gw, case, "331", replace(call, result="x"), "olive")


async def test_who_is_asked_later_is_called_no_more_and_nothing_is_noted_of_ourselves(visitor: Visitor) -> None:
    about = notice("333", "885", name="whereabouts-enquiry", now=visitor.gw.now())
    meant, left_out = enquire.resolve_recipients(visitor.gw, ["333", "330", WORCESTERSHIRE])
    case = enquire.ask_authorities(visitor.gw, about, meant, left_out, "olive").case
    assert [it.authority for it in search.open_search(visitor.gw, case, "olive").to_call] == ["330"]
    correspondents.enter_correspondent(
        visitor.gw, "330", "cme@birmingham.example", "notify-only", telephone="01632 960330", by="test"
    )
    enquire.ask_more_authorities(visitor.gw, case, ["330"], {}, "olive")
    assert search.open_search(visitor.gw, case, "olive").not_asked == []


async def test_once_the_search_has_ended_nobody_is_to_be_called(visitor: Visitor) -> None:
    case = await ask_region(visitor)
    body = LocatedNotice(located_on=visitor.gw.now().date(), way="in-education", ring=visitor.gw.build_officer("olive"))
    stand_down_search(visitor.gw, case, body, "olive")
    assert call_list.count_to_call(visitor.gw, case) == 0
    assert "call them" not in words(await visitor.get(OFFICER, f"/cases/{case}/search"))


def fail(gw: Gateway, message_id: MessageId, reason: str = MACHINE) -> None:
    """The gateway gave it up."""
    settled = SettledTry(message_id, DeliveryState.FAILED, "email", "gave up", reason)

    def write(tx: Connection) -> None:
        outbox.settle_deliveries(tx, gw.now(), [settled])
        audit_log.append_entries(tx, gw.now(), [AuditEntry("notice.failed", "cme-gateway", message_id, "885")])

    gw.store.run(write)


async def test_what_was_not_delivered_is_a_task_in_words_and_is_tried_again_from_its_case(visitor: Visitor) -> None:
    message = notice("333", "885", now=visitor.gw.now())
    [sent] = send_notices(visitor.gw, [message], "olive")
    case = f"/cases/{message.header.case_id}"
    assert "Not delivered" not in words(await visitor.get(OFFICER, "/inbox"))
    fail(visitor.gw, sent)
    pages = [await visitor.get(OFFICER, place) for place in ("/inbox", case, "/sent")]
    for page in pages:
        assert "The gateway of Worcestershire could not be reached" in words(page)
        for machine in ("ConnectionRefused", "HTTPS:", "certificate", "mailbox:"):
            assert machine not in page
    assert "Inbox (1)" in words(pages[0])
    assert "Testchild-Example, Ada" in words(pages[0])
    assert "The transfer notice to Worcestershire was not delivered" in words(pages[1])
    assert "You need to act" in words(pages[1])
    assert MACHINE in unescape(await visitor.get(Role.OPERATOR, "/health"))
    await visitor.post(Role.OUTREACH, f"{case}/notices/{sent}/try-again", 403)
    await visitor.post(OFFICER, f"{case}/notices/{sent}/try-again", 303)
    again = words(await visitor.get(OFFICER, f"{case}?done=try-again"))
    assert "The gateway is trying to deliver it again" in again
    assert "It is your move" not in again
    assert list_failed_notices(visitor.gw, 10) == []
    # Somebody was faster.
    fail(visitor.gw, sent)
    outcome = visitor.gw.store.look(lambda tx: outbox.get_delivery(tx, sent))
    assert outcome.state is DeliveryState.FAILED


async def test_a_reply_that_was_not_delivered_is_a_task_until_it_is_told_by_phone(visitor: Visitor) -> None:
    await exchange(visitor.there, visitor.gw, notice("885", "333", now=visitor.gw.now()))
    [came] = visitor.gw.store.look(lambda tx: inbox.search_inbox(tx, visitor.gw.now()))
    body = Acknowledgement(decision="accepted", officer=visitor.gw.build_officer("olive"))
    reply = respond.acknowledge_notice(visitor.gw, came.name, body, "olive")
    fail(visitor.gw, reply)
    case = f"/cases/{came.case_id}"
    page = words(await visitor.get(OFFICER, case))
    assert "The acknowledgement to Worcestershire was not delivered" in page
    assert "Record that you told them by phone" in page
    day = visitor.gw.now().astimezone()
    call = {"on-day": str(day.day), "on-month": str(day.month), "on-year": str(day.year), "time": f"{day:%H:%M}"}
    form = f"{case}/notices/{reply}/handover"
    await visitor.post(OFFICER, form, 303, was="failed", spoken_to="Wendy Invented", **call)
    assert list_failed_notices(visitor.gw, 10) == []
    assert "was not delivered" not in words(await visitor.get(OFFICER, case))


async def test_a_notice_is_sent_on_only_to_whom_it_reaches(visitor: Visitor) -> None:
    message = notice("333", "885", now=visitor.gw.now())
    [sent] = send_notices(visitor.gw, [message], "olive")
    fail(visitor.gw, sent)
    form = f"/cases/{message.header.case_id}/notices/{sent}/send-on"
    page = await visitor.get(OFFICER, form)
    assert "Leeds (383) - cannot be reached: call them" in page
    refused = words((await visitor.post(OFFICER, form, 422, was="failed", to="Leeds")).decode())
    assert "Leeds (383) cannot be reached" in refused
    for party in ("333", "885"):
        await visitor.post(OFFICER, form, 422, was="failed", to=party)
    await visitor.post(OFFICER, form, 303, was="failed", to="Dudley (332)", weighed="yes", codes="address.astray")
