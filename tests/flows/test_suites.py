"""What messages are encrypted with: partners with classical keys alone, and a suite that is not used any more."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.errors import ConfigProblem
from gateway.exchange import respond
from gateway.exchange.enquire import explain_out_of_reach
from gateway.exchange.newer_cards import SHOWN, take_newer_card
from gateway.exchange.send import send_notices
from gateway.monitoring import install_checks
from gateway.settings.file import parse
from gateway.settings.rules import FILE
from gateway.store import audit_log, outbox
from keys import card
from keys.card import CardKey
from keys.errors import CardRefused, KeyRefused
from keys.ring import Ring
from keys.trust import MinimumVersion, Trust, find_version
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_exchange import state, until


async def test_a_partner_with_classical_keys_alone_exchanges_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    with monkeypatch.context() as patch:
        patch.setattr(Ring, "create", partial(Ring.create, kem="X25519"))
        worcestershire = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, worcestershire)
    assert [key.alg for key in worcestershire.own_card.keys if key.use == "enc"] == ["X25519"]
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        [theirs] = send_notices(worcestershire, [notice(sender="885", recipient="333")], by="otto")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        await until(lambda: state(worcestershire, theirs) is DeliveryState.RECEIVED)
        opened = respond.read_incoming(worcestershire, sent, by="otto")[1]
        assert opened == respond.read_outgoing(sandwell, sent, by="olive")
    for gw in (sandwell, worcestershire):
        gw.store.close()


def test_from_a_day_on_nothing_is_encrypted_to_keys_of_a_forbidden_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "333"
    make(home, "333", "Sandwell").store.close()
    with (home / FILE).open("a") as settings:
        settings.write('\n[encryption]\nforbidden = "X25519"\nforbidden_from = "2030-01-01"\n')
    sandwell = home_folder.open_gateway(home)
    with monkeypatch.context() as patch:
        patch.setattr(Ring, "create", partial(Ring.create, kem="X25519"))
        classical = make(tmp_path / "885", "885", "Worcestershire")
    modern = make(tmp_path / "330", "330", "Birmingham")
    for there in (classical, modern):
        introduce(sandwell, there)

    def judge(day: datetime) -> tuple[str, str, str]:
        """How each partner is reached then, and what Health says."""
        said = next((it for it in install_checks.check_installation(sandwell) if it.name == "encryption"), None)
        reach = []
        for code in ("885", "330"):
            try:
                reach.append(sandwell.trust.sealing_key(code, day).kem.name)
            except KeyRefused as why:
                reach.append(why.code)
        return reach[0], reach[1], said.level if said else ""

    eve, first = datetime(2029, 12, 31, 23, 59, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    far = timedelta(days=4_000)
    cards = {
        code: replace(whose, expires_at=first + far, keys=live_long(whose.keys, first + far))
        for code, whose in ((it, sandwell.trust.get_card(it)) for it in ("885", "330"))
    }
    sandwell.trust = Trust(cards, sandwell.config.find_forbidden_suites())
    sandwell.now = lambda: eve
    assert judge(eve) == ("X25519", "MLKEM768_X25519", FindingLevel.WARN)
    sandwell.now = lambda: first
    assert judge(first) == ("key.forbidden", "MLKEM768_X25519", FindingLevel.FAIL)
    assert "kind" in (explain_out_of_reach(sandwell, "885") or "")
    assert explain_out_of_reach(sandwell, "330") is None
    for gw in (sandwell, classical, modern):
        gw.store.close()


def live_long(keys: Sequence[CardKey], until_then: datetime) -> tuple[CardKey, ...]:
    return tuple(replace(key, not_after=until_then) for key in keys)


@pytest.mark.parametrize("wrong", ['forbidden = "RSA"\n', 'forbidden = "X25519"\n', 'forbidden_from = "2030-01-01"\n'])
def test_a_setting_that_says_half_of_it_is_named(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[encryption]\n{wrong}', tmp_path)
    assert "[encryption]" in caught.value.sentence


@pytest.mark.parametrize(
    ("listed", "minimum", "is_met"),
    [
        (("1",), "1", True),
        (("1",), "1.1", False),
        (("1", "1.1"), "1.1", True),
        (("2",), "1.9", True),
        (("1.10",), "1.9", True),
        (("one", "1.x", ""), "1", False),
        ((), "0", False),
    ],
)
def test_a_card_meets_the_version_that_it_lists_or_an_older_one(
    tmp_path: Path, listed: tuple[str, ...], minimum: str, is_met: bool
) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    version = find_version(minimum)
    assert version is not None
    since = datetime(2030, 1, 1, tzinfo=UTC)
    assert MinimumVersion(version, since).is_met(replace(gw.own_card, schema_versions=listed)) is is_met
    gw.store.close()


async def test_from_a_day_on_nothing_is_exchanged_with_a_partner_below_a_version(tmp_path: Path) -> None:
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    there = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, there)
    [queued] = send_notices(sandwell, [notice()], by="olive")
    sandwell.store.close()
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with (tmp_path / "333" / FILE).open("a") as settings:
        settings.write(f'\n[versions]\nminimum = "1.1"\nminimum_from = "{tomorrow}"\n')
    sandwell = home_folder.open_gateway(tmp_path / "333")

    def says() -> str:
        found = [it.level for it in install_checks.check_installation(sandwell) if it.name == "versions of partners"]
        return found[0] if found else ""

    # A finding before, and nothing else.
    assert (says(), explain_out_of_reach(sandwell, "885")) == (FindingLevel.WARN, None)
    clock = sandwell.now
    sandwell.now = there.now = lambda: clock() + timedelta(days=1, minutes=1)
    assert says() == FindingLevel.FAIL
    assert "version" in (explain_out_of_reach(sandwell, "885") or "")
    with pytest.raises(CardRefused, match="of a version that yours does not exchange with"):
        send_notices(sandwell, [notice()], by="olive")
    async with app.run_gateway(sandwell), app.run_gateway(there):
        [theirs] = send_notices(there, [notice(sender="885", recipient="333")], by="otto")
        await until(lambda: "caller.refused" in list_acts(sandwell))
        # What waits on either side waits, and is not lost.
        await asyncio.sleep(1)
        assert state(sandwell, queued) is DeliveryState.QUEUED
        assert state(there, theirs) in (DeliveryState.QUEUED, DeliveryState.SENT)
        # Its newer card comes by itself, and all goes on.
        identity = Ring.open_identity(there.config.home / "keys", passphrase=there.config.read_passphrase())
        upgraded = replace(there.own_card, serial=2, schema_versions=("1", "1.1"))
        verdict = await take_newer_card(sandwell, card.write(upgraded, identity), "885", SHOWN)
        assert verdict.is_taken
        assert says() == ""
        await until(lambda: state(sandwell, queued) is DeliveryState.RECEIVED)
        there.store.run(lambda tx: outbox.make_partner_due(tx, there.now(), "333"))
        there.due.set()
        await until(lambda: state(there, theirs) is DeliveryState.RECEIVED)
    for gw in (sandwell, there):
        gw.store.close()


def list_acts(gw: Gateway) -> set[str]:
    return {it.act for it in gw.store.look(audit_log.list_newest_entries)}


@pytest.mark.parametrize("wrong", ['minimum = "new"\n', 'minimum = "1.1"\n', 'minimum_from = "2030-01-01"\n'])
def test_a_minimum_version_that_says_half_of_it_is_named(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[versions]\n{wrong}', tmp_path)
    assert "[versions]" in caught.value.sentence
