"""A gateway whose signing and storage keys are in an HSM: it exchanges as any other, and while the HSM is away nothing
is lost, and Health says what to do.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest

from gateway import app, home_folder
from gateway.auditing import evidence
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.errors import HsmUnavailable
from gateway.exchange import respond
from gateway.exchange.release import release_all
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.settings.file import load
from gateway.settings.pin_file import NOTE
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, heartbeats, inbox, outbox, partner_cards
from keys import hsm
from keys.ring import RING_FILE
from schemas.message import Acknowledgement
from schemas.shapes import MessageId
from tests import folders
from tests.children import notice
from tests.command import run_command
from tests.conftest import free_port, introduce, make, new_database
from tests.flows.test_evidence import SCRIPT
from tests.flows.test_exchange import OFFICER, Pair, state, until, whole
from tests.flows.test_leavers_folder import ADA, put
from tests.flows.test_sharing import another_home
from tests.loaded import start_gateway
from tests.softhsm import MODULE, SoftHsm, SoftToken
from tests.storage_keys import finish_rotation


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hsm, "PAUSE_SECONDS", 0.1)


def put_keys_into(token: SoftToken, gw: Gateway) -> Gateway:
    """Do what an operator does: the settings, then the command; return the gateway as it starts anew, when what was
    stored lies under the storage key in the HSM.
    """
    home = gw.config.home
    token.write_settings(home)
    gw.store.close()
    done = run_command("keys", "rotate", "--into", "hsm", "--home", str(home), "--by", "ines")
    assert done.returncode == 0, done.stderr
    opened = home_folder.open_gateway(home)
    finish_rotation(opened)
    return opened


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(tmp_path: Path, token: SoftToken, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Sandwell, whose keys are in an HSM, and Worcestershire, which knows nothing of it."""
    urls = ["", ""]
    if request.param == "postgresql":
        urls = [new_database(request.getfixturevalue("postgres")) for _ in urls]
    sandwell = put_keys_into(token, make(tmp_path / "333", "333", "Sandwell", urls[0]))
    worcestershire = make(tmp_path / "885", "885", "Worcestershire", urls[1])
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


def find_check(gw: Gateway, name: str = "HSM") -> HealthFinding | None:
    return next((it for it in health.measure_health(gw).findings if it.name == name), None)


def works(gw: Gateway) -> bool:
    found = find_check(gw)
    return found is not None and found.level is FindingLevel.OK


def reason(gw: Gateway, message_id: MessageId) -> str | None:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).reason


def count_kept(gw: Gateway) -> int:
    return len(gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(), limit=None)))


async def test_a_gateway_with_its_keys_in_an_hsm_exchanges_with_one_that_knows_nothing_of_it(pair: Pair) -> None:
    sandwell, worcestershire = pair
    assert sandwell.ring.is_in_hsm
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        assert respond.read_outgoing(sandwell, sent, by="olive").kind == "TransferNotice"
        answer = Acknowledgement(decision="accepted", officer=OFFICER)
        respond.acknowledge_notice(worcestershire, sent, answer, by="otto")
        await until(lambda: state(sandwell, sent) is DeliveryState.ACKNOWLEDGED)
    assert whole(sandwell).faults == () == whole(worcestershire).faults
    found = find_check(sandwell)
    assert found
    assert found.level is FindingLevel.OK
    rotated = [
        it for it in sandwell.store.look(lambda tx: list(audit_log.list_entries(tx))) if it.act == "keys.rotated"
    ]
    assert json.loads(rotated[-1].entry)["detail"]["place"] == "hsm"


async def test_while_the_hsm_is_away_everything_waits_and_goes_on_by_itself_when_it_is_back(
    pair: Pair, token: SoftToken
) -> None:
    sandwell, worcestershire = pair
    # It waits at Sandwell, sealed, and the HSM is taken out before it leaves.
    [first] = send_notices(sandwell, [notice()], by="olive")
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        await until(lambda: state(sandwell, first) is DeliveryState.RECEIVED)
        token.unplug()
        # Nothing is sent half: neither here ...
        before = sandwell.store.look(audit_log.get_tree_head).size
        with pytest.raises(HsmUnavailable):
            send_notices(sandwell, [notice()], by="olive")
        assert sandwell.store.look(audit_log.get_tree_head).size == before
        with pytest.raises(HsmUnavailable):
            respond.read_outgoing(sandwell, first, by="olive")
        # ... nor there: who sends to Sandwell is told to try later.
        [theirs] = send_notices(worcestershire, [notice(sender="885", recipient="333")], by="otto")
        await until(lambda: reason(worcestershire, theirs) is not None)
        assert state(worcestershire, theirs) is DeliveryState.QUEUED
        assert count_kept(sandwell) == 0
        found = find_check(sandwell)
        assert found
        assert found.level is FindingLevel.FAIL
        assert "HSM" in found.sentence
        assert "Tell your IT team" in found.next_on_page
        assert "[hsm] token" in found.next_in_terminal or "connected" in found.next_in_terminal

        token.plug_in()
        await until(lambda: works(sandwell))
        # Or it goes half a minute later.
        release_all(worcestershire, None, by="ines")
        await until(lambda: state(worcestershire, theirs) is DeliveryState.RECEIVED)
        [again] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, again) is DeliveryState.RECEIVED)
    assert (count_kept(sandwell), count_kept(worcestershire)) == (1, 2)
    assert whole(sandwell).faults == () == whole(worcestershire).faults


async def test_what_was_sealed_before_the_hsm_was_taken_out_waits_and_its_reason_names_the_hsm(
    pair: Pair, token: SoftToken
) -> None:
    sandwell, worcestershire = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    token.unplug()
    # Starting and stopping do not need it.
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        await until(lambda: reason(sandwell, sent) is not None)
        assert "HSM" in (reason(sandwell, sent) or "")
        assert state(sandwell, sent) is DeliveryState.QUEUED
        token.plug_in()
        await until(lambda: works(sandwell))
        # Or it goes half a minute later.
        release_all(sandwell, None, by="ines")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    assert count_kept(worcestershire) == 1
    assert whole(sandwell).faults == ()


def one_gateway(tmp_path: Path, token: SoftToken) -> Gateway:
    gw = put_keys_into(token, make(tmp_path / "333", "333", "Sandwell"))
    gw.store.close()
    return gw


def test_doctor_names_each_trouble_and_a_wrong_pin_is_tried_once_by_all_processes(
    tmp_path: Path, token: SoftToken
) -> None:
    home = one_gateway(tmp_path, token).config.home

    def doctor() -> str:
        # As in a process of its own, which has not signed in yet.
        hsm.open_hsm.cache_clear()
        pkcs11.lib(str(MODULE)).reinitialize()
        return " ".join(run_command("doctor", "--home", str(home)).stdout.split())

    assert "Has the newest keys" in doctor()
    pin = tmp_path / "333-pin"
    pin.write_text("0000-wrong\n")
    assert "does not try it again" in doctor()
    assert (home / NOTE).exists()
    # Another process, or this one after a restart, does not show it: only a right PIN, or a new one, is.
    assert "does not try it again" in doctor()
    pin.write_text("4711-invented\n")
    assert "Has the newest keys" in doctor()
    token.unplug()
    shown = doctor()
    assert "no token with the name" in shown
    # What is stored cannot be opened to be compared, and that is no change of it.
    assert "changed" not in shown


async def test_keys_go_into_the_hsm_while_the_gateway_runs_and_back_into_the_file(
    tmp_path: Path, token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TAKE_UP_EVERY", 0.1)
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    token.write_settings(sandwell.config.home)
    sandwell.config = load(sandwell.config.home)
    sent = []
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        for place in ("hsm", "file"):
            words = ("keys", "rotate", "--into", place, "--home", str(sandwell.config.home), "--by", "ines")
            done = await asyncio.to_thread(run_command, *words)
            assert done.returncode == 0, done.stderr
            await until(lambda place=place: sandwell.ring.is_in_hsm == (place == "hsm"))  # type: ignore[misc]
            [newest] = send_notices(sandwell, [notice()], by="olive")
            await until(lambda newest=newest: state(sandwell, newest) is DeliveryState.RECEIVED)  # type: ignore[misc]
            sent.append(newest)
            # Both at once would leave the storage key behind.
            words = ("keys", "rotate", "--into", "file", "--home", str(sandwell.config.home), "--by", "ines")
            refused = await asyncio.to_thread(run_command, *words)
            assert "keys.rotation-under-way" in refused.stderr
            await asyncio.to_thread(finish_rotation, sandwell)
        # What was stored under each key opens.
        assert {respond.read_outgoing(sandwell, it, by="olive").kind for it in sent} == {"TransferNotice"}
    assert whole(sandwell).faults == ()
    for gw in (sandwell, worcestershire):
        gw.store.close()


def test_a_row_of_one_waits_for_the_hsm_and_does_not_become_a_task(tmp_path: Path, token: SoftToken) -> None:
    gw = put_keys_into(token, make(tmp_path / "333", "333", "Sandwell"))
    there = make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    gw.config = replace(gw.config, one=OneSettings(str(tmp_path / "one"), unsaid="send"))
    (tmp_path / "one").mkdir()
    put(tmp_path, ADA)
    token.unplug()
    with pytest.raises(HsmUnavailable):
        asyncio.run(folders.take_in_leavers(gw, tmp_path / "one"))
    assert gw.store.look(outbox.search_outbox) == []
    token.plug_in()
    time.sleep(2 * hsm.PAUSE_SECONDS)
    asyncio.run(folders.take_in_leavers(gw, tmp_path / "one"))
    assert len(gw.store.look(outbox.search_outbox)) == 1
    for each in (gw, there):
        each.store.close()


def announce_signatures(one: Gateway, other: Gateway) -> None:
    """The card of one, renewed by its operator, says which signatures it verifies, and the other has taken it."""
    one.store.run(lambda tx: partner_cards.note_card_exchange(tx, other.code, answered_at=one.now()))
    renewed = run_command("card", "renew", "--home", str(one.config.home), "--by", "otto")
    assert renewed.returncode == 0, renewed.stderr
    add_partner(other, (one.config.home / home_folder.CARD_FILE).read_text("ascii"), by="ines")


async def test_an_hsm_without_ed25519_signs_with_p256_once_every_partner_verifies_it(
    tmp_path: Path, token: SoftToken
) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    home = sandwell.config.home
    token.write_settings(home, more='signatures = "ES256"\n')
    words = ("keys", "rotate", "--into", "hsm", "--home", str(home), "--by", "ines")
    refused = await asyncio.to_thread(run_command, *words)
    assert (refused.returncode, "hsm.partners-older" in refused.stderr) == (5, True)
    assert "Worcestershire" in refused.stderr
    await asyncio.to_thread(announce_signatures, worcestershire, sandwell)
    done = await asyncio.to_thread(run_command, *words)
    assert done.returncode == 0, done.stderr
    for gw in (sandwell, worcestershire):
        gw.store.close()
    sandwell, worcestershire = home_folder.open_gateway(home), home_folder.open_gateway(worcestershire.config.home)
    assert [key.alg for key in sandwell.own_card.keys if key.status == "active"] == ["ES256", "MLKEM768_X25519"]
    add_partner(worcestershire, sandwell.own_card_text, by="otto")
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        [theirs] = send_notices(worcestershire, [notice(sender="885", recipient="333")], by="otto")
        await until(lambda: state(worcestershire, theirs) is DeliveryState.RECEIVED)
        raw = json.loads(await evidence.export_evidence(sandwell, sent, "audrey"))
    assert whole(sandwell).faults == () == whole(worcestershire).faults
    (tmp_path / "evidence.json").write_text(json.dumps(raw))
    cards = [str(gw.config.home / home_folder.CARD_FILE) for gw in (sandwell, worcestershire)]
    script = [sys.executable, str(SCRIPT), str(tmp_path / "evidence.json"), *cards]
    checked = await asyncio.to_thread(subprocess.run, script, capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, "No problems found" in checked.stdout) == (0, True), checked.stdout
    for gw in (sandwell, worcestershire):
        gw.store.close()


def test_no_key_is_made_and_nothing_changes_where_the_hsm_does_not_answer(
    tmp_path: Path, token: SoftToken, softhsm: SoftHsm
) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.store.close()
    home = gw.config.home
    before = (home / home_folder.KEYS / RING_FILE).read_bytes()
    refused = run_command("keys", "rotate", "--into", "hsm", "--home", str(home), "--by", "ines")
    assert (refused.returncode, "ring.no-hsm" in refused.stderr) == (78, True)
    token.write_settings(home)
    token.unplug()
    away = run_command("keys", "rotate", "--into", "hsm", "--home", str(home), "--by", "ines")
    assert (away.returncode, "hsm.no-token" in away.stderr) == (75, True)
    assert (home / home_folder.KEYS / RING_FILE).read_bytes() == before


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True)
async def test_two_processes_work_with_one_token_and_one_goes_on_when_the_other_is_killed(
    pair: Pair, tmp_path: Path
) -> None:
    sandwell, worcestershire = pair
    second = home_folder.open_gateway(another_home(sandwell.config.home, tmp_path / "333-2", free_port()))
    first = start_gateway("serve", "--home", str(sandwell.config.home), env=dict(os.environ))
    try:
        async with app.run_gateway(worcestershire), app.run_gateway(second):
            await until(lambda: len(second.store.look(heartbeats.list_heartbeats)) > 1)
            [theirs] = send_notices(worcestershire, [notice(sender="885", recipient="333")], by="otto")
            [ours] = send_notices(second, [notice()], by="olive")
            await until(lambda: state(second, ours) is DeliveryState.RECEIVED)
            await until(lambda: state(worcestershire, theirs) is DeliveryState.RECEIVED)
            first.kill()
            [again] = send_notices(second, [notice()], by="olive")
            await until(lambda: state(second, again) is DeliveryState.RECEIVED)
            # It was signed for by the other process, and is opened by this one.
            assert respond.read_incoming(second, theirs, by="olive")[1].kind == "TransferNotice"
    finally:
        first.kill()
        first.wait()
    assert whole(second).faults == ()
    second.store.close()
