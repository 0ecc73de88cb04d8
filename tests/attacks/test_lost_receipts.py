"""Answers to deliveries are lost while officers answer: the receipt is asked for until it is held, and nothing else
moves.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from adapters.route import Attempt, Parcel, RouteAddress
from gateway.context import Gateway
from gateway.core.calendar import Span
from gateway.core.delivery import DeliveryState
from gateway.core.duties import Missing
from gateway.core.statement_diff import DifferenceKind
from gateway.exchange import respond, statements
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.release import release_notice
from gateway.exchange.send import queue_messages
from gateway.reconciliation import deadlines
from gateway.reports.journeys import list_legs, read_period
from gateway.store import audit_log, inbox, outbox, tables
from schemas.message import DECISIONS, OPENS_A_CASE, Acknowledgement, Outcome, WhereaboutsResponse
from schemas.shapes import MessageId
from tests.children import notice
from tests.delivering import deliver_now
from tests.flows.test_exchange import OFFICER
from tests.world import Wire, World

NAMES = {
    "TransferNotice": "transfer-notice",
    "WhereaboutsEnquiry": "whereabouts-enquiry",
    "WhereaboutsUnknownNotice": "whereabouts-unknown-notice",
}


@dataclass
class OneWay(Wire):
    """What 885 answers to 333 is lost; what 333 answers to 885 is not."""

    deaf: bool = True

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        self.unanswered = 1.0 if self.deaf and address.us == "333" else 0.0
        return await super().deliver(address, parcels)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    # Before the houses are given it.
    made.wire = OneWay(made)
    for code in ("333", "885"):
        made.settle(code, code)
    yield made
    made.close()


def queued(world: World, kind: str) -> MessageId:
    gw = world.houses["333"]
    message = notice(name=NAMES[kind], now=world.now)
    [ready] = prepare_messages(gw, [message], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, [ready]))
    return ready.message_id


def answer(there: Gateway, kind: str, message_id: MessageId, chance: Random) -> DeliveryState:
    """An officer there says something; how it then stands at its sender."""
    if chance.random() < 0.3:
        if kind == "TransferNotice":
            outcome = Outcome(result="in-education", confirmed_on=there.now().date(), officer=OFFICER)
            respond.send_outcome(there, message_id, outcome, "otto")
        else:
            found = WhereaboutsResponse(result="no-trace", answered_by="officer", ring=OFFICER)
            respond.answer_search(there, message_id, found, "otto")
        return DeliveryState.CONCLUDED
    decision = chance.choice(DECISIONS)
    reason = "not-our-area" if decision == "rejected" else None
    to = "336" if decision == "passed-on" else None
    body = Acknowledgement(decision=decision, reason=reason, passed_to=to, officer=OFFICER)
    respond.acknowledge_notice(there, message_id, body, "otto")
    return {
        "accepted": DeliveryState.ACKNOWLEDGED,
        "passed-on": DeliveryState.PASSED_ON,
        "rejected": DeliveryState.REJECTED,
    }[decision]


def hear(world: World) -> None:
    assert isinstance(world.wire, OneWay)
    world.wire.deaf = False


def held(gw: Gateway, message_id: MessageId) -> int:
    found = gw.store.look(lambda tx: inbox.list_receipts(tx, message_id, issuer="885"))
    return sum(one["issuer"] == "885" and one["result"] == "accepted" for one in found)


def state(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state


def asked(gw: Gateway, message_id: MessageId) -> bool:
    due = select(tables.outbox.c.receipt_due).where(tables.outbox.c.message_id == message_id)
    return gw.store.look(lambda tx: tx.scalar(due)) is not None


async def overtaken(world: World, chance: Random, count: int) -> dict[MessageId, DeliveryState]:
    """Notices that arrive, their receipts lost; and an officer there answers before they are tried again."""
    gw, there = world.houses["333"], world.houses["885"]
    kinds = {queued(world, kind): kind for kind in (chance.choice(OPENS_A_CASE) for _ in range(count))}
    await deliver_now(gw)
    expected = {}
    for message_id, kind in kinds.items():
        assert (held(gw, message_id), state(gw, message_id)) == (0, DeliveryState.QUEUED)
        expected[message_id] = answer(there, kind, message_id, chance)
    # Before ours is tried again.
    await deliver_now(there)
    return expected


@pytest.mark.parametrize("seed", range(3))
async def test_the_receipt_is_asked_for_until_it_is_held_whatever_the_state(world: World, seed: int) -> None:
    chance, gw = Random(seed), world.houses["333"]
    expected = await overtaken(world, chance, chance.randint(2, 6))
    for message_id, then in expected.items():
        assert state(gw, message_id) is then
        assert held(gw, message_id) == 0
    # Still no answer gets through.
    for _ in range(chance.randint(0, 4)):
        world.now += timedelta(minutes=chance.randint(1, 30))
        await world.carry()
        assert not any(held(gw, one) for one in expected)
    hear(world)
    world.now += timedelta(minutes=30)
    await world.carry()
    assert {one: (state(gw, one), held(gw, one)) for one in expected} == {
        one: (then, 1) for one, then in expected.items()
    }
    entries = gw.store.look(lambda tx: list(audit_log.list_entries(tx)))
    assert sum(one.act == "receipt.verified" and one.about in expected for one in entries) == len(expected)
    assert not [one for one in entries if one.act in ("notice.failed", "notice.rejected")]
    tries = {one: gw.store.look(lambda tx, name=one: len(outbox.list_tries(tx, name))) for one in expected}  # type: ignore[misc]
    world.now += timedelta(hours=1)
    await world.carry()
    assert tries == {one: gw.store.look(lambda tx, name=one: len(outbox.list_tries(tx, name))) for one in expected}  # type: ignore[misc]


async def test_patience_ends_and_the_statement_names_it_and_has_it_asked_for_again(world: World) -> None:
    chance, gw = Random(7), world.houses["333"]
    expected = await overtaken(world, chance, chance.randint(2, 6))
    # Six days.
    for _ in range(12):
        world.now += timedelta(hours=12)
        await world.carry()
    assert not any(held(gw, one) or asked(gw, one) for one in expected)
    assert {one: state(gw, one) for one in expected} == expected
    hear(world)
    told = await statements.compare_with(gw, "885", world.now - timedelta(days=8))
    lost = {one.difference.message_id for one in told if one.difference.differs is DifferenceKind.RECEIPT_LOST}
    assert lost == set(expected)
    assert {one.done for one in told if one.difference.message_id in lost} == {statements.SENT_AGAIN}
    await world.carry()
    assert {one: (state(gw, one), held(gw, one)) for one in expected} == {
        one: (then, 1) for one, then in expected.items()
    }
    again = await statements.compare_with(gw, "885", world.now - timedelta(days=8))
    assert not [one for one in again if one.difference.differs is DifferenceKind.RECEIPT_LOST]


async def test_an_officer_may_ask_at_once_and_the_report_counts_what_is_missing(world: World) -> None:
    chance, gw = Random(11), world.houses["333"]
    expected = await overtaken(world, chance, chance.randint(2, 6))
    world.now += timedelta(hours=2)
    day: date = world.now.date()
    terms = deadlines.read_terms(gw.config)
    known = gw.store.look(lambda tx: read_period(tx, Span(day - timedelta(days=1), day)))
    judged = [one for one in list_legs(known, gw.now(), terms) if one.missing is Missing.RECEIPT]
    assert [(one.took, one.late) for one in judged] == [(None, True)] * len(expected)
    hear(world)
    waits = [one for one, then in expected.items() if then in (DeliveryState.ACKNOWLEDGED, DeliveryState.PASSED_ON)]
    for one in waits:
        await asyncio.to_thread(release_notice, gw, one, "ines")
    await world.carry()
    assert all(held(gw, one) == 1 for one in waits)
