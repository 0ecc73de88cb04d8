"""What messages are encrypted with: partners with classical keys alone, and a suite that is not used any more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.errors import ConfigProblem
from gateway.exchange import respond
from gateway.exchange.enquire import explain_out_of_reach
from gateway.exchange.send import send_notices
from gateway.monitoring import install_checks
from gateway.settings.file import parse
from gateway.settings.rules import FILE
from keys.card import CardKey
from keys.errors import KeyRefused
from keys.ring import Ring
from keys.trust import Trust
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
        code: replace(card, expires_at=first + far, keys=live_long(card.keys, first + far))
        for code, card in ((it, sandwell.trust.get_card(it)) for it in ("885", "330"))
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
