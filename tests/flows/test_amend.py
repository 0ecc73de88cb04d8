"""Second thoughts: a notice is taken back or corrected, whatever has become of it and in whatever
order that arrives.
"""

from dataclasses import replace
from datetime import date

import pytest

from gateway import app
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.errors import NotAllowed
from gateway.exchange import respond, send
from gateway.exchange.correct import correct_notice
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.store import inbox, outbox
from keys import at_rest
from keys.at_rest import Locked
from schemas.message import Acknowledgement, LocatedNotice, Message, Withdrawal
from tests.children import notice
from tests.flows.test_exchange import OFFICER, Pair, state, until

IN_ERROR = Withdrawal(reason="sent-in-error", officer=OFFICER)
FOUND = LocatedNotice(located_on=date(2026, 11, 20), way="in-education", ring=OFFICER)
ACCEPTED = Acknowledgement(decision="accepted", officer=OFFICER)


async def test_what_has_not_left_is_withdrawn_without_a_word(pair: Pair) -> None:
    sandwell, _ = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    assert withdraw_notice(sandwell, sent, IN_ERROR, by="olive") is None
    assert state(sandwell, sent) is DeliveryState.WITHDRAWN
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx))) == 1
    with pytest.raises(NotAllowed, match="already"):
        withdraw_notice(sandwell, sent, IN_ERROR, by="olive")


async def test_what_has_arrived_is_withdrawn_there_too(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        assert withdraw_notice(sandwell, sent, IN_ERROR, by="olive")
        await until(
            lambda: worcestershire.store.look(lambda tx: inbox.get_message(tx, sent)).state is InboxState.WITHDRAWN
        )
    with pytest.raises(NotAllowed):
        respond.acknowledge_notice(worcestershire, sent, ACCEPTED, by="otto")


async def test_a_withdrawal_that_overtakes_its_notice_still_holds(pair: Pair) -> None:
    sandwell, worcestershire = pair
    first = notice()
    send_notices(sandwell, [first], by="olive")
    # It has left, and is slow.
    sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 1))
    told = withdraw_notice(sandwell, first.header.message_id, IN_ERROR, by="olive")
    assert told
    by_id = sandwell.store.look(
        lambda tx: {one: outbox.get_sealed_notice(tx, one) for one in (told, first.header.message_id)}
    )
    await receive_parcels(worcestershire, [by_id[told]], "333")
    await receive_parcels(worcestershire, [by_id[first.header.message_id]], "333")
    kept = worcestershire.store.look(lambda tx: inbox.get_message(tx, first.header.message_id))
    assert kept.state is InboxState.WITHDRAWN


async def test_a_corrected_notice_takes_the_place_of_the_old_one(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        new = correct_notice(sandwell, sent, notice(), by="olive")
        await until(lambda: state(sandwell, new) is DeliveryState.RECEIVED)
    items = {
        i.message_id: i for i in worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now()))
    }
    assert (items[sent].state, items[new].state) == (InboxState.SUPERSEDED, InboxState.NEW)
    assert (items[sent].case_id, items[new].sequence) == (items[new].case_id, 2)
    assert state(sandwell, sent) is DeliveryState.WITHDRAWN
    with pytest.raises(NotAllowed, match="other"):
        correct_notice(sandwell, new, notice(name="whereabouts-enquiry"), by="olive")


async def test_of_two_officers_who_answer_at_once_one_is_told(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, worcestershire = pair
    message = notice()
    await receive_parcels(worcestershire, [prepare_messages(sandwell, [message], "olive")[0].sealed], "333")
    sent, sealing = message.header.message_id, prepare_messages

    def while_the_other_answers(*given: object, **more: object) -> object:
        monkeypatch.setattr(send, "prepare_messages", sealing)
        respond.acknowledge_notice(worcestershire, sent, ACCEPTED, by="otto")
        return sealing(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(send, "prepare_messages", while_the_other_answers)
    rejected = Acknowledgement(decision="rejected", reason="not-our-area", officer=OFFICER)
    with pytest.raises(NotAllowed) as caught:
        respond.acknowledge_notice(worcestershire, sent, rejected, by="petra")
    assert caught.value.code == "reply.overtaken"
    [queued] = worcestershire.store.look(lambda tx: outbox.search_outbox(tx))
    locked = worcestershire.store.look(lambda tx: Locked(*outbox.get_locked_notice(tx, queued.message_id)))
    assert b"accepted" in at_rest.unlock(locked, about=queued.message_id, ring=worcestershire.ring)


async def test_a_reply_is_not_withdrawn(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message = notice()
    await receive_parcels(worcestershire, [prepare_messages(sandwell, [message], "olive")[0].sealed], "333")
    reply = respond.acknowledge_notice(worcestershire, message.header.message_id, ACCEPTED, by="otto")
    with pytest.raises(NotAllowed, match=r"amend\.not-a-notice"):
        withdraw_notice(worcestershire, reply, IN_ERROR, by="otto")


def test_a_message_keeps_its_parts_when_it_is_changed() -> None:
    first = notice()
    assert first.parts[0] is first.body
    other = replace(first, body=notice(name="whereabouts-enquiry").body)
    assert isinstance(other, Message)
    assert other.parts[0] is other.body


async def test_everybody_who_was_asked_is_told_that_the_child_is_found(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        asked = notice(name="whereabouts-enquiry")
        [sent] = send_notices(sandwell, [asked], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        [told] = stand_down_search(sandwell, sent, FOUND, by="olive")
        await until(lambda: state(sandwell, told) is DeliveryState.RECEIVED)
    assert state(sandwell, sent) is DeliveryState.CONCLUDED
    kept = worcestershire.store.look(lambda tx: inbox.get_message(tx, sent))
    assert kept.state is InboxState.CONCLUDED
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, told)).state is InboxState.FILED
    with pytest.raises(NotAllowed, match=r"amend\.told-already"):
        stand_down_search(sandwell, sent, FOUND, by="olive")


async def test_who_was_never_asked_is_not_told(pair: Pair) -> None:
    sandwell, _ = pair
    [sent] = send_notices(sandwell, [notice(name="whereabouts-enquiry")], by="olive")
    assert stand_down_search(sandwell, sent, FOUND, by="olive") == []
    # Or a statement would miss it there, and send it.
    assert state(sandwell, sent) is DeliveryState.WITHDRAWN


async def test_a_stand_down_that_overtakes_its_enquiry_still_holds(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [sent] = send_notices(sandwell, [notice(name="whereabouts-enquiry")], by="olive")
    # It has left, and is slow.
    sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 1))
    [told] = stand_down_search(sandwell, sent, FOUND, by="olive")
    by_id = sandwell.store.look(lambda tx: {one: outbox.get_sealed_notice(tx, one) for one in (told, sent)})
    await receive_parcels(worcestershire, [by_id[told]], "333")
    await receive_parcels(worcestershire, [by_id[sent]], "333")
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, sent)).state is InboxState.CONCLUDED


async def test_a_notice_is_no_search_to_stand_down_from(pair: Pair) -> None:
    sandwell, _ = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    with pytest.raises(NotAllowed, match=r"amend\.not-a-search"):
        stand_down_search(sandwell, sent, FOUND, by="olive")
