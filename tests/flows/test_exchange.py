"""Two authorities exchange a notice over TLS: the conversation, read aloud; then what is refused, and what survives."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import Connection

from adapters.https import Https
from adapters.route import Attempt, Parcel, RouteAddress
from gateway import app
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.errors import NotAllowed, Unfit
from gateway.exchange import respond
from gateway.exchange.deliver import BATCH, IN_FLIGHT
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import ID_REUSED, NOT_THE_CALLER, UNFORESEEN, receive_parcels
from gateway.exchange.release import release_all
from gateway.exchange.send import send_notices
from gateway.settings.sections import LimitsSettings
from gateway.store import audit_log, inbox, outbox
from keys import envelope, receipt
from keys.trust import Trust
from schemas import xml
from schemas.message import Acknowledgement, Message, Officer, Outcome
from schemas.shapes import MessageId
from tests.children import notice

Pair = tuple[Gateway, Gateway]
OFFICER = Officer(name="Otto Invented", role="cme_officer", phone_no="01632 960202")


async def until(true: Callable[[], bool]) -> None:
    """Wait for it to become true; that it does not is a failure."""
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends, "it did not become true in a minute"
        await asyncio.sleep(0.02)


def state(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state


def whole(gw: Gateway) -> audit.LogVerdict:
    return gw.store.look(lambda tx: audit.verify_log(tx, Trust({gw.code: gw.own_card}), gw.code))


def seal(gw: Gateway, message: Message) -> bytes:
    return prepare_messages(gw, [message], "test")[0].sealed


def codes(gw: Gateway, there: Gateway, token: str, sealed: bytes) -> tuple[str, ...]:
    found = receipt.verify(
        token,
        issuer=there.code,
        audience=gw.code,
        sha256=sha256(sealed).hexdigest(),
        trust=gw.trust,
        now=gw.now(),
    )
    return found.codes


async def test_a_notice_is_sent_opened_acknowledged_and_concluded(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)

        item, opened = respond.read_incoming(worcestershire, sent, by="otto")
        assert item.kind == opened.kind == "TransferNotice"
        assert opened == respond.read_outgoing(sandwell, sent, by="olive")

        respond.acknowledge_notice(
            worcestershire, sent, Acknowledgement(decision="accepted", officer=OFFICER), by="otto"
        )
        await until(lambda: state(sandwell, sent) is DeliveryState.ACKNOWLEDGED)

        outcome = Outcome(result="in-education", confirmed_on=worcestershire.now().date(), officer=OFFICER)
        respond.send_outcome(worcestershire, sent, outcome, by="otto")
        await until(lambda: state(sandwell, sent) is DeliveryState.CONCLUDED)

    for gw, other in (pair, pair[::-1]):
        verdict = whole(gw)
        assert verdict.faults == ()
        assert verdict.checkpoints > 0
        acts = {entry.act for entry in gw.store.look(lambda tx: list(audit_log.list_entries(tx)))}
        assert {"partner.added", "notice.queued", "receipt.verified", "message.kept", "notice.read"} <= acts
        assert other.code != gw.code


async def test_a_dead_partner_is_tried_again_and_nothing_is_lost(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason is not None)
        delivery = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent))
        assert delivery.state is DeliveryState.QUEUED
        assert delivery.reason == "the partner's gateway cannot be reached"
        async with app.run_gateway(worcestershire):
            release_all(sandwell, None, by="ines")
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


async def test_what_was_given_up_after_five_days_is_taken_up_again_when_a_person_says_so(pair: Pair) -> None:
    sandwell, worcestershire = pair
    clock = sandwell.now
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason is not None)
        sandwell.now = lambda: clock() + timedelta(days=6)
        await until(lambda: state(sandwell, sent) is DeliveryState.FAILED)
        assert release_all(sandwell, "330", by="ines") == 0
        worcestershire.now = sandwell.now
        async with app.run_gateway(worcestershire):
            assert release_all(sandwell, "885", by="ines") == 1
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


async def test_a_repeat_has_one_effect_and_gets_the_same_receipt(pair: Pair) -> None:
    sandwell, worcestershire = pair
    sealed = seal(sandwell, notice())
    first = await receive_parcels(worcestershire, [sealed], "333")
    # Long after: the receipt still stands.
    worcestershire.now = lambda: sandwell.now() + timedelta(days=300)
    assert await receive_parcels(worcestershire, [sealed, sealed], "333") == first * 2
    assert len(worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now()))) == 1


async def test_the_same_id_with_other_bytes_is_refused(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message = notice()
    first, other = seal(sandwell, message), seal(sandwell, message)
    await receive_parcels(worcestershire, [first], "333")
    [token] = await receive_parcels(worcestershire, [other], "333")
    assert codes(sandwell, worcestershire, token, other) == (ID_REUSED,)


async def test_both_in_one_request_keep_one(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message = notice()
    both = [seal(sandwell, message), seal(sandwell, message)]
    tokens = await receive_parcels(worcestershire, both, "333")
    found = sorted(codes(sandwell, worcestershire, token, sealed) for token, sealed in zip(tokens, both, strict=True))
    assert found == [(), (ID_REUSED,)]


async def test_a_good_message_beside_a_bad_one_is_kept(pair: Pair) -> None:
    sandwell, worcestershire = pair
    good, bad = seal(sandwell, notice()), b"nonsense"
    tokens = await receive_parcels(worcestershire, [bad, good], "333")
    assert codes(sandwell, worcestershire, tokens[0], bad) == ("envelope.malformed",)
    assert codes(sandwell, worcestershire, tokens[1], good) == ()


async def test_a_message_on_which_our_code_fails_is_refused_alone(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, worcestershire = pair
    good, bad = notice(), notice()

    def stumble(data: bytes) -> Message:
        if bad.header.message_id.encode() in data:
            raise RuntimeError("a fault that nobody foresaw")
        return read(data)

    read = xml.read
    monkeypatch.setattr("gateway.exchange.receive.xml.read", stumble)
    parcels = [seal(sandwell, bad), seal(sandwell, good)]
    first, second = await receive_parcels(worcestershire, parcels, "333")
    assert codes(sandwell, worcestershire, first, parcels[0]) == (UNFORESEEN,)
    assert codes(sandwell, worcestershire, second, parcels[1]) == ()
    monkeypatch.undo()
    # Once the fault is mended.
    [again] = await receive_parcels(worcestershire, parcels[:1], "333")
    assert codes(sandwell, worcestershire, again, parcels[0]) == ()


async def test_a_message_in_anothers_name_is_refused(pair: Pair) -> None:
    sandwell, worcestershire = pair
    sealed = seal(sandwell, notice())
    await receive_parcels(worcestershire, [sealed], "330")
    [refused] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="message.refused"))
    assert NOT_THE_CALLER in refused.entry
    assert worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now())) == []


async def test_header_and_xml_must_agree(pair: Pair) -> None:
    sandwell, worcestershire = pair
    inner, outer = notice(), notice()
    names = envelope.Names(outer.header.message_id, "333", "885")
    sealed = envelope.seal(xml.write(inner), names=names, ring=sandwell.ring, trust=sandwell.trust, now=sandwell.now())
    [token] = await receive_parcels(worcestershire, [sealed], "333")
    assert codes(sandwell, worcestershire, token, sealed) == ("envelope.disagrees",)


async def test_the_log_refuses_to_be_changed_and_tells_if_it_was(pair: Pair) -> None:
    _, worcestershire = pair
    await audit.sign_checkpoint(worcestershire)
    trust = Trust({"885": worcestershire.own_card})
    with pytest.raises(Exception, match="append-only"):
        worcestershire.store.run(lambda tx: tx.exec_driver_sql("UPDATE audit_entries SET actor = 'nobody'"))

    def rewrite(tx: Connection) -> None:
        triggers = {"sqlite": "audit_entries_no_update", "postgresql": "audit_entries_append_only ON audit_entries"}
        tx.exec_driver_sql(f"DROP TRIGGER {triggers[tx.dialect.name]}")
        tx.exec_driver_sql("UPDATE audit_entries SET entry = replace(entry, 'test', 'nobody'), actor = 'nobody'")

    worcestershire.store.run(rewrite)
    faults = worcestershire.store.look(lambda tx: audit.verify_log(tx, trust, "885")).faults
    assert any("changed after it was written" in fault for fault in faults)


async def test_an_unfit_notice_leaves_nothing_behind(pair: Pair) -> None:
    sandwell, _ = pair
    with pytest.raises(Unfit, match="same authority"):
        send_notices(sandwell, [notice("333", "333")], by="olive")
    with pytest.raises(NotAllowed):
        send_notices(sandwell, [notice("885", "333")], by="olive")
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []


class Watched(Https):
    """The carrier itself, with a gate before it; it notes how many parcels each batch held, and how many waited at
    once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.gate = asyncio.Event()

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        self.batches.append(len(parcels))
        await self.gate.wait()
        return await super().deliver(address, parcels)


async def test_many_notices_travel_in_batches(pair: Pair) -> None:
    sandwell, worcestershire = pair
    carrier = Watched()
    carrier.gate.set()
    sandwell.carriers = {"https": carrier}
    sent = send_notices(sandwell, [notice() for _ in range(BATCH + 20)], by="olive")
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await until(lambda: {state(sandwell, message_id) for message_id in sent} == {DeliveryState.RECEIVED})
    assert sorted(carrier.batches) == [20, BATCH]
    kept = worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now(), limit=1000))
    assert {item.message_id for item in kept} == set(sent)
    assert {item.state for item in kept} == {InboxState.NEW}


async def test_what_is_queued_while_batches_are_under_way_does_not_wait_for_them(pair: Pair) -> None:
    sandwell, worcestershire = pair
    carrier = Watched()
    sandwell.carriers = {"https": carrier}
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = []
        for number in range(1, IN_FLIGHT + 1):
            sent += send_notices(sandwell, [notice()], by="olive")
            await until(lambda number=number: len(carrier.batches) == number)  # type: ignore[misc]
        # No place is left: they go together, later.
        sent += send_notices(sandwell, [notice(), notice()], by="olive")
        await asyncio.sleep(0.1)
        assert carrier.batches == [1] * IN_FLIGHT
        carrier.gate.set()
        await until(lambda: {state(sandwell, message_id) for message_id in sent} == {DeliveryState.RECEIVED})
    assert carrier.batches == [*[1] * IN_FLIGHT, 2]


async def test_a_partner_that_takes_fewer_at_once_gets_fewer_at_once(pair: Pair) -> None:
    sandwell, worcestershire = pair
    worcestershire.config = replace(worcestershire.config, limits=LimitsSettings(messages_per_request=3))
    sent = send_notices(sandwell, [notice() for _ in range(8)], by="olive")
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await until(lambda: {state(sandwell, message_id) for message_id in sent} == {DeliveryState.RECEIVED})
