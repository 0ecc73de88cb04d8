"""After a theft: new keys, and an audit log that can still be verified, whole."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.auditing import audit
from gateway.auditing.audit import LogVerdict
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.errors import NotAllowed
from gateway.exchange.send import send_notices
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from keys import card
from keys.card import MAX_ROWS
from keys.ring import EVIDENCE, RING_FILE
from keys.trust import Trust
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_exchange import state, until


def verdict(gw: Gateway) -> LogVerdict:
    return gw.store.look(lambda tx: audit.verify_log(tx, Trust({gw.code: gw.own_card}), gw.code))


async def signed(gw: Gateway, times: int) -> None:
    for number in range(times):
        await audit.sign_checkpoint(gw, AuditEntry("notice.read", f"olive {number}"))


async def test_what_a_revoked_key_signed_is_counted_apart_and_signed_anew(tmp_path: Path) -> None:
    before = make(tmp_path / "333", "333", "Sandwell")
    await signed(before, 3)
    before.store.close()
    home_folder.rotate_keys(tmp_path / "333", by="ines", revoke=True)
    after = home_folder.open_gateway(tmp_path / "333")
    found = verdict(after)
    assert found.faults == ()
    assert (found.checkpoints, found.revoked) == (1, 4)
    assert found.covered == found.size
    exported = await audit.export_log(after, tmp_path / "export", "audrey")
    assert exported.faults == ()
    after.store.close()


async def test_a_gateway_that_went_on_under_the_old_key_is_signed_anew_when_it_starts(tmp_path: Path) -> None:
    running = make(tmp_path / "333", "333", "Sandwell")
    home_folder.rotate_keys(tmp_path / "333", by="ines", revoke=True)
    # By the process that was not restarted.
    await signed(running, 2)
    running.store.close()
    after = home_folder.open_gateway(tmp_path / "333")
    assert verdict(after).covered < verdict(after).size
    async with app.run_gateway(after):
        assert verdict(after).covered == verdict(after).size
    assert verdict(after).faults == ()
    after.store.close()


async def test_an_entry_that_was_changed_under_a_revoked_checkpoint_is_still_found(tmp_path: Path) -> None:
    before = make(tmp_path / "333", "333", "Sandwell")
    await signed(before, 3)
    entries = [kept.entry for kept in before.store.look(lambda tx: list(audit_log.list_entries(tx)))]
    before.store.close()
    home_folder.rotate_keys(tmp_path / "333", by="ines", revoke=True)
    after = home_folder.open_gateway(tmp_path / "333")
    notes: list[str] = after.store.look(lambda tx: list(audit_log.list_checkpoints(tx)))
    entries[1] = entries[1].replace("olive", "oscar")
    found = audit.check_entries(entries, notes[:-1], Trust({"333": after.own_card}), "333")
    assert any("Entries 1 to 1" in fault for fault in found.faults)
    after.store.close()


def test_an_empty_log_and_one_without_a_checkpoint_are_not_whole(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    trust = Trust({"333": gw.own_card})
    for entries in ([], ["{}"]):
        [*_, last] = audit.check_entries(entries, [], trust, "333").faults
        assert "No checkpoint" in last
    gw.store.close()


async def test_one_entry_that_is_gone_is_said_in_a_few_lines(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    await signed(gw, 20)
    entries = [kept.entry for kept in gw.store.look(lambda tx: list(audit_log.list_entries(tx)))]
    notes: list[str] = gw.store.look(lambda tx: list(audit_log.list_checkpoints(tx)))
    del entries[5]
    found = audit.check_entries(entries, notes, Trust({"333": gw.own_card}), "333")
    assert found.faults[0].startswith("Entry 5:")
    # The gap; the first checkpoint that disagrees; how many more; one signed over more.
    assert len(found.faults) == 4
    gw.store.close()


async def test_keys_are_replaced_forty_times_and_the_card_has_those_that_somebody_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(ours, there)
    ours.store.close()
    opened, now = home_folder.open_gateway, datetime.now(UTC)
    for number in range(40):
        at = now - timedelta(days=120) * (39 - number)
        monkeypatch.setattr(home_folder, "open_gateway", partial(opened, now=partial(at.astimezone, UTC)))
        home_folder.rotate_keys(tmp_path / "333", by="ines")
    ours = opened(tmp_path / "333")
    keys = ours.own_card.keys
    assert [(key.use, key.status) for key in keys[:2]] == [("sig", "active"), ("enc", "active")]
    # Of the other keys of thirteen years, the signing keys of the last six.
    assert {(key.use, key.status) for key in keys[2:]} == {("sig", "retired")}
    assert len(keys) == 3 + EVIDENCE // timedelta(days=120)
    assert all(key.not_after + EVIDENCE > now for key in keys)
    assert len(ours.ring.public_keys()) == 82
    assert audit.verify_own_log(ours).faults == ()
    add_partner(there, ours.own_card_text, by="test")
    async with app.run_gateway(ours), app.run_gateway(there):
        [out] = send_notices(ours, [notice()], by="olive")
        [back] = send_notices(there, [notice("885", "333")], by="otto")
        await until(lambda: (state(ours, out), state(there, back)) == (DeliveryState.RECEIVED,) * 2)
    for gw in (ours, there):
        gw.store.close()


def test_with_more_keys_than_a_card_holds_none_are_made_but_after_a_theft(tmp_path: Path) -> None:
    home = tmp_path / "333"
    make(home, "333", "Sandwell").store.close()
    for _ in range(MAX_ROWS - 2):
        home_folder.rotate_keys(home, by="ines")
    ring, ours = ((home / name).read_bytes() for name in (f"{home_folder.KEYS}/{RING_FILE}", home_folder.CARD_FILE))
    with pytest.raises(NotAllowed, match=r"keys\.card-full"):
        home_folder.rotate_keys(home, by="ines")
    assert len(card.read(ours.decode()).keys) == MAX_ROWS
    assert ring == (home / home_folder.KEYS / RING_FILE).read_bytes()
    assert ours == (home / home_folder.CARD_FILE).read_bytes()
    home_folder.renew_card(home, by="ines")
    renewed = home_folder.rotate_keys(home, by="ines", revoke=True)
    assert {key.status for key in renewed.keys} == {"active", "revoked"}
    gw = home_folder.open_gateway(home)
    assert gw.card_has_our_keys()
    assert audit.verify_own_log(gw).faults == ()
    gw.store.close()
