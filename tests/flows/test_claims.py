"""Of several processes one has a delivery at a time: for as long as a slow partner takes, and not much longer than it
lives.
"""

import asyncio
import random
from datetime import timedelta

import pytest

from gateway import app
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.exchange import deliver
from gateway.exchange.send import send_notices
from gateway.store import outbox
from gateway.store.outbox import CLAIM
from schemas.shapes import MessageId
from tests.children import notice
from tests.flows.test_exchange import Pair, Watched, state, until
from tests.flows.test_order import claimed


async def test_what_a_process_held_that_was_killed_is_free_within_seconds(pair: Pair) -> None:
    sandwell, _ = pair
    sent = set(send_notices(sandwell, [notice() for _ in range(5)], by="olive"))
    start = sandwell.now()
    sandwell.now = lambda: start
    assert set(claimed(sandwell)) == sent
    sandwell.now = lambda: start + CLAIM - timedelta(seconds=1)
    assert claimed(sandwell) == []
    assert timedelta(seconds=30) >= CLAIM
    sandwell.now = lambda: start + CLAIM
    assert set(claimed(sandwell)) == sent


async def test_what_is_renewed_is_held_and_what_has_ended_meanwhile_is_not(pair: Pair) -> None:
    sandwell, _ = pair
    chance = random.Random()
    sent = send_notices(sandwell, [notice() for _ in range(6)], by="olive")
    start = sandwell.now()
    claimed(sandwell)
    ended = set(chance.sample(sent, chance.randint(1, 5)))
    ends = [outbox.SettledTry(one, DeliveryState.QUEUED, "https", "later", "busy", start) for one in ended]
    sandwell.store.run(lambda tx: outbox.settle_deliveries(tx, start, ends))
    sandwell.now = lambda: start + CLAIM * 0.9
    sandwell.store.run(lambda tx: outbox.renew_claims(tx, sandwell.now(), sent))
    assert set(claimed(sandwell)) == ended
    sandwell.now = lambda: start + CLAIM * 1.8
    assert claimed(sandwell) == []


async def test_a_partner_who_takes_longer_than_a_claim_gets_it_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, worcestershire = pair
    monkeypatch.setattr(outbox, "CLAIM", timedelta(seconds=2))
    monkeypatch.setattr(deliver, "RENEW_EVERY", 0.2)
    carrier = Watched()
    sandwell.carriers = {"https": carrier}
    [sent] = send_notices(sandwell, [notice()], by="olive")
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await until(lambda: carrier.batches == [1])
        await asyncio.sleep(5)
        assert carrier.batches == [1]
        carrier.gate.set()
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    assert carrier.batches == [1]


def _put_off(gw: Gateway, message_id: MessageId) -> None:
    """As after many tries that failed."""
    later = gw.now() + timedelta(minutes=14)
    held = [outbox.SettledTry(message_id, DeliveryState.QUEUED, "https", "later", "nobody answers", later)]
    gw.store.run(lambda tx: outbox.claim_deliveries(tx, gw.now(), "885", 1))
    gw.store.run(lambda tx: outbox.settle_deliveries(tx, gw.now(), held))


async def test_a_gateway_that_is_started_tries_at_once_what_waits(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    _put_off(sandwell, sent)
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
