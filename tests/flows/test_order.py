"""The messages of one case keep their order: the sender waits, the receiver holds back; neither for ever."""

import itertools
from datetime import timedelta

import pytest

from gateway.casework import case
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.store import inbox, outbox
from gateway.store.inbox import ORDER_WAIT, InboxItem
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.flows.test_exchange import Pair

CASE = CaseId("0199f3a1-7c00-7abc-8def-00000000cafe")


def claimed(gw: Gateway, most: int = 100) -> list[str]:
    return [one.message_id for one in gw.store.run(lambda tx: outbox.claim_deliveries(tx, gw.now(), "885", most))]


def shown(gw: Gateway) -> list[InboxItem]:
    return gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))


async def test_a_later_message_waits_for_one_that_is_under_way(pair: Pair) -> None:
    sandwell, _ = pair
    first, second = send_notices(sandwell, [notice(case_id=CASE, sequence=n) for n in (1, 2)], by="olive")
    [other] = send_notices(sandwell, [notice()], by="olive")
    assert claimed(sandwell, most=1) == [first]
    # Another case does not wait.
    assert claimed(sandwell) == [other]
    start = sandwell.now()
    # The claims have run out, and patience with them.
    sandwell.now = lambda: start + ORDER_WAIT + timedelta(seconds=1)
    assert {first, second} <= set(claimed(sandwell))


async def test_a_later_message_waits_for_one_that_is_due_again_after_it(pair: Pair) -> None:
    sandwell, _ = pair
    first, second = send_notices(sandwell, [notice(case_id=CASE, sequence=n) for n in (1, 2)], by="olive")
    start = sandwell.now()
    [one] = sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, start, "885", 1))
    again = outbox.SettledTry(
        one.message_id, DeliveryState.QUEUED, "https", "later", "busy", start + timedelta(seconds=30)
    )
    sandwell.store.run(lambda tx: outbox.settle_deliveries(tx, start, [again]))
    assert claimed(sandwell) == []
    sandwell.now = lambda: start + timedelta(seconds=31)
    assert claimed(sandwell, most=1) == [first]
    sandwell.store.run(lambda tx: outbox.advance_delivery(tx, start, first, "885", DeliveryState.RECEIVED))
    assert claimed(sandwell) == [second]


async def test_a_message_that_comes_before_its_turn_is_shown_when_the_earlier_one_has_come(pair: Pair) -> None:
    sandwell, worcestershire = pair
    first, second = (
        prepare_messages(sandwell, [notice(case_id=CASE, sequence=number)], "olive")[0].sealed for number in (1, 2)
    )
    await receive_parcels(worcestershire, [second], "333")
    assert shown(worcestershire) == []
    await receive_parcels(worcestershire, [first], "333")
    assert {item.sequence for item in shown(worcestershire)} == {1, 2}


async def test_what_came_before_its_turn_is_shown_after_ten_minutes_with_a_warning(pair: Pair) -> None:
    sandwell, worcestershire = pair
    await receive_parcels(
        worcestershire,
        [prepare_messages(sandwell, [notice(case_id=CASE, sequence=2)], "olive")[0].sealed],
        "333",
    )
    start = worcestershire.now()
    worcestershire.now = lambda: start + ORDER_WAIT + timedelta(seconds=1)
    [late] = shown(worcestershire)
    assert worcestershire.store.look(lambda tx: inbox.is_predecessor_missing(tx, late))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_notices_that_come_together_stand_as_their_sender_wrote_them(pair: Pair, order: tuple[int, ...]) -> None:
    """They have one moment; their ids, made in one millisecond, and their places in the delivery say nothing."""
    sandwell, worcestershire = pair
    names = ("transfer-notice-siblings", "whereabouts-enquiry", "whereabouts-unknown-notice")
    written = [
        notice(
            name=name,
            case_id=CASE,
            sequence=number,
            message_id=MessageId(f"0199f3a1-7c00-7abc-8def-00000000000{order[number - 1]}"),
        )
        for number, name in enumerate(names, 1)
    ]
    ready = prepare_messages(sandwell, written, "olive")
    await receive_parcels(worcestershire, [ready[number].sealed for number in order], "333")
    opened = case.open_case(worcestershire, CASE, "olive")
    assert [message.message_id for message in opened.notices] == [one.header.message_id for one in reversed(written)]
    assert opened.head
    assert opened.head.kind == "TransferNotice"
    assert case.read_case_subject(worcestershire, CASE, "olive").reference == written[-1].header.message_id[-12:]
    listed = worcestershire.store.look(lambda tx: inbox.list_case_messages(tx, [CASE]))
    assert [message.message_id for message in listed] == [one.header.message_id for one in written]
