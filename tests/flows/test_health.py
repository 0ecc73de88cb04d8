"""How a gateway is: what `health` says as things go wrong, and that `doctor` says the same; dead
letters, one by one.
"""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway import app
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.core.health import Health
from gateway.core.moments import format_moment
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.release import release_notice
from gateway.exchange.send import queue_messages, send_notices
from gateway.monitoring import doctor, health
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, heartbeats, outbox, partner_health
from gateway.store.database import Store
from gateway.store.heartbeats import Heartbeat
from gateway.store.outbox import SettledTry
from schemas.shapes import MessageId
from tests.children import notice
from tests.delivering import deliver_now
from tests.flows.test_bad_input import command
from tests.flows.test_exchange import Pair, state, until
from tests.world import World


def found(gw: Gateway, name: str) -> tuple[FindingLevel, str, str]:
    """The level, sentence and next step of one finding."""
    [one] = [one for one in health.measure_health(gw).findings if one.name == name]
    return one.level, one.sentence, one.next_in_terminal


def names(seen: Health) -> set[str]:
    """What is not well."""
    return {one.name for one in seen.findings if one.level is not FindingLevel.OK}


def given_up(gw: Gateway, count: int = 1) -> list[MessageId]:
    """Notices that nobody tries any more."""
    ready = prepare_messages(gw, [notice(now=gw.now()) for _ in range(count)], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, ready))
    ends = [SettledTry(one.message_id, DeliveryState.FAILED, "https", "gave up", "nobody answers") for one in ready]
    gw.store.run(lambda tx: outbox.settle_deliveries(tx, gw.now(), ends))
    return [one.message_id for one in ready]


async def test_a_partner_that_fails_is_named_after_an_hour_with_since_when_and_why(tmp_path: Path) -> None:
    world = World(tmp_path)
    sandwell, _ = world.settle("333", "Sandwell"), world.settle("885", "Worcestershire")
    began = world.now
    sandwell.store.run(
        lambda tx: queue_messages(tx, sandwell, prepare_messages(sandwell, [notice(now=world.now)], "olive"))
    )
    world.wire.down.add("885")
    await world.carry()
    assert "delivery to 885" not in names(health.measure_health(sandwell))
    world.now += timedelta(minutes=61)
    await world.carry()
    level, says, next_step = found(sandwell, "delivery to 885")
    assert (level, next_step) == (FindingLevel.WARN, "Call them. Then run `cme-gateway retry --to 885`.")
    assert says == f"1 waiting. https has failed since {format_moment(began)} (lost on its way)."

    world.wire.down.clear()
    world.now += timedelta(hours=5)
    await world.carry()
    [partner] = health.measure_health(sandwell).partners
    [route] = partner.routes
    assert (route.succeeded_at, route.failing_since, partner.waiting) == (world.now, None, 0)
    assert route.failed_at == began + timedelta(minutes=61)
    assert "delivery to 885" not in names(health.measure_health(sandwell))
    world.close()


def _note_away(tx: Connection, at: datetime) -> None:
    partner_health.note_route_endings(tx, at, "885", [("https", "later", "away", None)])


def test_the_first_failure_stands_until_something_goes_through(pair: Pair) -> None:
    gw, _ = pair
    began = gw.now()
    for hours in (0, 1, 2):
        then = began + timedelta(hours=hours)
        gw.store.run(partial(_note_away, at=then))
    [one] = gw.store.look(partner_health.list_route_reach)["885"]
    assert (one.failing_since, one.failed_at, one.succeeded_at) == (began, began + timedelta(hours=2), None)
    ends = [("https", "later", "away", "answered.404"), ("https", "receipted", None, None)]
    gw.store.run(
        lambda tx: partner_health.note_route_endings(
            tx, began + timedelta(hours=3), "885", ends, timedelta(seconds=7.9)
        )
    )
    [one] = gw.store.look(partner_health.list_route_reach)["885"]
    assert (one.failing_since, one.succeeded_at, one.clock_ahead) == (None, began + timedelta(hours=3), 7)


async def test_a_clock_that_is_wrong_is_seen_by_what_the_partner_answers(pair: Pair) -> None:
    sandwell, worcestershire = pair
    clock = sandwell.now
    sandwell.now = lambda: clock() + timedelta(minutes=3)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice(now=sandwell.now())], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    [partner] = health.measure_health(sandwell).partners
    assert partner.clock_ahead is not None
    assert abs(partner.clock_ahead + timedelta(minutes=3)) < timedelta(seconds=30)
    level, says, _ = found(sandwell, "clock of 885")
    # In whole seconds.
    assert (level, says) in {(FindingLevel.WARN, f"{minutes} minutes behind ours.") for minutes in (2, 3)}


async def test_every_loop_looks_and_one_that_stops_is_named(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, _ = pair
    monkeypatch.setattr(app, "NOTE_EVERY", 0.1)
    async with app.run_gateway(sandwell):
        await until(lambda: len(sandwell.store.look(heartbeats.list_heartbeats).get(sandwell.process, ())) > 6)
        seen = health.measure_health(sandwell)
        assert {one.name for one in seen.loops} >= {"delivering", "collecting", "chasing", "checkpoints"}
        assert seen.stopped == ()
        sandwell.note_look("delivering", timedelta(seconds=-1))
        assert "loop: delivering" in names(health.measure_health(sandwell))
    # It was stopped in order: nothing is late.
    assert sandwell.store.look(heartbeats.list_heartbeats) == {}


def test_doctor_sees_from_another_process_that_a_loop_has_stopped(pair: Pair) -> None:
    sandwell, _ = pair
    long_ago = sandwell.now() - timedelta(hours=2)
    late = [Heartbeat("collecting", long_ago, long_ago + timedelta(minutes=5))]
    for process in (sandwell.process, "other-machine:8443"):
        sandwell.store.run(partial(heartbeats.replace_heartbeats, process=process, looked=late))
    shown = json.loads(command(sandwell.config.home, "doctor", "--json").stdout)["checks"]
    checks = [one for one in shown if one["check"].startswith("loop: collecting")]
    assert {one["check"] for one in checks} == {"loop: collecting on other-machine:8443", "loop: collecting"}
    assert {one["result"] for one in checks} == {"fail"}
    assert "Restart the gateway" in checks[0]["detail"]


def test_doctor_shows_every_finding_of_health(pair: Pair) -> None:
    sandwell, _ = pair
    given_up(sandwell)
    checks = {(one.name, one.result) for one in doctor.run_checks(sandwell)}
    assert {(one.name, one.level) for one in health.measure_health(sandwell).findings} <= checks


def test_where_the_database_is_away_that_is_said_and_the_rest_stands(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    there, sandwell.store = sandwell.store, Store(f"sqlite:///{tmp_path / 'nowhere' / 'store.db'}")
    seen = health.measure_health(sandwell)
    sandwell.store.close()
    sandwell.store = there
    assert (seen.level, seen.database.size) == (FindingLevel.FAIL, 0)
    assert "database" in names(seen)
    assert [one.kind for one in seen.expiries] == ["card", "signing key", "sealing key", "storage key", "certificate"]


@pytest.mark.parametrize(
    ("days_left", "level"),
    [
        (61, FindingLevel.OK),
        (59, FindingLevel.WARN),
        (29, FindingLevel.WARN),
        (13, FindingLevel.WARN),
        (6, FindingLevel.FAIL),
        (-1, FindingLevel.FAIL),
    ],
)
def test_what_ends_is_told_sixty_days_before_and_fails_in_the_last_seven(
    tmp_path: Path, days_left: int, level: FindingLevel
) -> None:
    world = World(tmp_path)
    sandwell, _ = world.settle("333", "Sandwell"), world.settle("885", "Worcestershire")
    world.now = sandwell.own_card.expires_at - timedelta(days=days_left, hours=-1)
    seen = {one.name: one.level for one in health.measure_health(sandwell).findings}
    assert seen["our card"] == level
    assert seen.get("card of 885", FindingLevel.OK) == level
    world.close()


async def test_one_dead_letter_is_tried_again_and_the_others_are_not(pair: Pair) -> None:
    sandwell, worcestershire = pair
    one, other = given_up(sandwell, 2)
    letters = sandwell.store.look(lambda tx: outbox.list_dead_letters(tx, None, 50))
    assert {(it.message_id, it.reason) for it in letters} == {(one, "nobody answers"), (other, "nobody answers")}
    release_notice(sandwell, one, "olive")
    async with app.run_gateway(worcestershire):
        await deliver_now(sandwell)
    assert (state(sandwell, one), state(sandwell, other)) == (DeliveryState.RECEIVED, DeliveryState.FAILED)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.retried"))
    assert (entry.actor, entry.about, entry.partner) == ("olive", one, "885")
    with pytest.raises(NotAllowed, match="not retried"):
        release_notice(sandwell, one, "olive")
    for carrier in sandwell.carriers.values():
        await carrier.close()


def test_a_letter_that_is_being_tried_is_not_tried_twice(pair: Pair) -> None:
    sandwell, _ = pair
    ready = prepare_messages(sandwell, [notice()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, ready))
    sandwell.store.run(lambda tx: outbox.claim_deliveries(tx, sandwell.now(), "885", 10))
    with pytest.raises(NotAllowed) as said:
        release_notice(sandwell, ready[0].message_id, "olive")
    assert said.value.code == "retry.not-now"
    with pytest.raises(NotFound):
        release_notice(sandwell, MessageId("no-such-id"), "olive")


def test_the_terminal_lists_dead_letters_and_tries_one(pair: Pair) -> None:
    sandwell, _ = pair
    [one] = given_up(sandwell)
    home = sandwell.config.home
    listed = json.loads(command(home, "retry", "--list", "--json").stdout)["given_up"]
    assert [(it["message_id"], it["reason"]) for it in listed] == [(one, "nobody answers")]
    assert "nobody answers" in command(home, "retry", "--list").stdout
    assert json.loads(command(home, "retry", one, "--json").stdout) == {"released": 1}
    assert state(sandwell, one) is DeliveryState.QUEUED
    assert command(home, "retry", one, "--to", "885").returncode == 2


def test_a_file_that_lies_for_a_day_in_a_folder_of_ones_is_told_but_not_what_it_is_called(
    pair: Pair, tmp_path: Path
) -> None:
    sandwell, _ = pair
    folder = tmp_path / "one"
    folder.mkdir()
    sandwell.config = replace(sandwell.config, one=OneSettings(folder=str(folder)))
    file = folder / "Testchild.csv"
    file.write_text("half written")
    yesterday = sandwell.now().timestamp() - 90_000
    os.utime(file, (yesterday, yesterday))
    level, says, _ = found(sandwell, "ONE's folder")
    assert (level, says) == (FindingLevel.WARN, "A file has been there for 1 day.")
    assert "Testchild" not in repr(health.measure_health(sandwell))
