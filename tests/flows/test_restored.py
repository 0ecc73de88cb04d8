"""A restored gateway knows it, by command or by what its partners hold, and says so in a signed word that explains the
warnings of its partners.
"""

import asyncio
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.auditing import audit, restores, witness
from gateway.backups.make import make_backup
from gateway.backups.restore import RestoreTarget, restore_backup
from gateway.context import SYSTEM, Gateway
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.monitoring.health import measure_health
from gateway.store import audit_log, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Store
from gateway.store.database_copy import copy_database, fill_database
from keys import note
from keys.errors import Refusal, RefusalCode
from keys.note import RestoreWord
from keys.trust import Trust
from tests.conftest import make, new_database
from tests.flows.test_exchange import Pair, until
from tests.flows.test_statements import exchanged

PASSPHRASE = b"an invented recovery passphrase"


def count(gw: Gateway, act: str) -> int:
    return len(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act)))


def find(gw: Gateway, name: str) -> HealthFinding | None:
    return next((one for one in measure_health(gw).findings if one.name == name), None)


async def wait_for_end(_: Gateway, stop: asyncio.Event) -> None:
    """In the place of a job: the test does its work itself."""
    await stop.wait()


async def lose_a_day(pair: Pair, way: str, folder: Path, request: pytest.FixtureRequest) -> Gateway:
    """Sandwell as it was before Worcestershire saw more of its log: restored by command, or by hand."""
    sandwell, worcestershire = pair
    is_shared = sandwell.store.is_shared
    url = new_database(request.getfixturevalue("postgres"), migrated=False) if is_shared else ""
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await exchanged(worcestershire, sandwell)
        file = folder / "copy"
        if way == "command":
            make_backup(sandwell, file, PASSPHRASE, by="ada")
        else:
            copy_database(sandwell.store, file)
        await audit.sign_checkpoint(sandwell)
        for _ in range(12):
            await audit.sign_checkpoint(sandwell, AuditEntry("gateway.started", SYSTEM))
        await exchanged(worcestershire, sandwell)
    if way == "command":
        restore_backup(file, PASSPHRASE, RestoreTarget(folder / "new", url), by="ada")
        return home_folder.open_gateway(folder / "new")
    home = sandwell.config.home
    sandwell.store.close()
    if is_shared:
        empty = Store(url)
        fill_database(empty, file)
        empty.close()
        settings = home / "gateway.toml"
        settings.write_text(settings.read_text().replace(sandwell.config.store_url, url))
    else:
        for left in home.glob("store.db*"):
            left.unlink()
        file.rename(home / "store.db")
    return home_folder.open_gateway(home)


@pytest.mark.parametrize("way", ["command", "hand"])
async def test_a_restored_gateway_knows_it_and_its_partner_is_told(
    pair: Pair, tmp_path: Path, way: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, worcestershire = pair
    monkeypatch.setattr(restores, "watch_restores_forever", wait_for_end)
    monkeypatch.setattr(witness, "watch_logs_forever", wait_for_end)
    gw = await lose_a_day(pair, way, tmp_path, request)
    try:
        async with app.run_gateway(worcestershire), app.run_gateway(gw):
            for _ in range(2):
                assert await restores.notice_own_restore(gw, "885")
            assert count(gw, "gateway.restore-noticed") == 1
            assert count(gw, "gateway.restored") == (way == "command")
            ours = find(gw, "restored by hand")
            assert ours is not None
            assert "Worcestershire" in ours.sentence
            assert (find(gw, "restored") is not None) == (way == "command")

            # There is no warning yet, so nothing is asked.
            assert await restores.hear_restore(worcestershire, "333") is None
            before = worcestershire.store.look(lambda tx: partner_checkpoints.summarise_checkpoints(tx, "333"))
            assert before is not None
            while gw.store.look(audit_log.get_tree_head).size <= before.size:
                await audit.sign_checkpoint(gw, AuditEntry("gateway.started", SYSTEM))
            await audit.sign_checkpoint(gw)
            await exchanged(worcestershire, gw)
            await witness.check_partner_log(worcestershire, "333")
            warning = find(worcestershire, "audit log of 333")
            assert warning is not None
            assert warning.level is FindingLevel.FAIL
            word = await restores.hear_restore(worcestershire, "333")
            assert word is not None
            assert (word.backup_at is not None) == (way == "command")
            assert await restores.hear_restore(worcestershire, "333") is None
            assert count(worcestershire, "witness.explained") == 1
            warning = find(worcestershire, "audit log of 333")
            assert warning is not None
            assert warning.level is FindingLevel.WARN
            assert "They signed that they were restored" in warning.sentence
            # They hold a checkpoint of the new log now, and the one that it contradicts.
            assert await restores.notice_own_restore(gw, "885")
            assert count(gw, "gateway.restore-noticed") == 1
    finally:
        gw.store.close()


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
async def test_all_of_it_happens_by_itself(
    pair: Pair, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, worcestershire = pair
    gw = await lose_a_day(pair, "hand", tmp_path, request)
    monkeypatch.setattr(restores, "LOOK_EVERY", 0.3)
    monkeypatch.setattr(witness, "CHECK_EVERY", 0.3)
    try:
        async with app.run_gateway(worcestershire), app.run_gateway(gw):
            for _ in range(12):
                await audit.sign_checkpoint(gw, AuditEntry("gateway.started", SYSTEM))
            await exchanged(worcestershire, gw)
            await until(lambda: count(worcestershire, "witness.explained") == 1)
            assert count(gw, "gateway.restore-noticed") == 1
    finally:
        gw.store.close()


async def test_a_gateway_that_was_not_restored_says_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await audit.sign_checkpoint(sandwell)
        await exchanged(worcestershire, sandwell)
        assert not await restores.notice_own_restore(sandwell, "885")
        assert await restores.sign_own_restore(sandwell) is None
        await audit.sign_checkpoint(sandwell, AuditEntry("gateway.started", SYSTEM))
        assert not await restores.notice_own_restore(sandwell, "885")
    assert find(sandwell, "restored") is find(sandwell, "restored by hand") is None


def test_only_the_partner_itself_can_say_that_it_was_restored(tmp_path: Path) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    try:
        trust = Trust({gw.code: gw.own_card for gw in (sandwell, worcestershire)})
        now = sandwell.now().replace(microsecond=0)
        for word in (RestoreWord(now, None), RestoreWord(now, now)):
            signed = note.sign_restore_word(word, ring=sandwell.ring)
            assert note.verify_restore_word(signed, authority="333", trust=trust) == word
        forged = signed.replace("333", "885")
        checkpoint = note.sign_checkpoint(origin=note.origin_of("333"), size=1, root=bytes(32), ring=sandwell.ring)
        for text, whose, code in (
            (signed, "885", RefusalCode.NOTE_OTHER_ORIGIN),
            (forged, "885", RefusalCode.NOTE_SIGNATURE),
            (signed.replace("\n1", "\n2", 1), "333", RefusalCode.NOTE_SIGNATURE),
            (checkpoint, "333", RefusalCode.NOTE_OTHER_ORIGIN),
            ("", "333", RefusalCode.NOTE_MALFORMED),
        ):
            with pytest.raises(Refusal) as why:
                note.verify_restore_word(text, authority=whose, trust=trust)
            assert why.value.code == code
        with pytest.raises(Refusal):
            note.verify_checkpoint_with_trust(signed, authority="333", trust=trust)
    finally:
        sandwell.store.close()
        worcestershire.store.close()
