"""What a case says beside its notice: whether the address is ours, and whether the child is; and who is told of it."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.authorities import postcodes
from gateway.casework import case, inbox_list
from gateway.casework.case import Case
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_order import sort_waiting
from gateway.exchange import respond
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.store import audit_log, outbox
from gateway.store.audit_log import LoggedEntry
from gateway.store.database import Tx
from schemas.message import Acknowledgement, Address, Message, Withdrawal
from schemas.shapes import CaseId, MessageId
from tests.children import notice, without_urgency
from tests.conftest import introduce, make
from tests.flows.test_exchange import OFFICER, seal
from tests.flows.test_matches import load
from tests.flows.test_postcodes import directory

Pair = tuple[Gateway, Gateway]
# Our own children beside the child of the sample, who is Ada Testchild-Example, born on 31 March 2016.
ADA = "X333210123001,Testchild-Example,Adah,31/03/2016,F,WR1 9ZZ,{restricted},"
# Near, and not near enough to be shown.
NEAR = ",Testchild-Example,Ben,31/03/2016,M,B70 9ZZ,,"
NOBODY = "No match in the pupil index of "
LOOK = "Check your case management system"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Sandwell, and Worcestershire, to which its notices come."""
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def come(pair: Pair, message: Message) -> Message:
    sandwell, worcestershire = pair
    await receive_parcels(worcestershire, [seal(sandwell, message)], "333")
    return message


def change(message: Message, **changed: object) -> Message:
    body: Any = message.body
    return Message(message.header, replace(body, **changed))


def opened(gw: Gateway, message: Message, *, answers: bool = True) -> Case:
    return case.open_case(gw, message.header.case_id, "olive", answers=answers)


def lines(gw: Gateway, message: Message, *, answers: bool = True) -> dict[str, str]:
    shown = opened(gw, message, answers=answers).list_summary(gw.now().date())
    return {line.question: line.answer for line in shown}


def views(gw: Gateway) -> list[LoggedEntry]:
    return gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))


def next_due(gw: Gateway, besides: CaseId) -> MessageId | None:
    task = inbox_list.find_next_task(gw, besides=besides)
    return task.duty.message_id if task and task.duty else None


@pytest.mark.parametrize(
    ("postcode", "indexed", "said"),
    [
        ("WR1 9ZZ", True, "Yes"),
        ("wr1  9zz".upper(), True, "Yes"),
        ("B70 8SZ", True, "No, in Sandwell"),
        ("EH1 1AA", True, "Not known: this postcode is not in the postcode index"),
        ("WR1 9ZZ", False, "Not known: no postcode index has been loaded"),
        (None, True, "Not known: no postcode was given"),
    ],
)
async def test_a_case_says_whether_the_new_address_is_in_our_area(
    pair: Pair, postcode: str | None, indexed: bool, said: str
) -> None:
    _, gw = pair
    if indexed:
        postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    place = Address(address_line=("1 Example Road",), post_code=postcode)
    sent = await come(pair, change(notice(), destination_address=place))
    assert lines(gw, sent)["In our area?"] == said
    assert lines(gw, sent)["New address"] == ", ".join(filter(None, ("1 Example Road", postcode)))


async def test_a_child_of_ours_who_may_be_the_one_is_named_and_the_entry_of_the_view_says_how_many(pair: Pair) -> None:
    _, gw = pair
    sent = await come(pair, notice())
    assert lines(gw, sent)["Already ours?"] == "Not known: no pupil index has been loaded"
    load(gw)
    assert lines(gw, sent)["Already ours?"].startswith(NOBODY)
    load(gw, ADA.format(restricted=""))
    assert lines(gw, sent)["Already ours?"] == "Possibly Adah Testchild-Example, born 31 March 2016 (same UPN)"
    newest, *older = views(gw)
    assert json.loads(newest.entry)["detail"] == {"possible-matches": 1}
    assert (newest.actor, newest.about) == ("olive", sent.header.message_id)
    assert [json.loads(entry.entry).get("detail") or {} for entry in older] == [{}, {}]
    assert all("estchild" not in entry.entry for entry in gw.store.look(lambda tx: list(audit_log.list_entries(tx))))


async def test_what_speaks_for_a_child_is_said_before_what_speaks_against_it(pair: Pair) -> None:
    _, gw = pair
    sent = await come(pair, notice())
    load(gw, "B885400119045,Testchild-Example,Ada,31/03/2016,F,WR1 9ZZ,,")
    said = "Possibly Ada Testchild-Example, born 31 March 2016 (same date of birth)"
    assert lines(gw, sent)["Already ours?"] == said


async def test_a_restricted_child_of_ours_is_not_named_and_looks_like_any_other_that_is_near(pair: Pair) -> None:
    _, gw = pair
    sent = await come(pair, notice())
    load(gw, NEAR)
    near = lines(gw, sent)
    load(gw, ADA.format(restricted="Y"))
    restricted = lines(gw, sent)
    assert near == restricted
    assert restricted["Already ours?"] == LOOK
    assert {json.dumps(json.loads(entry.entry).get("detail") or {}) for entry in views(gw)} == {"{}"}


async def test_no_machine_looks_for_a_restricted_child_nor_says_where_it_is(pair: Pair) -> None:
    _, gw = pair
    postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    load(gw, ADA.format(restricted=""))
    withheld = await come(pair, notice(name="transfer-notice-restricted"))
    assert lines(gw, withheld)["Already ours?"] == LOOK
    assert "In our area?" not in lines(gw, withheld)
    phone_only = await come(pair, notice(name="transfer-notice-phone-only"))
    assert set(lines(gw, phone_only)) == {"Call", "Call recorded?", "Restriction"}


async def test_nothing_is_looked_for_where_nobody_answers(pair: Pair) -> None:
    _, gw = pair
    load(gw, ADA.format(restricted=""))
    sent = await come(pair, notice())
    assert not {"Already ours?", "In our area?"} & set(lines(gw, sent, answers=False))
    body = Acknowledgement(decision="accepted", officer=OFFICER)
    respond.acknowledge_notice(gw, sent.header.message_id, body, "olive")
    assert "Already ours?" in lines(gw, sent)


async def test_a_sibling_of_ours_is_said_to_be_one(pair: Pair) -> None:
    _, gw = pair
    sent = await come(pair, notice(name="transfer-notice-siblings"))
    load(gw, "B885400119045,Testchild-Example,Ben,01/06/2014,M,WR1 9ZZ,,")
    assert lines(gw, sent)["Already ours?"].startswith("Not this child. Possibly a sibling: Ben Testchild-Example")


async def test_the_next_duty_is_ours_in_another_case_and_the_one_that_is_late_first(pair: Pair) -> None:
    _, gw = pair
    first, second = await come(pair, notice()), await come(pair, notice(name="whereabouts-enquiry"))
    here = first.header.case_id
    assert next_due(gw, here) == second.header.message_id
    third = await come(pair, notice())
    # Two working days for an acknowledgement are over before five for an answer.
    assert next_due(gw, here) == third.header.message_id
    assert inbox_list.find_next_task(gw, besides=here, cases=frozenset()) is None


async def test_the_next_task_is_what_stands_first_in_the_inbox(pair: Pair) -> None:
    _, gw = pair
    here = CaseId("none of them")
    # Each presses more than those before it, though it is not due before them.
    for more in (
        notice(name="whereabouts-enquiry"),
        without_urgency(notice()),
        without_urgency(notice(name="transfer-notice-restricted")),
        without_urgency(notice(name="transfer-notice-phone-only")),
        notice(),
    ):
        sent = await come(pair, more)
        assert next_due(gw, here) == sent.header.message_id
    first, *_ = sort_waiting(inbox_list.list_waiting(gw), gw.now())
    assert first.case == sent.header.case_id
    task = inbox_list.find_next_task(gw, besides=here)
    assert task is not None
    assert (task.case, task.urgent) == (sent.header.case_id, True)


async def test_what_was_rejected_has_its_place_among_what_came(pair: Pair) -> None:
    _, gw = pair
    here = CaseId("none of them")
    await come(pair, notice(name="whereabouts-enquiry"))
    sent = without_urgency(notice("885", "333", name="transfer-notice-restricted"))
    ready = send_notices(gw, [sent], "olive")

    def reject(tx: Tx) -> None:
        for state in (DeliveryState.SENT, DeliveryState.RECEIVED, DeliveryState.REJECTED):
            outbox.advance_delivery(tx, gw.now(), ready[0], "333", state)

    gw.store.run(reject)
    assert next_due(gw, here) == ready[0]
    await come(pair, notice())
    assert next_due(gw, here) != ready[0]


async def test_what_is_urgent_is_next_though_nothing_is_due_on_it(pair: Pair) -> None:
    _, gw = pair
    sent = await come(pair, without_urgency(notice()))
    head = replace(notice(case_id=sent.header.case_id, sequence=2).header, in_reply_to=sent.header.message_id)
    missed = Withdrawal(reason="restriction-missed", officer=OFFICER)
    await come(pair, Message(head, missed))
    await come(pair, without_urgency(notice(name="transfer-notice-phone-only")))
    task = inbox_list.find_next_task(gw, besides=CaseId("none of them"))
    assert task == inbox_list.NextTask(sent.header.case_id, None, urgent=True)
