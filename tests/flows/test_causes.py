"""What really happened is stored beside the state, and the label says it: for both authorities."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.labels import StatusLabel
from gateway.exchange import respond
from gateway.exchange.correct import correct_notice
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.store import inbox, outbox
from schemas.message import Acknowledgement, Body, Decision, LocatedNotice, Outcome, WhereaboutsResponse, Withdrawal
from schemas.shapes import MessageId
from tests.children import notice
from tests.world import World

Act = Callable[[World, MessageId], None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire"), ("336", "Wolverhampton")):
        made.settle(code, name)
    yield made
    made.close()


async def sent(world: World, name: str) -> MessageId:
    [message_id] = send_notices(world.houses["333"], [notice(name=name, now=world.now)], "olive")
    await world.carry()
    return message_id


def ours(gw: Gateway, message_id: MessageId) -> StatusLabel:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).summary.status


def theirs(gw: Gateway, message_id: MessageId) -> StatusLabel:
    return gw.store.look(lambda tx: inbox.get_message(tx, message_id)).summary.status


def reply(body: Callable[[Gateway], Body]) -> Act:
    acts = {
        "Acknowledgement": respond.acknowledge_notice,
        "Outcome": respond.send_outcome,
        "WhereaboutsResponse": respond.answer_search,
    }

    def act(world: World, message_id: MessageId) -> None:
        there = world.houses["885"]
        said = body(there)
        acts[type(said).__name__](there, message_id, said, "otto")  # type: ignore[operator]

    return act


def decide(decision: Decision, **more: str) -> Act:
    return reply(lambda there: Acknowledgement(decision=decision, officer=there.build_officer("Otto"), **more))


def tell_outcome(result: str) -> Act:
    return reply(
        lambda there: Outcome(result=result, confirmed_on=there.now().date(), officer=there.build_officer("Otto"))
    )


def answer(result: str) -> Act:
    return reply(
        lambda there: WhereaboutsResponse(result=result, answered_by="officer", ring=there.build_officer("Otto"))
    )


def told(world: World, message_id: MessageId) -> None:
    by_hand.record_outcome(
        world.houses["333"], message_id, "not-found-at-address", PhoneCall("Otto Invented", world.now), "olive"
    )


def close_after_a_call(world: World, message_id: MessageId) -> None:
    by_hand.record_handover(world.houses["333"], message_id, PhoneCall("Otto Invented", world.now), "olive")
    by_hand.close_notice(world.houses["333"], message_id, "olive")


def end_search(world: World, message_id: MessageId) -> None:
    gw = world.houses["333"]
    body = LocatedNotice(located_on=gw.now().date(), way="left-country", ring=gw.build_officer("Olive"))
    stand_down_search(gw, message_id, body, "olive")


def withdraw(world: World, message_id: MessageId) -> None:
    gw = world.houses["333"]
    withdraw_notice(gw, message_id, Withdrawal(reason="sent-in-error", officer=gw.build_officer("Olive")), "olive")


CASES: dict[str, tuple[str, Act, tuple[str, str], tuple[str, str]]] = {
    "an officer there accepts": (
        "transfer-notice",
        decide("accepted"),
        ("Accepted", "Worcestershire has accepted this notice. Awaiting the outcome."),
        ("Accepted", "Outcome due from you."),
    ),
    "an officer there rejects": (
        "transfer-notice",
        decide("rejected", reason="not-our-area"),
        (
            "Rejected by officer",
            "An officer at Worcestershire rejected this: address is outside the receiving authority's area.",
        ),
        ("Rejected", "You rejected this: address is outside the receiving authority's area."),
    ),
    "an officer there names another authority": (
        "transfer-notice",
        decide("passed-on", passed_to="336"),
        (
            "Redirect needed",
            "Worcestershire says Wolverhampton is responsible. Nothing has been sent to Wolverhampton.",
        ),
        ("Referred back", "You told Sandwell to try Wolverhampton. Sandwell decides what happens next."),
    ),
    "the child was not found at the address": (
        "transfer-notice",
        tell_outcome("not-found-at-address"),
        (
            "Outcome received: child not found",
            "Worcestershire did not find the child at the address. This case is closed.",
        ),
        ("Closed", "You sent the outcome: child not found at this address."),
    ),
    "the same was told by phone": (
        "transfer-notice",
        told,
        (
            "Told by phone: child not found",
            "Worcestershire told your authority that the child was not found at the address. This case is closed.",
        ),
        ("New", "Acknowledgement due from you."),
    ),
    "a case is closed after a call": (
        "transfer-notice",
        close_after_a_call,
        ("Closed without outcome", "An officer at your authority closed this after a phone handover."),
        ("New", "Acknowledgement due from you."),
    ),
    "an enquiry is answered: known there": (
        "whereabouts-enquiry",
        answer("found"),
        ("Known to them", "The child is known to Worcestershire. Call to confirm where the child is."),
        ("Closed", "You answered that you know this child."),
    ),
    "an enquiry is answered: no trace": (
        "whereabouts-enquiry",
        answer("no-trace"),
        ("No trace", "Worcestershire has no trace of this child."),
        ("Closed", "You answered that you have no trace of this child."),
    ),
    "the search ends": (
        "whereabouts-enquiry",
        end_search,
        ("Search ended", "Your authority ended this search: confirmed to have left the country."),
        ("Closed", "Sandwell ended its search."),
    ),
    "a notice is withdrawn": (
        "transfer-notice",
        withdraw,
        ("Withdrawn", "Your authority withdrew this."),
        ("Withdrawn", "Sandwell withdrew this."),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_each_authority_reads_what_happened(world: World, case: str) -> None:
    name, act, at_sender, at_recipient = CASES[case]
    message_id = await sent(world, name)
    act(world, message_id)
    await world.carry()
    sandwell, worcestershire = ours(world.houses["333"], message_id), theirs(world.houses["885"], message_id)
    assert (sandwell.tag, sandwell.line) == at_sender
    assert (worcestershire.tag, worcestershire.line) == at_recipient


async def test_what_moves_on_loses_its_old_cause(world: World) -> None:
    message_id = await sent(world, "transfer-notice")
    decide("rejected", reason="insufficient")(world, message_id)
    await world.carry()
    decide("accepted")(world, message_id)
    await world.carry()
    assert ours(world.houses["333"], message_id).tag == "Accepted"
    assert world.houses["333"].store.look(lambda tx: outbox.get_delivery(tx, message_id)).cause is None


async def test_a_corrected_notice_is_replaced_at_both(world: World) -> None:
    message_id = await sent(world, "transfer-notice")
    correct_notice(world.houses["333"], message_id, notice(name="transfer-notice", now=world.now), "olive")
    await world.carry()
    assert ours(world.houses["333"], message_id).tag == "Replaced"
    assert theirs(world.houses["885"], message_id).tag == "Replaced"
