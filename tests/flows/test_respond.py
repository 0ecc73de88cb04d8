"""An officer's answers: what each makes of the notice on both sides, and what may not be said."""

from dataclasses import replace

import pytest

from gateway import app
from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import WAITING, InboxState
from gateway.core.message_name import MessageName
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.store import audit_log, inbox
from schemas.message import Acknowledgement, Body, Outcome, WhereaboutsResponse
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.flows.test_exchange import OFFICER, Pair, state, until

NO_TRACE = WhereaboutsResponse(result="no-trace", answered_by="officer", ring=OFFICER)


async def arrived(sandwell: Gateway, worcestershire: Gateway, name: str) -> str:
    """A notice that Worcestershire has from Sandwell."""
    [ready] = prepare_messages(sandwell, [notice(name=name)], "olive")
    await receive_parcels(worcestershire, [ready.sealed], "333")
    return ready.message_id


async def test_an_enquiry_is_answered(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice(name="whereabouts-enquiry")], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        respond.answer_search(worcestershire, sent, NO_TRACE, by="otto")
        await until(lambda: state(sandwell, sent) is DeliveryState.CONCLUDED)
    waiting = worcestershire.store.look(
        lambda tx: inbox.search_inbox(tx, worcestershire.now(), inbox.InboxQuery(states=WAITING))
    )
    assert waiting == []
    [reply] = sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))
    assert (reply.kind, reply.state) == ("WhereaboutsResponse", InboxState.FILED)


async def test_a_notice_is_no_enquiry(pair: Pair) -> None:
    sandwell, worcestershire = pair
    came = await arrived(sandwell, worcestershire, "transfer-notice")
    with pytest.raises(NotAllowed, match=r"reply\.not-an-enquiry"):
        respond.answer_search(worcestershire, came, NO_TRACE, by="otto")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("transfer-notice-restricted", Acknowledgement(decision="accepted", officer=OFFICER, note="Lives at ...")),
        ("transfer-notice-phone-only", Acknowledgement(decision="passed-on", passed_to="330", officer=OFFICER)),
    ],
)
async def test_an_answer_says_no_more_of_a_restricted_child_than_the_notice(pair: Pair, name: str, body: Body) -> None:
    sandwell, worcestershire = pair
    came = await arrived(sandwell, worcestershire, name)
    assert isinstance(body, Acknowledgement)
    with pytest.raises(NotAllowed, match="restricted"):
        respond.acknowledge_notice(worcestershire, came, body, by="otto")
    accepted = Acknowledgement(decision="accepted", officer=OFFICER)
    respond.acknowledge_notice(worcestershire, came, accepted, by="otto", without_call=True)


@pytest.mark.parametrize("called", [True, False])
async def test_a_phone_only_notice_is_accepted_after_a_recorded_call_or_where_the_officer_says_there_is_none(
    pair: Pair, called: bool
) -> None:
    sandwell, worcestershire = pair
    came = await arrived(sandwell, worcestershire, "transfer-notice-phone-only")
    accepted = Acknowledgement(decision="accepted", officer=OFFICER)
    with pytest.raises(NotAllowed) as refused:
        respond.acknowledge_notice(worcestershire, came, accepted, by="otto")
    assert refused.value.code == "reply.not-called"
    if called:
        call = PhoneCall("Sam Invented, CME officer", worcestershire.now())
        by_hand.record_received_call(worcestershire, MessageName("333", MessageId(came)), call, by="otto")
    reply = respond.acknowledge_notice(worcestershire, came, accepted, by="otto", without_call=not called)
    [queued] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, about=reply, act="notice.queued"))
    assert ('"confirmed":"reply.not-called"' in queued.entry) is not called


async def test_a_phone_only_notice_is_rejected_without_a_call(pair: Pair) -> None:
    sandwell, worcestershire = pair
    came = await arrived(sandwell, worcestershire, "transfer-notice-phone-only")
    rejected = Acknowledgement(decision="rejected", reason="not-our-area", officer=OFFICER)
    respond.acknowledge_notice(worcestershire, came, rejected, by="otto")
    item = worcestershire.store.look(lambda tx: inbox.get_message(tx, came))
    assert item.state is InboxState.REJECTED


async def test_commands_accept_a_phone_only_notice_as_the_console_does(pair: Pair) -> None:
    sandwell, worcestershire = pair
    first, second = [await arrived(sandwell, worcestershire, "transfer-notice-phone-only") for _ in range(2)]
    home = ("--home", str(worcestershire.config.home))
    refused = run_command("accept", first, *home)
    assert refused.returncode == 5
    assert f"cme-gateway record-call 333-{first}" in " ".join(refused.stderr.split())
    assert run_command("accept", first, "--without-call", *home).returncode == 0
    assert run_command("record-call", second, "--spoken-to", "Sam Invented", *home).returncode == 0
    assert run_command("accept", second, *home).returncode == 0


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("acknowledgement", "accept"),
        ("outcome", "send-outcome"),
        ("withdrawal", "withdraw"),
        ("whereabouts-response", "answer"),
        ("located-notice", "end-search"),
    ],
)
async def test_what_belongs_to_another_message_is_not_sent_by_itself(pair: Pair, name: str, instead: str) -> None:
    sandwell, _ = pair
    with pytest.raises(NotAllowed) as caught:
        send_notices(sandwell, [notice(name=name)], by="olive")
    assert caught.value.code == "notice.not-alone"
    assert instead in caught.value.next_in_terminal


async def test_a_correction_is_not_sent_by_itself(pair: Pair) -> None:
    sandwell, _ = pair
    wrong = notice(name="transfer-notice-correction")
    assert wrong.header.supersedes
    with pytest.raises(NotAllowed, match=r"notice\.not-alone"):
        send_notices(sandwell, [wrong], by="olive")
    send_notices(sandwell, [replace(wrong, header=replace(wrong.header, supersedes=None))], by="olive")


async def test_a_notice_that_was_concluded_is_not_answered_again(pair: Pair) -> None:
    sandwell, worcestershire = pair
    came = await arrived(sandwell, worcestershire, "transfer-notice")
    result = Outcome(result="in-education", confirmed_on=worcestershire.now().date(), officer=OFFICER)
    respond.send_outcome(worcestershire, came, result, by="otto")
    with pytest.raises(NotAllowed, match=r"reply\.already"):
        respond.send_outcome(worcestershire, came, result, by="otto")
