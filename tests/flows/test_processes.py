"""Several processes serve one authority on PostgreSQL: one leads, each is woken by what another queues, no message
overtakes an earlier one of its case, and of one that is killed another takes over within seconds.
"""

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, text

from gateway import app, home_folder
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.core.lockout import Entrance
from gateway.errors import KeyEnded
from gateway.exchange import card_rounds, deliver
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.partner_api.callers import get_shared_budget
from gateway.store import audit_log, heartbeats, outbox, running_processes, tables, wrong_tries
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import Claimer
from gateway.store.processes import LEADING
from gateway.store.running_processes import RunningProcess
from keys.ring import RING_FILE
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import free_port
from tests.flows.test_exchange import Pair, codes, seal, state, until, whole
from tests.flows.test_order import CASE, claimed
from tests.flows.test_sharing import another_home
from tests.loaded import Loaded, start_gateway

pytestmark = pytest.mark.parametrize("pair", ["postgresql"], indirect=True)
# Seconds; a claim alone lasts twenty.
TAKEN_OVER = 10


@pytest.fixture
def second(pair: Pair, tmp_path: Path) -> Iterator[Gateway]:
    """Sandwell on another machine."""
    gw = home_folder.open_gateway(another_home(tmp_path / "333", tmp_path / "333-2", free_port()))
    yield gw
    gw.store.close()


def serve(home: Path) -> Loaded:
    return start_gateway("serve", "--home", str(home), stderr=subprocess.DEVNULL)


async def test_when_the_process_that_leads_is_killed_another_leads_within_seconds(
    pair: Pair, second: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair
    monkeypatch.setattr(app, "NOTE_EVERY", 0.1)
    first = serve(sandwell.config.home)
    try:
        await until(lambda: _is_led(sandwell))
        async with app.run_gateway(second):
            await until(lambda: second.process in second.store.look(heartbeats.list_heartbeats))
            await asyncio.sleep(3)
            assert not second.leads
            assert second.sharing.processes == 2
            budget = get_shared_budget({}, "885", 6000, second)
            assert budget.per_minute == 3000
            first.kill()
            killed = time.monotonic()
            await until(lambda: second.leads)
            assert time.monotonic() - killed < TAKEN_OVER
            await until(lambda: second.sharing.processes == 1)
    finally:
        first.kill()
        first.wait()


async def test_what_a_killed_process_was_trying_another_tries_within_seconds(pair: Pair, second: Gateway) -> None:
    sandwell, worcestershire = pair
    # In the place of Worcestershire something that takes a connection and says nothing.
    with socket.create_server(("127.0.0.1", worcestershire.config.listen.port)):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        first = serve(sandwell.config.home)
        try:
            await until(lambda: _find_claimer(sandwell, sent) == sandwell.process)
            await until(lambda: sandwell.process in sandwell.store.look(heartbeats.list_heartbeats))
        finally:
            first.kill()
            first.wait()
    killed = time.monotonic()
    async with app.run_gateway(worcestershire), app.run_gateway(second):
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    assert time.monotonic() - killed < TAKEN_OVER < outbox.CLAIM.total_seconds()


def _find_claimer(gw: Gateway, message_id: MessageId) -> str | None:
    which = select(tables.outbox.c.claimed_by).where(tables.outbox.c.message_id == message_id)
    return gw.store.look(lambda tx: tx.scalar(which))


async def test_a_process_that_is_started_anew_tries_at_once_what_it_was_trying(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    sandwell.store.run(
        lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 9, Claimer(sandwell.process, sandwell.now()))
    )
    begun = time.monotonic()
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    assert time.monotonic() - begun < TAKEN_OVER


async def test_a_process_whose_clock_is_wrong_takes_nothing_that_another_is_trying(pair: Pair, second: Gateway) -> None:
    sandwell, worcestershire = pair
    second.now = lambda: sandwell.now() + timedelta(minutes=1)
    send_notices(sandwell, [notice()], by="olive")
    [held] = sandwell.store.run(
        lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 9, Claimer("elsewhere:1", sandwell.now()))
    )
    async with app.run_gateway(worcestershire), app.run_gateway(second):
        await until(lambda: second.leads)
        assert abs(second.claim_time() - sandwell.now()) < timedelta(seconds=10)
        second.due.set()
        await asyncio.sleep(2)
        assert _find_claimer(sandwell, held.message_id) == "elsewhere:1"


def test_wrong_secrets_at_one_process_hold_up_at_all(pair: Pair, second: Gateway) -> None:
    sandwell, _ = pair
    for gw in (sandwell, second) * (wrong_tries.MOST // 2):
        gw.store.run(lambda tx: wrong_tries.count_wrong_try(tx, Entrance.CONSOLE, "192.0.2.1", sandwell.now()))
    for gw in (sandwell, second):
        assert gw.store.look(lambda tx: wrong_tries.find_wait(tx, Entrance.CONSOLE, "192.0.2.1", sandwell.now())) > 0


def _is_led(gw: Gateway) -> bool:
    """Tell whether a process holds the lock of the one that leads."""
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :number AND granted")
    return bool(gw.store.look(lambda tx: tx.scalar(held, {"number": LEADING})))


def test_of_two_processes_that_sign_the_log_at_once_one_does(pair: Pair, second: Gateway) -> None:
    sandwell, _ = pair
    signed, ends = threading.Event(), threading.Event()
    notes: list[str | None] = []

    def wait_and_sign(tx: Tx) -> None:
        notes.append(audit.sign_log_head(tx, sandwell))
        signed.set()
        ends.wait(20)

    sandwell.store.run(lambda tx: audit_log.append_entries(tx, sandwell.now(), [AuditEntry("notice.read", "olive")]))
    slow = threading.Thread(target=sandwell.store.run, args=(wait_and_sign,))
    slow.start()
    assert signed.wait(20)
    other = threading.Thread(target=lambda: notes.append(second.store.run(lambda tx: audit.sign_log_head(tx, second))))
    other.start()
    time.sleep(0.5)
    ends.set()
    for thread in (slow, other):
        thread.join(20)
    assert len(notes) == 2
    assert notes[0] == notes[1]


async def test_what_one_process_queues_wakes_the_other(
    pair: Pair, second: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, worcestershire = pair
    # So that nothing is found by looking alone.
    monkeypatch.setattr(deliver, "LOOK_EVERY", 60.0)
    async with app.run_gateway(worcestershire), app.run_gateway(second):
        await until(lambda: second.leads)
        await asyncio.sleep(0.5)
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


def test_no_process_overtakes_what_another_is_just_claiming(pair: Pair, second: Gateway) -> None:
    sandwell, _ = pair
    earlier, _ = send_notices(sandwell, [notice(case_id=CASE, sequence=n) for n in (1, 2)], by="olive")
    claims, ends = threading.Event(), threading.Event()
    mine: list[str] = []

    def claim_slowly(tx: Tx) -> None:
        mine.extend(one.message_id for one in outbox.claim_deliveries(tx, sandwell.now(), "885", 1))
        claims.set()
        ends.wait(20)

    slow = threading.Thread(target=sandwell.store.run, args=(claim_slowly,))
    slow.start()
    assert claims.wait(20)
    theirs: list[list[str]] = []
    other = threading.Thread(target=lambda: theirs.append(claimed(second)))
    other.start()
    time.sleep(0.5)
    ends.set()
    for thread in (slow, other):
        thread.join(20)
    assert (mine, theirs) == ([earlier], [[]])


def test_a_process_that_stops_takes_only_its_own_heartbeats_away(pair: Pair, second: Gateway) -> None:
    sandwell, _ = pair
    now = sandwell.now()
    looked = [heartbeats.Heartbeat("delivering", now, now)]
    for gw in (sandwell, second):
        gw.store.run(partial(heartbeats.replace_heartbeats, process=gw.process, looked=looked))
    second.store.run(lambda tx: heartbeats.delete_heartbeats(tx, second.process))
    assert list(sandwell.store.look(heartbeats.list_heartbeats)) == [sandwell.process]


async def test_each_process_takes_up_new_keys_from_its_own_home_and_nothing_is_lost_in_between(
    pair: Pair, second: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, worcestershire = pair
    monkeypatch.setattr(card_rounds, "LEAST_PAUSE", timedelta(seconds=1))
    homes = sandwell.config.home, second.config.home
    sent: list[tuple[Gateway, MessageId]] = []

    async def keep_sending() -> None:
        while True:
            for gw, other in ((sandwell, "885"), (second, "885"), (worcestershire, "333")):
                [message_id] = await asyncio.to_thread(send_notices, gw, [notice(gw.code, other)], by="olive")
                sent.append((gw, message_id))
            await asyncio.sleep(0.3)

    async with app.run_gateway(worcestershire), app.run_gateway(second):
        await until(lambda: second.leads)
        async with app.run_gateway(sandwell):
            sending = asyncio.create_task(keep_sending())
            await asyncio.to_thread(home_folder.rotate_keys, homes[0], by="ines")
            # The process that leads has not the new card, and shows it to nobody: a key that is not known tells of it.
            await until(lambda: worcestershire.trust.get_card("333").serial == 2)
            assert second.own_card.serial == 1
            # As the page of the process says: the keys first, then the card.
            for name in (f"{home_folder.KEYS}/{RING_FILE}", home_folder.CARD_FILE):
                (homes[1] / name).write_bytes((homes[0] / name).read_bytes())
            await until(lambda: second.own_card.serial == 2)
            assert second.ring.newest_id == sandwell.ring.newest_id
            sending.cancel()
            await until(lambda: all(state(gw, message_id) is DeliveryState.RECEIVED for gw, message_id in sent))
    assert len(sent) > 5
    assert not whole(sandwell).faults


@pytest.mark.parametrize("revoke", [False, True], ids=["after six hours", "at once after a theft"])
async def test_a_process_that_gets_no_new_keys_signs_nothing_with_the_ended_one_and_waits(
    pair: Pair, second: Gateway, monkeypatch: pytest.MonkeyPatch, revoke: bool
) -> None:
    sandwell, worcestershire = pair
    monkeypatch.setattr(app, "NOTE_EVERY", 0.1)
    homes = sandwell.config.home, second.config.home
    sealed = seal(worcestershire, notice("885", "333"))
    async with app.run_gateway(worcestershire), app.run_gateway(second), app.run_gateway(sandwell):
        await asyncio.to_thread(home_folder.rotate_keys, homes[0], by="ines", revoke=revoke)
        await until(lambda: sandwell.own_card.serial == 2)
        if not revoke:
            # The old key counts a while longer, for just such a process.
            home_folder.stop_ended_key(second)
            assert second.ring.signs
            monkeypatch.setattr(home_folder, "OVERLAP", timedelta(0))
        await until(lambda: not second.ring.signs)
        with pytest.raises(KeyEnded):
            send_notices(second, [notice()], by="olive")
        with pytest.raises(KeyEnded):
            await receive_parcels(second, [sealed], "885")
        assert await second.store.read(outbox.search_outbox) == []
        await until(lambda: "Its signing key has ended" in " ".join(_find_troubles(sandwell).values()))
        # What signs elsewhere goes on.
        [out] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, out) is DeliveryState.RECEIVED)
        again = home_folder.open_gateway(homes[1])
        assert not again.ring.signs
        again.store.close()
        for name in (f"{home_folder.KEYS}/{RING_FILE}", home_folder.CARD_FILE):
            (homes[1] / name).write_bytes((homes[0] / name).read_bytes())
        await until(lambda: second.ring.signs)
        [out] = send_notices(second, [notice()], by="olive")
        [token] = await receive_parcels(second, [sealed], "885")
        assert codes(worcestershire, second, token, sealed) == ()
        await until(lambda: state(second, out) is DeliveryState.RECEIVED)
        await until(lambda: _find_troubles(sandwell) == {})
    assert not whole(sandwell).faults


async def test_health_names_the_process_that_has_the_old_card_or_other_settings(
    pair: Pair, second: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair
    monkeypatch.setattr(app, "NOTE_EVERY", 0.1)
    async with app.run_gateway(sandwell), app.run_gateway(second):
        await until(lambda: len(_list_running(sandwell)) == 2)
        assert _find_troubles(sandwell) == {}
        # In one home folder only.
        home_folder.renew_card(sandwell.config.home, by="ines")
        await until(lambda: {each.card_serial for each in _list_running(sandwell)} == {1, 2})
        for gw in (sandwell, second):
            [(name, says)] = _find_troubles(gw).items()
            assert name == f"process: {second.process}"
            assert says == f"It runs with card 1 and its keys. {sandwell.process} has card 2."
        second.config = replace(second.config, limits=replace(second.config.limits, messages_per_minute=17))
        await until(lambda: "settings of processes" in _find_troubles(sandwell))
    # Whoever stops is compared with nobody.
    assert _list_running(sandwell) == []


def _list_running(gw: Gateway) -> list[RunningProcess]:
    return gw.store.look(lambda tx: running_processes.list_running_processes(tx, gw.now() - timedelta(minutes=1)))


def _find_troubles(gw: Gateway) -> dict[str, str]:
    """Find what Health has against processes, by name."""
    findings = health.measure_health(gw).findings
    return {it.name: it.sentence for it in findings if "process" in it.name and it.level is not FindingLevel.OK}
