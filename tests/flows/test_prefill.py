"""A notice that is begun from a case, for siblings, or from the pupil index: what is there is filled in and marked, a
restriction is never dropped, and every reading is logged.
"""

import re
from dataclasses import replace
from typing import Any

import pytest

from gateway.casework import compose, prefill, pupil_search
from gateway.casework.compose import OpenComposition
from gateway.casework.pupil_search import PupilQuestion
from gateway.core.permissions import Role
from gateway.core.prefill import FilledFrom
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.receive import receive_parcels
from gateway.store import outbox
from gateway.store.outbox import Delivery
from schemas.message import Message, Restriction
from schemas.shapes import CaseId, MessageId
from tests.consoles import sign_in_name
from tests.field.test_safeguards_everywhere import sealed_by_older_version
from tests.flows.test_bulk_acts import send_form
from tests.flows.test_compose import CHILD, REFUGE, written
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_inbox import came, from_there
from tests.flows.test_matches import EVE, load
from tests.flows.test_team import list_entries

OFFICER = Role.CME_OFFICER
OLIVE = sign_in_name(OFFICER)
BEN = {"surname": "Testchild-Example", "forename": "Ben", "dob": "2018-01-02"}
CYD = {"surname": "Testchild-Example", "forename": "Cyd", "dob": "2012-05-06", "upn": "A333210123003"}
FILLED = "Filled in: check"
HOPE = "L330345624118,Testchild-Hidden,Hope,01/09/2014,F,WR1 9ZZ,yes,"


def open_newest(visitor: Visitor) -> OpenComposition:
    return open_all(visitor)[0]


def open_all(visitor: Visitor) -> list[OpenComposition]:
    records = compose.list_unfinished_compositions(visitor.gw)
    return [compose.open_composition(visitor.gw, record.composition_id, OLIVE) for record in records]


def send_with_siblings(visitor: Visitor, **body: Any) -> tuple[CaseId, Delivery]:
    """A notice of ours that names two siblings, sent."""
    name = written(visitor.gw, **{"sibling": [BEN, CYD], "moved_on": "2026-10-24", **body})
    case = compose.send_composition(visitor.gw, name, ["notice.same-child"], OLIVE).case
    [sent] = visitor.gw.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case)))
    return case, sent


def write_address(message: Message) -> str:
    return f"/cases/{message.header.case_id}/notices/885-{message.header.message_id}/write"


async def test_a_new_notice_is_begun_from_one_that_came_and_says_what_was_filled_in_until_it_is_looked_at(
    visitor: Visitor,
) -> None:
    message = from_there(visitor, name="transfer-notice-siblings")
    [case] = await came(visitor, message)
    assert f"{write_address(message)}" in await visitor.get(OFFICER, f"/cases/{case}")
    asked = await visitor.get(OFFICER, write_address(message))
    assert "born 31 March 2016" in asked
    await visitor.post(OFFICER, write_address(message), 422)
    await visitor.post(OFFICER, write_address(message), 303, kind="WhereaboutsEnquiry")
    begun = open_newest(visitor)
    assert begun.composition.kind == "WhereaboutsEnquiry"
    assert (begun.body["child"]["surname"], begun.filled.source) == ("Testchild-Example", FilledFrom.RECEIVED)
    # No place, nothing decided: these are asked.
    assert begun.body.keys() <= {"ring", "child", "sibling", "school"}
    assert begun.body["ring"]["name"] == "Olive Testofficer"
    [entry] = list_entries(visitor, "composition.begun")
    assert (entry.actor, '"filled-from":"received"' in entry.entry) == (OLIVE, True)
    assert {it.about for it in list_entries(visitor, "notice.read")} == {message.header.message_id}

    base = f"/compositions/{begun.composition.composition_id}"
    tasks = await visitor.get(OFFICER, base)
    assert "Filled in from a notice you received about this child." in tasks
    before = tasks.count(FILLED)
    names = {"surname": "Testchild-Example", "forename": "Ada", "was": "0"}
    assert "Check it, then select Continue" in await visitor.get(OFFICER, f"{base}/names")
    await visitor.post(OFFICER, f"{base}/names", 303, **names)
    await visitor.post(OFFICER, f"{base}/siblings", 303, was="1")
    now = open_newest(visitor)
    assert now.filled.paths == {path for path in begun.filled.paths if path not in looked_at(begun)}
    assert now.body["sibling"] == begun.body["sibling"]
    assert (await visitor.get(OFFICER, base)).count(FILLED) == before - 2
    assert "Check it" not in await visitor.get(OFFICER, f"{base}/siblings")


def looked_at(begun: OpenComposition) -> set[str]:
    names = ("surname", "forename", "middle_names", "preferred_surname", "preferred_forename", "former_surname")
    return {f"child.{name}" for name in names} | {"sibling"}


async def test_the_page_to_check_says_what_was_filled_in_and_nobody_has_looked_at(visitor: Visitor) -> None:
    _, sent = send_with_siblings(visitor)
    prefill.begin_for_siblings(visitor.gw, sent.message_id, {1}, OLIVE)
    begun = open_newest(visitor)
    more = {"cme_reason": "unknown", "provision_status": "none", "child": {**begun.body["child"], "sex": "F"}}
    compose.save_composition(visitor.gw, replace(begun, body={**begun.body, **more}), OLIVE)
    page = await visitor.get(OFFICER, f"/compositions/{begun.composition.composition_id}/check")
    marked = re.findall(r"<h2[^>]*>([^<]*)</h2>(?:(?!<h2).)*?Not checked", page, re.DOTALL)
    assert {"Who to send it to", "Name", "Siblings", "New address"} <= set(marked)
    assert "Contact for this notice" not in marked


@pytest.mark.parametrize("name", ["transfer-notice-restricted", "transfer-notice-phone-only"])
async def test_a_restriction_of_a_notice_that_came_is_in_the_new_one_before_anything_else(
    visitor: Visitor, name: str
) -> None:
    message = from_there(visitor, name=name)
    [case] = await came(visitor, message)
    level = message.restriction
    page = await visitor.get(OFFICER, write_address(message))
    assert ("WhereaboutsEnquiry" in page) == (level != "phone-only")
    refused = 422 if level == "phone-only" else 303
    await visitor.post(OFFICER, write_address(message), refused, kind="WhereaboutsEnquiry")
    await visitor.post(OFFICER, write_address(message), 303, kind="TransferNotice")
    begun = open_newest(visitor)
    assert begun.body["restriction"]["level"] == level
    assert "decided_by" not in begun.body["restriction"]
    assert ("child" in begun.body) == (level != "phone-only")
    # It is not complete here, so nothing can be sent until somebody decides.
    base = f"/compositions/{begun.composition.composition_id}"
    assert "The restriction is not complete" in await visitor.get(OFFICER, base)
    assert case in await visitor.get(OFFICER, f"/cases/{case}")


async def test_what_contradicts_itself_about_its_restriction_is_taken_over_as_it_is_shown(visitor: Visitor) -> None:
    message = from_there(visitor, restriction=Restriction(level="none", reason="refuge"))
    await receive_parcels(visitor.gw, [sealed_by_older_version(visitor.there, message)], "885")
    prefill.begin_about_child(visitor.gw, f"885-{message.header.message_id}", "TransferNotice", OLIVE)
    body = open_newest(visitor).body
    assert body["restriction"]["level"] == "address-withheld"
    assert "school" not in body


async def test_after_a_notice_was_sent_one_is_begun_for_each_sibling_and_not_twice(visitor: Visitor) -> None:
    name = written(visitor.gw, sibling=[BEN, CYD], moved_on="2026-10-24")
    case = compose.send_composition(visitor.gw, name, [], OLIVE).case
    sent = await visitor.get(OFFICER, f"/compositions/{name}/sent")
    [address] = re.findall(r'href="(/cases/[^"]*/siblings)"', sent)
    assert address in await visitor.get(OFFICER, f"/cases/{case}")
    page = await visitor.get(OFFICER, address)
    assert "Born 2 January 2018" in page
    await visitor.post(OFFICER, address, 422)
    assert compose.list_unfinished_compositions(visitor.gw) == []
    await send_form(visitor, address, [("sibling", "0"), ("sibling", "1")])
    shown = await visitor.get(OFFICER, "/compositions?started=2")
    assert "2 unfinished notices started" in shown
    assert "Testchild-Example, Ben" in shown
    assert "Testchild-Example, Cyd" in shown
    ben, cyd = sorted(open_all(visitor), key=lambda it: it.body["child"]["forename"])
    assert [it.to for it in (ben, cyd)] == [{"to": "885", "role": "cme_officer"}] * 2
    assert ben.body["destination_address"]["post_code"] == "WR1 9ZZ"
    assert [it["forename"] for it in cyd.body["sibling"]] == ["Ada", "Ben"]
    assert cyd.filled.source is FilledFrom.SIBLING
    # Whoever presses again begins no second one.
    await send_form(visitor, address, [("sibling", "0"), ("sibling", "1")])
    assert len(open_all(visitor)) == 2
    assert "already started" in await visitor.get(OFFICER, address)
    assert "You sent a notice" not in await visitor.get(OFFICER, address)


async def test_a_sibling_about_whom_a_notice_was_sent_is_offered_with_the_day_of_it(visitor: Visitor) -> None:
    case, _ = send_with_siblings(visitor, sibling=[BEN, CYD])
    [address] = set(re.findall(r'href="(/cases/[^"]*/siblings)"', await visitor.get(OFFICER, f"/cases/{case}")))
    # A twin of Ben, and Ben.
    for forename, upn in (("Bea", "K333210123009"), ("Ben", "W333210123008")):
        assert "You sent a notice" not in await visitor.get(OFFICER, address)
        send_with_siblings(visitor, sibling=[], child={**CHILD, **BEN, "forename": forename, "upn": upn})
    now = visitor.gw.now()
    page = await visitor.get(OFFICER, address)
    assert page.count(f"You sent a notice about this child on {now.day} {now:%B %Y}.") == 1


async def test_the_siblings_of_a_withheld_child_are_withheld_with_it(visitor: Visitor) -> None:
    _, sent = send_with_siblings(visitor, restriction={"level": "address-withheld", **REFUGE})
    assert prefill.begin_for_siblings(visitor.gw, sent.message_id, {0, 1}, OLIVE) == 2
    for begun in open_all(visitor):
        assert begun.body["restriction"]["level"] == "address-withheld"
        assert begun.body["restriction"]["decided_by"] == "Olive Invented"
        assert not begun.body.keys() & {"destination_address", "contact", "school"}


async def test_the_siblings_of_a_search_are_asked_of_whoever_was_asked(visitor: Visitor) -> None:
    name = written(visitor.gw, "WhereaboutsEnquiry", {"to": ["885"]}, sibling=[BEN])
    case = compose.send_composition(visitor.gw, name, [], OLIVE).case
    found = prefill.find_notice_with_siblings(visitor.gw, case)
    assert found is not None
    prefill.begin_for_siblings(visitor.gw, found, {0}, OLIVE)
    begun = open_newest(visitor)
    assert (begun.composition.kind, begun.to) == ("WhereaboutsEnquiry", {"to": ["885"]})


async def test_nothing_is_begun_from_a_test_or_a_reply(visitor: Visitor) -> None:
    message = from_there(visitor)
    test = Message(replace(message.header, test=True), message.body)
    [case] = await came(visitor, test)
    assert "Write a new notice" not in await visitor.get(OFFICER, f"/cases/{case}")
    with pytest.raises(NotAllowed, match=r"prefill\.no-notice"):
        prefill.begin_about_child(visitor.gw, f"885-{test.header.message_id}", "TransferNotice", OLIVE)
    with pytest.raises(NotFound):
        prefill.begin_for_siblings(visitor.gw, MessageId(test.header.message_id), {0}, OLIVE)


async def test_a_child_of_the_pupil_index_fills_in_a_notice_and_each_look_is_logged(visitor: Visitor) -> None:
    assert "Fill in from your pupil index" not in await visitor.get(OFFICER, "/compositions")
    load(visitor.gw, EVE, HOPE)
    assert "Fill in from your pupil index" in await visitor.get(OFFICER, "/compositions")
    await visitor.post(OFFICER, "/compositions", 303, kind="TransferNotice", start="pupil-index")
    kind = {"kind": "TransferNotice"}
    born = {"dob-day": "2", "dob-month": "12", "dob-year": "2013"}
    wrong: dict[str, str]
    for wrong, sentence in (
        ({}, "Enter a UPN, or a surname and a date of birth"),
        ({"upn": "123"}, "UPN must be a letter"),
        ({"surname": "Testchild-Example"}, "Enter a date of birth"),
        (born, "Enter a surname"),
    ):
        assert sentence in await send_form(visitor, "/compositions/pupils", [*(kind | wrong).items()], 422)
    assert list_entries(visitor, "children.read") == []
    for asked in ({"upn": "l330 345624117"}, {"surname": "testchild example", "forename": "Eve", **born}):
        page = await send_form(visitor, "/compositions/pupils", [*(kind | asked).items()], 200)
        assert "1 child found" in page
        assert "Born 2 December 2013" in page
    [key] = re.findall(r'name="pupil" value="([^"]+)"', page)
    await send_form(visitor, "/compositions/pupils/begin", [*kind.items(), ("pupil", key)])
    begun = open_newest(visitor)
    assert begun.filled.source is FilledFrom.PUPIL_INDEX
    assert begun.body["child"] == {
        "upn": "L330345624117",
        "surname": "Testchild-Example",
        "forename": "Eve",
        "dob": "2013-12-02",
        "sex": "F",
    }
    assert begun.body["previous_address"] == {"post_code": "WR1 9ZZ"}
    assert "restriction" not in begun.body
    entries = list_entries(visitor, "children.read")
    assert [re.findall(r'"by":"(\w+)","names":(\d)', entry.entry)[0] for entry in entries] == [
        ("upn", "1"),
        ("name", "1"),
        ("choice", "1"),
    ]
    assert not any("Eve" in entry.entry or "L330345624117" in entry.entry for entry in entries)


async def test_a_restricted_child_of_ours_is_never_shown_and_fills_in_nothing(visitor: Visitor) -> None:
    load(visitor.gw, EVE, HOPE)
    hidden, nobody = [
        (await visitor.post(OFFICER, "/compositions/pupils", kind="TransferNotice", upn=upn)).decode()
        for upn in ("L330345624118", "L330345624119")
    ]
    assert "Hope" not in hidden
    assert "No matching children shown" in hidden
    # The answer is the same as where there is no such child.
    assert hidden.replace("L330345624118", "L330345624119") == nobody.replace(token(nobody), token(hidden))
    [entry, _] = list_entries(visitor, "children.read")
    assert '"names":0' in entry.entry
    [eve] = pupil_search.find_pupils(visitor.gw, PupilQuestion("L330345624117"), OLIVE)
    current, _, number = eve.key.partition("-")
    for key in (f"{current}-{int(number) + 1}", f"{int(current) - 1}-{number}", "x", f"{current}-{'9' * 30}"):
        with pytest.raises(NotFound, match=r"prefill\.no-pupil"):
            pupil_search.begin_from_pupil(visitor.gw, key, "TransferNotice", OLIVE)
    assert compose.list_unfinished_compositions(visitor.gw) == []


def token(page: str) -> str:
    return str(re.findall(r'name="form_token" value="([^"]+)"', page)[0])
