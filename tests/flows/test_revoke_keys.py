"""A key is revoked: what it signed counts no more, what it locked must not lie under it, and the last one never goes."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway import app, home_folder
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.own_keys import KeyKind, KeyState, ListedKey
from gateway.core.storage_rotation import KEPT_AT_LEAST
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.send import send_notices
from gateway.own_keys import revoke, storage
from gateway.own_keys.inventory import list_own_keys
from gateway.own_keys.revoke import revoke_key
from gateway.store import outbox, storage_keys
from gateway.store.tables import children
from keys import at_rest, tls
from keys.at_rest import Locked
from keys.trust import Trust
from tests.children import notice
from tests.command import run_command
from tests.conftest import make
from tests.flows.test_exchange import Pair, state, until
from tests.storage_keys import add_locked_rows, count_under, finish_rotation, replace_storage_key


def list_kind(gw: Gateway, kind: KeyKind) -> list[ListedKey]:
    return [key for key in list_own_keys(gw) if key.kind is kind]


def test_what_may_not_be_revoked_stays_as_it_is(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    home = gw.config.home
    ring = (home / "keys" / "ring.json").read_bytes()
    codes = {}
    for key in list_own_keys(gw):
        if key.kind is not KeyKind.CERTIFICATE:
            with pytest.raises(NotAllowed) as refused:
                revoke_key(home, key.id, by="ines")
            codes[key.kind.value] = refused.value.code
    assert codes == {
        "identity": "keys.not-revocable",
        "signing": "keys.in-use",
        "sealing": "keys.in-use",
        "storage": "keys.in-use",
        "recognition": "keys.not-revocable",
    }
    for wrong in ("", "333-sig-0000000000000000", "../333", "885-sig-ffffffffffffffff"):
        with pytest.raises(NotFound):
            revoke_key(home, wrong, by="ines")
    assert (home / "keys" / "ring.json").read_bytes() == ring
    done = run_command("keys", "revoke", "nothing", "--home", str(home))
    assert (done.returncode, "keys.not-found" in done.stderr) == (4, True)
    gw.store.close()


def test_a_signing_key_that_was_replaced_counts_no_more_once_it_is_revoked(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    home = gw.config.home
    old = {kind: list_kind(gw, kind)[0].id for kind in (KeyKind.SIGNING, KeyKind.SEALING)}
    home_folder.rotate_keys(home, by="ines")
    for kid in old.values():
        done = run_command("keys", "revoke", kid, "--home", str(home))
        assert done.returncode == 0, done.stderr
        with pytest.raises(NotAllowed, match=r"keys\.revoked-already"):
            revoke_key(home, kid, by="ines")
    home_folder.take_up_own(gw)
    on_card = {key.kid: key.status for key in gw.own_card.keys}
    # Nobody seals to a key that was replaced, so it left the card then.
    assert [on_card.get(kid) for kid in old.values()] == ["revoked", None]
    assert [key.state for key in list_kind(gw, KeyKind.SIGNING)] == [KeyState.ACTIVE, KeyState.REVOKED]
    # What is sealed to it under way still opens.
    gw.ring.get_sealing_key(old[KeyKind.SEALING])
    found = gw.store.look(lambda tx: audit.verify_log(tx, Trust({gw.code: gw.own_card}), gw.code))
    assert (found.faults, found.covered) == ((), found.size)
    gw.store.close()


def test_a_storage_key_is_destroyed_only_when_nothing_needs_it(pair: Pair) -> None:
    sandwell, _ = pair
    home, old = sandwell.config.home, sandwell.ring.storage_key.kid
    [sent] = send_notices(sandwell, [notice()], by="olive")
    [name] = add_locked_rows(sandwell, 1)["children"]
    late = at_rest.lock(b"late", about=name, ring=sandwell.ring)
    kid = storage.rotate_storage_key(sandwell, by="ines")
    with pytest.raises(NotAllowed, match=r"keys\.in-use"):
        revoke_key(home, old, by="ines")
    home_folder.take_up_own(sandwell)
    sandwell.store.run(lambda tx: storage_keys.activate_storage_key(tx, sandwell.now(), kid))
    with pytest.raises(NotAllowed, match=r"keys\.rotation-under-way"):
        revoke_key(home, old, by="ines")
    finish_rotation(sandwell)
    with pytest.raises(NotAllowed, match=r"keys\.too-soon"):
        revoke_key(home, old, by="ines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revoke, "KEPT_AT_LEAST", timedelta(0))
        # What a process that was away had stored under it.
        _put_late(sandwell, late)
        with pytest.raises(NotAllowed, match=r"keys\.still-needed") as needed:
            revoke_key(home, old, by="ines")
        assert "1 stored" in needed.value.sentence
        finish_rotation(sandwell)
        assert revoke_key(home, old, by="ines").kind is KeyKind.STORAGE
        with pytest.raises(NotFound):
            revoke_key(home, old, by="ines")
    home_folder.take_up_own(sandwell)
    assert sandwell.ring.storage_kids == (kid,)
    locked = sandwell.store.look(lambda tx: Locked(*outbox.get_locked_notice(tx, sent)))
    assert b"Testchild" in at_rest.unlock(locked, about=sent, ring=sandwell.ring)
    assert count_under(sandwell, kid) > 1
    assert timedelta(hours=1) < KEPT_AT_LEAST
    # And it goes on so.
    replace_storage_key(sandwell)


def _put_late(gw: Gateway, locked: Locked) -> None:
    gw.store.run(lambda tx: tx.execute(update(children).values(data_key=locked.data_key)))


async def test_a_server_certificate_is_replaced_at_once_and_partners_come_again(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [old] = list_kind(sandwell, KeyKind.CERTIFICATE)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [first] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await until(lambda: state(worcestershire, first) is DeliveryState.RECEIVED)
        done = run_command("keys", "revoke", old.id, "--home", str(sandwell.config.home))
        assert done.returncode == 0, done.stderr
        await until(lambda: worcestershire.trust.get_card("333").serial == 2)
        pinned = {route.certificate for route in worcestershire.trust.get_card("333").routes}
        assert old.id not in {tls.name_pinned(certificate or "") for certificate in pinned}
        assert len(pinned) == 1
        [second] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await until(lambda: state(worcestershire, second) is DeliveryState.RECEIVED)


def test_the_next_certificate_is_thrown_away_and_one_of_an_authority_is_not_made_here(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    home = gw.config.home
    home_folder._write_next_certificate(home, "localhost", gw.now())
    waiting, shown = list_kind(gw, KeyKind.CERTIFICATE)
    revoke_key(home, waiting.id, by="ines")
    assert [key.id for key in list_kind(gw, KeyKind.CERTIFICATE)] == [shown.id]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "own_host", lambda _: None)
        with pytest.raises(NotAllowed, match=r"keys\.no-next-certificate"):
            revoke_key(home, shown.id, by="ines")
    assert [key.id for key in list_kind(gw, KeyKind.CERTIFICATE)] == [shown.id]
    gw.store.close()
