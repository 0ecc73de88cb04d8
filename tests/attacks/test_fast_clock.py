"""A clock that ran fast and was set right: nothing waits for the false day, whatever it was doing when the clock was
wrong.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from gateway.auditing import audit
from gateway.core.delivery import DeliveryState
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.release import release_all, release_notice
from gateway.exchange.send import queue_messages
from gateway.monitoring import doctor
from gateway.store import inbox, outbox
from keys.trust import Trust
from tests.children import notice
from tests.world import World


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_queued_under_a_false_time_goes_when_the_clock_is_right(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    world = World(tmp_path)
    gw, there = world.settle("333", "Sandwell"), world.settle("885", "Worcestershire")
    ahead = world.skew["333"] = timedelta(minutes=chance.choice((7, 17, 50, 60 * 24, 60 * 24 * 6, 60 * 24 * 200)))
    ids = []
    for _ in range(chance.randint(1, 5)):
        name = chance.choice(("transfer-notice", "whereabouts-enquiry"))
        ready = prepare_messages(gw, [notice(name=name, now=gw.now())], "olive")
        await gw.store.write(partial(queue_messages, gw=gw, notices=ready))
        ids.append(ready[0].message_id)
    # Tries that fail, under the false time.
    for _ in range(chance.randint(0, 3)):
        world.wire.down.add("885")
        world.now += timedelta(minutes=1)
        await world.carry()
    world.wire.down.clear()
    world.skew.clear()
    warned = {one.name for one in doctor.run_checks(gw) if one.result == "warn"}
    assert "clock" in warned or ahead < timedelta(minutes=10)
    if chance.random() < 0.5:
        release_all(gw, None, "olive")
    # Less than a wait may be is waited for.
    for _ in range(3 if ahead > timedelta(minutes=10) else 10):
        world.now += timedelta(minutes=1)
        await world.carry()
    sent = gw.store.look(lambda tx: outbox.list_deliveries_by_id(tx, ids))
    assert {one.state for one in sent} == {DeliveryState.RECEIVED}
    assert all(one.queued_at <= gw.now() for one in sent)
    came = there.store.look(lambda tx: inbox.search_inbox(tx, there.now(), limit=None))
    assert sorted(one.message_id for one in came) == sorted(ids)
    assert {one.digest for one in came} == {one.digest for one in sent}
    assert "clock" not in {one.name for one in doctor.run_checks(gw)}
    trust = Trust({gw.code: gw.own_card})
    assert gw.store.look(lambda tx: audit.verify_log(tx, trust, gw.code, ring=gw.ring)).faults == ()
    world.close()


async def test_retry_of_one_means_now(tmp_path: Path) -> None:
    world = World(tmp_path)
    gw, _ = world.settle("333", "Sandwell"), world.settle("885", "Worcestershire")
    world.skew["333"] = timedelta(minutes=11)
    ready = prepare_messages(gw, [notice(now=gw.now())], "olive")
    await gw.store.write(lambda tx: queue_messages(tx, gw, ready))
    world.skew.clear()
    release_notice(gw, ready[0].message_id, "olive")
    await world.carry()
    assert gw.store.look(lambda tx: outbox.get_delivery(tx, ready[0].message_id)).state is DeliveryState.RECEIVED
    world.close()
