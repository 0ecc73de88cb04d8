"""What messages are encrypted with: partners with classical keys alone, and a suite that is not used any more."""

from functools import partial
from pathlib import Path

import pytest

from gateway import app
from gateway.core.delivery import DeliveryState
from gateway.exchange import respond
from gateway.exchange.send import send_notices
from keys.ring import Ring
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
