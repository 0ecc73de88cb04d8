"""What an officer did by telephone is written down, and no case closes on hope."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.duties import Missing
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.exchange.send_on import send_notice_on
from gateway.exchange.withdraw import withdraw_notice
from gateway.reconciliation import reconcile
from gateway.store import audit_log, inbox, outbox
from schemas.message import Acknowledgement, Decision, Outcome, Withdrawal
from schemas.shapes import MessageId
from tests.children import notice
from tests.world import World

SPOKEN_TO = "Otto Invented"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire"), ("336", "Wolverhampton")):
        made.settle(code, name)
    yield made
    made.close()


async def sent(world: World, name: str = "transfer-notice") -> MessageId:
    """A notice of Sandwell's that Worcestershire has."""
    [message_id] = send_notices(world.houses["333"], [notice(name=name, now=world.now)], "olive")
    await world.carry()
    return message_id


def state(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state


def owed(gw: Gateway) -> list[Missing]:
    return [one.missing for one in reconcile.list_owed(gw)]


async def acknowledged(world: World, message_id: MessageId, decision: Decision = "accepted", **said: str) -> None:
    there = world.houses["885"]
    body = Acknowledgement(decision=decision, officer=there.build_officer("Otto"), **said)
    respond.acknowledge_notice(there, message_id, body, "otto")
    await world.carry()


async def test_a_call_closes_the_gap_and_the_sealed_notice_still_goes(world: World) -> None:
    sandwell = world.houses["333"]
    world.wire.down.add("885")
    message_id = await sent(world)
    assert owed(sandwell) == [Missing.RECEIPT]
    by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now), "olive")
    assert owed(sandwell) == [Missing.OUTCOME]
    assert state(sandwell, message_id) is DeliveryState.QUEUED
    world.wire.down.clear()
    world.now += timedelta(minutes=20)
    await world.carry()
    assert state(sandwell, message_id) is DeliveryState.RECEIVED
    assert owed(sandwell) == [Missing.OUTCOME]


async def test_whom_we_spoke_to_is_locked_and_stands_in_no_log(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world)
    by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now, "rings back"), "olive")
    [(kept, call)] = by_hand.list_recorded_calls(sandwell, message_id)
    assert (kept.recorded_by, call) == ("olive", PhoneCall(SPOKEN_TO, world.now, "rings back"))
    assert SPOKEN_TO.encode() not in kept.content
    entries = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id))
    assert "notice.handed-over" in [entry.act for entry in entries]
    assert not any(SPOKEN_TO in entry.entry for entry in entries)


async def test_a_case_does_not_close_on_hope(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world)
    with pytest.raises(NotAllowed, match="accepted") as refused:
        by_hand.close_notice(sandwell, message_id, "olive")
    assert refused.value.code == "case.not-accepted"


@pytest.mark.parametrize("way", ["accepted", "call"])
async def test_a_case_closes_on_an_acceptance_or_on_a_call(world: World, way: str) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world)
    if way == "accepted":
        await acknowledged(world, message_id)
    else:
        by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now), "olive")
    by_hand.close_notice(sandwell, message_id, "olive")
    assert state(sandwell, message_id) is DeliveryState.CLOSED
    assert owed(sandwell) == []
    with pytest.raises(NotAllowed, match=r"amend\.too-late"):
        by_hand.close_notice(sandwell, message_id, "olive")


async def test_an_outcome_that_was_told_ends_the_notice(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world)
    with pytest.raises(NotAllowed, match="not a result") as refused:
        by_hand.record_outcome(sandwell, message_id, "no-trace", PhoneCall(SPOKEN_TO, world.now), "olive")
    assert refused.value.code == "call.other-result"
    by_hand.record_outcome(sandwell, message_id, "in-education", PhoneCall(SPOKEN_TO, world.now), "olive")
    assert state(sandwell, message_id) is DeliveryState.CLOSED
    assert owed(sandwell) == []


async def test_an_enquiry_is_answered_by_telephone_and_ends_otherwise_than_a_transfer(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world, "whereabouts-enquiry")
    with pytest.raises(NotAllowed) as refused:
        by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now), "olive")
    assert refused.value.code == "call.other-kind"
    by_hand.record_outcome(sandwell, message_id, "no-trace", PhoneCall(SPOKEN_TO, world.now), "olive")
    assert state(sandwell, message_id) is DeliveryState.CLOSED


@pytest.mark.parametrize("after", [timedelta(hours=-1), timedelta(hours=1)])
async def test_a_call_is_not_before_the_notice_nor_in_the_future(world: World, after: timedelta) -> None:
    message_id = await sent(world)
    with pytest.raises(NotAllowed) as refused:
        by_hand.record_handover(world.houses["333"], message_id, PhoneCall(SPOKEN_TO, world.now + after), "olive")
    assert refused.value.code == "call.other-time"


async def test_of_a_child_of_whom_nothing_goes_by_machine_no_note_is_kept(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world, "transfer-notice-phone-only")
    with pytest.raises(NotAllowed) as refused:
        by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now, "at her aunt's"), "olive")
    assert refused.value.code == "call.restricted"
    by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now), "olive")
    by_hand.close_notice(sandwell, message_id, "olive")
    assert state(sandwell, message_id) is DeliveryState.CLOSED


async def test_what_was_passed_on_is_sent_on_and_followed_up_in_its_place(world: World) -> None:
    sandwell, wolverhampton = world.houses["333"], world.houses["336"]
    message_id = await sent(world)
    with pytest.raises(NotAllowed) as refused:
        send_notice_on(sandwell, message_id, "336", "olive")
    assert refused.value.code == "send-on.not-now"
    await acknowledged(world, message_id, decision="passed-on", passed_to="336")
    assert (state(sandwell, message_id), owed(sandwell)) == (DeliveryState.PASSED_ON, [Missing.DECISION])
    assert owed(world.houses["885"]) == []
    new = send_notice_on(sandwell, message_id, "336", "olive")
    await world.carry()
    assert (state(sandwell, message_id), state(sandwell, new)) == (DeliveryState.CLOSED, DeliveryState.RECEIVED)
    assert owed(sandwell) == [Missing.ACKNOWLEDGEMENT]
    came = wolverhampton.store.look(lambda tx: inbox.get_message(tx, new))
    first = sandwell.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    assert came.case_id == first.case_id
    assert (
        respond.read_outgoing(sandwell, new, "olive").body == respond.read_outgoing(sandwell, message_id, "olive").body
    )


async def test_both_sides_agree_when_an_officer_there_thinks_better_of_it(world: World) -> None:
    sandwell, worcestershire = world.houses["333"], world.houses["885"]
    message_id = await sent(world)
    await acknowledged(world, message_id, decision="rejected", reason="not-our-area")
    assert state(sandwell, message_id) is DeliveryState.REJECTED
    await acknowledged(world, message_id)
    assert state(sandwell, message_id) is DeliveryState.ACKNOWLEDGED
    body = Outcome(result="in-education", confirmed_on=world.now.date(), officer=worcestershire.build_officer("Otto"))
    respond.send_outcome(worcestershire, message_id, body, "otto")
    await world.carry()
    assert state(sandwell, message_id) is DeliveryState.CONCLUDED


async def test_the_newest_word_counts_in_whatever_order_they_come(world: World) -> None:
    sandwell, worcestershire = world.houses["333"], world.houses["885"]
    message_id = await sent(world)
    world.wire.down.add("333")
    await acknowledged(world, message_id, decision="rejected", reason="not-our-area")
    await acknowledged(world, message_id)
    world.wire.down.clear()
    replies = worcestershire.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(recipient="333")))
    newest_first = [one.message_id for one in sorted(replies, key=lambda one: -one.sequence)]
    sealed = worcestershire.store.look(
        lambda tx: [outbox.get_sealed_notice(tx, message_id) for message_id in newest_first]
    )
    for one in sealed:
        await receive_parcels(sandwell, [one], "885")
    assert state(sandwell, message_id) is DeliveryState.ACKNOWLEDGED


async def test_a_notice_that_was_taken_back_is_not_called_about(world: World) -> None:
    sandwell = world.houses["333"]
    message_id = await sent(world)
    withdraw_notice(
        sandwell, message_id, Withdrawal(reason="sent-in-error", officer=sandwell.build_officer("Olive")), "olive"
    )
    with pytest.raises(NotAllowed) as refused:
        by_hand.record_handover(sandwell, message_id, PhoneCall(SPOKEN_TO, world.now), "olive")
    assert refused.value.code == "amend.too-late"
