"""The timeline of a case says what was decided, by whom and why, on both sides."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access import people
from gateway.casework import by_hand, case
from gateway.casework.by_hand import PhoneCall
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName
from gateway.core.open_actions import CaseAction
from gateway.core.permissions import Role
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.send import send_notices
from gateway.store import calls, outbox
from schemas import codes
from schemas.message import Acknowledgement, Outcome, WhereaboutsResponse
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.consoles import NAMES, sign_in_name, staff
from tests.world import World

OLIVE, OTTO = sign_in_name(Role.CME_OFFICER), sign_in_name(Role.OUTREACH)
BY_OLIVE, OF_WORCESTERSHIRE = f", by {NAMES[Role.CME_OFFICER]}", f", by {NAMES[Role.CME_OFFICER]} (Worcestershire)"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        made.settle(code, name)
        staff(made.houses[code], (Role.CME_OFFICER, Role.OUTREACH))
    yield made
    made.close()


async def sent(world: World, name: str = "transfer-notice") -> tuple[MessageId, CaseId]:
    """A notice of Sandwell's that Worcestershire has, and its case."""
    message = notice(name=name, now=world.now)
    send_notices(world.houses["333"], [message], OLIVE)
    await world.carry()
    return message.header.message_id, message.header.case_id


def told(world: World, code: str, case_id: CaseId) -> list[str]:
    return [step.sentence for step in case.open_case(world.houses[code], case_id, OLIVE).steps]


async def test_what_was_decided_is_told_with_its_reason_and_who_decided_it(world: World) -> None:
    message_id, case_id = await sent(world)
    there = world.houses["885"]
    officer = there.build_officer(OLIVE)
    for body in (
        Acknowledgement(decision="rejected", reason="not-our-area", officer=officer),
        Acknowledgement(decision="passed-on", passed_to="336", officer=officer),
        Acknowledgement(decision="accepted", officer=officer),
    ):
        world.now += timedelta(minutes=2)
        respond.acknowledge_notice(there, message_id, body, OLIVE)
        await world.carry()
    world.now += timedelta(minutes=2)
    respond.send_outcome(
        there, message_id, Outcome(result="in-education", confirmed_on=world.now.date(), officer=officer), OLIVE
    )
    await world.carry()
    ours = told(world, "885", case_id)
    assert [line for line in ours if line.endswith(BY_OLIVE)] == [
        f"Outcome sent: in education{BY_OLIVE}",
        f"Accepted{BY_OLIVE}",
        f"Referred back: you suggested Wolverhampton{BY_OLIVE}",
        f"Rejected: not in our area{BY_OLIVE}",
    ]
    theirs = told(world, "333", case_id)
    assert [line for line in theirs if line.endswith(OF_WORCESTERSHIRE)] == [
        f"Outcome received: in education{OF_WORCESTERSHIRE}",
        f"Accepted{OF_WORCESTERSHIRE}",
        f"Referred back: they suggest Wolverhampton{OF_WORCESTERSHIRE}",
        f"Rejected: not in their area{OF_WORCESTERSHIRE}",
    ]


@pytest.mark.parametrize("reason", codes.get_labels("rejection_reasons"))
async def test_every_reason_of_a_rejection_has_words_on_both_sides(world: World, reason: str) -> None:
    message_id, case_id = await sent(world)
    there = world.houses["885"]
    body = Acknowledgement(decision="rejected", reason=reason, officer=there.build_officer(OLIVE), note="Why.")
    respond.acknowledge_notice(there, message_id, body, OLIVE)
    await world.carry()
    for code in ("885", "333"):
        [line] = [line for line in told(world, code, case_id) if line.startswith("Rejected: ")]
        assert f": {reason}," not in line
        assert "receiving authority" not in line


async def test_an_answer_by_machine_names_the_authority_and_one_by_an_officer_who_it_was(world: World) -> None:
    there = world.houses["885"]
    message_id, case_id = await sent(world, "whereabouts-enquiry")
    respond.answer_search(there, message_id, WhereaboutsResponse(result="no-trace", answered_by="machine"), "test")
    await world.carry()
    assert any(line.endswith(", by Worcestershire") for line in told(world, "333", case_id))


async def test_it_says_to_whom_a_case_was_assigned_and_from_whom_it_was_taken(world: World) -> None:
    _, case_id = await sent(world)
    there = world.houses["885"]
    people.assign_case(there, case_id, OTTO, OLIVE)
    world.now += timedelta(minutes=2)
    people.unassign_case(there, case_id, OTTO, OLIVE)
    assert told(world, "885", case_id)[:2] == [
        f"No longer assigned to {NAMES[Role.OUTREACH]}{BY_OLIVE}",
        f"Assigned to {NAMES[Role.OUTREACH]}{BY_OLIVE}",
    ]


async def test_after_a_rejection_no_act_is_the_likely_one(world: World) -> None:
    message_id, case_id = await sent(world)
    there = world.houses["885"]
    name = f"333-{message_id}"
    assert case.get_case_notice(there, case_id, name).primary_choice is CaseAction.ACCEPT
    body = Acknowledgement(decision="rejected", reason="not-our-area", officer=there.build_officer(OLIVE))
    respond.acknowledge_notice(there, message_id, body, OLIVE)
    rejected = case.get_case_notice(there, case_id, name)
    assert rejected.state is InboxState.REJECTED
    assert CaseAction.ACCEPT in rejected.choices
    assert rejected.primary_choice is None
    await world.carry()
    # For its sender there is something to decide.
    assert case.get_case_notice(world.houses["333"], case_id, message_id).primary_choice is CaseAction.SEND_ON


async def test_a_call_about_a_phone_only_notice_comes_first_until_it_is_recorded(world: World) -> None:
    message_id, case_id = await sent(world, "transfer-notice-phone-only")
    there = world.houses["885"]
    name = f"333-{message_id}"
    before = case.get_case_notice(there, case_id, name)
    assert (before.primary_choice, before.called_at) == (CaseAction.CALL, None)
    assert CaseAction.PASS_ON not in before.choices
    with pytest.raises(NotAllowed):
        by_hand.record_received_call(there, before.name, PhoneCall("Olive Invented", world.now, "She is safe."), OLIVE)
    early = PhoneCall("Olive Invented", world.now - timedelta(days=1))
    with pytest.raises(NotAllowed):
        by_hand.record_received_call(there, before.name, early, OLIVE)
    by_hand.record_received_call(there, before.name, PhoneCall("Olive Invented", world.now), OLIVE)
    after = case.get_case_notice(there, case_id, name)
    assert (after.primary_choice, after.called_at) == (CaseAction.ACCEPT, world.now)
    shown = case.open_case(there, case_id, OLIVE)
    assert f"Called Sandwell{BY_OLIVE}" in [step.sentence for step in shown.steps]
    [recorded] = [line for line in shown.list_summary(world.now.date()) if line.question == "Call recorded?"]
    assert recorded.answer.startswith("Yes, ")


async def test_a_call_about_their_notice_is_none_about_ours_that_has_the_same_id(world: World) -> None:
    message_id, _ = await sent(world, "transfer-notice-phone-only")
    here, there = world.houses["333"], world.houses["885"]
    name = MessageName("333", message_id)
    by_hand.record_received_call(there, name, PhoneCall("Olive Invented", world.now), OLIVE)
    [stored] = there.store.look(lambda tx: calls.list_received_calls(tx, "333", message_id))
    # As if a partner had used an id of ours.
    here.store.run(lambda tx: calls.add_call(tx, stored))
    assert here.store.look(lambda tx: calls.list_calls(tx, message_id)) == []
    assert here.store.look(lambda tx: calls.list_call_results(tx, [message_id])) == {}
    assert here.store.look(lambda tx: outbox.get_delivery(tx, message_id)).handed_over_at is None
    assert here.store.look(lambda tx: calls.list_received_calls(tx, "336", message_id)) == []
