"""A new storage key takes the place of the old one while everything goes on: nothing that is stored is opened for it,
nothing becomes unreadable, and whatever interrupts it, it is finished.
"""

import asyncio
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, select, update

from gateway import app, home_folder
from gateway.backups.make import make_backup
from gateway.backups.restore import RestoreTarget, restore_backup
from gateway.context import Gateway
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.core.own_keys import KeyState
from gateway.core.storage_rotation import StorageKey, find_active
from gateway.errors import ConfigProblem, NotAllowed
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.own_keys import inventory, storage
from gateway.store import audit_log, outbox, running_processes, storage_keys, tables, wrapped_keys
from gateway.store.running_processes import RunningProcess
from gateway.store.wrapped_keys import COLUMNS
from keys import at_rest
from keys.at_rest import Locked
from keys.ring import RING_FILE, Ring
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.conftest import free_port, make
from tests.flows.test_exchange import Pair, until
from tests.flows.test_sharing import another_home
from tests.loaded import start_gateway
from tests.storage_keys import add_locked_rows, at_once, count_under, finish_rotation, replace_storage_key

PASSPHRASE = b"an invented recovery passphrase"
NAME = "encryption of stored data"


def list_stored(gw: Gateway) -> list[StorageKey]:
    return gw.store.look(storage_keys.list_storage_keys)


def get_active(gw: Gateway) -> StorageKey:
    active = find_active(list_stored(gw))
    assert active is not None
    return active


def count_held(gw: Gateway) -> int:
    return len(gw.ring.storage_kids)


def list_acts(gw: Gateway) -> list[str]:
    entries = gw.store.look(partial(audit_log.list_newest_entries, limit=1000))
    return [entry.act for entry in reversed(entries) if entry.act.startswith("keys.storage")]


def find_finding(gw: Gateway, name: str = NAME) -> HealthFinding | None:
    return next((one for one in health.measure_health(gw).findings if one.name == name), None)


def is_readable(gw: Gateway, message_id: MessageId) -> bool:
    locked = gw.store.look(lambda tx: Locked(*outbox.get_locked_notice(tx, message_id)))
    return b"Testchild" in at_rest.unlock(locked, about=message_id, ring=gw.ring)


def test_every_column_with_wrapped_keys_is_known() -> None:
    found = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.endswith("_key")
    }
    assert {(it.table.name, it.column) for it in COLUMNS} == found


def test_every_data_key_is_wrapped_anew_and_what_it_locks_is_as_it_was(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair
    # So that there is more than one batch of each.
    monkeypatch.setattr(storage, "TOGETHER", 2)
    monkeypatch.setattr(storage, "PAUSE", 0)
    names = add_locked_rows(sandwell, 5)
    before = sandwell.ring.storage_key.kid
    contents = select(tables.children.c.content).order_by(tables.children.c.number)
    locked = sandwell.store.look(lambda tx: list(tx.scalars(contents)))
    destroyed = update(tables.inbox).where(tables.inbox.c.message_id == names["inbox"][0]).values(data_key=None)
    sandwell.store.run(lambda tx: tx.execute(destroyed))
    assert count_under(sandwell, before) == 5 * len(COLUMNS) - 1

    kid = replace_storage_key(sandwell)

    assert (count_under(sandwell, before), count_under(sandwell, kid)) == (0, 5 * len(COLUMNS) - 1)
    assert sandwell.store.look(lambda tx: list(tx.scalars(contents))) == locked
    for column in COLUMNS:
        keys = select(column.keys).order_by(*column.table.primary_key)
        rows = sandwell.store.look(partial(_list_keys, query=keys))
        assert rows.count(None) == (column.table is tables.inbox)
        for name, data_key in zip(names[column.table.name], rows, strict=True):
            if data_key is not None:
                at_rest.rewrap_key(data_key, about=name, ring=sandwell.ring)
    active = get_active(sandwell)
    assert (active.kid, active.rewrapped, active.remaining, active.unopened) == (kid, 5 * len(COLUMNS) - 1, 0, 0)
    assert list_acts(sandwell) == ["keys.storage-rotated", "keys.storage-used", "keys.storage-rewrapped"]
    assert before in sandwell.ring.storage_kids


def _list_keys(tx: object, query: object) -> list[bytes | None]:
    return [None if key is None else bytes(key) for key in tx.scalars(query)]  # type: ignore[attr-defined]


def test_nobody_rotates_while_a_rotation_is_on_and_the_command_says_how_far_it_is(pair: Pair) -> None:
    sandwell, _ = pair
    home = str(sandwell.config.home)
    send_notices(sandwell, [notice()], by="olive")
    assert run_command("keys", "rotate-storage", "--home", home).returncode == 0
    refused = run_command("keys", "rotate-storage", "--home", home)
    assert (refused.returncode, "keys.rotation-under-way" in refused.stderr) == (5, True)
    # The other keys may be replaced meanwhile; no third storage key is made, but after a theft.
    home_folder.rotate_keys(sandwell.config.home, by="ines")
    home_folder.take_up_own(sandwell)
    assert count_held(sandwell) == 2
    home_folder.rotate_keys(sandwell.config.home, by="ines", revoke=True)
    home_folder.take_up_own(sandwell)
    assert count_held(sandwell) == 3
    finish_rotation(sandwell)
    listed = [key for key in inventory.list_own_keys(sandwell) if key.kind == "storage"]
    assert [key.state for key in listed] == [KeyState.ACTIVE, KeyState.RETIRED, KeyState.RETIRED]
    assert get_active(sandwell).kid == listed[0].id
    shown = run_command("keys", "list", "--home", home, COLUMNS="200")
    assert "encrypted again" not in shown.stdout


def test_of_two_who_rotate_at_once_one_does_and_the_other_is_refused(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    homes = [sandwell.config.home, sandwell.config.home]
    if sandwell.store.is_shared:
        homes[1] = another_home(sandwell.config.home, tmp_path / "333-2", free_port())
    ended: list[str] = []
    begin = threading.Barrier(2)

    def rotate(home: Path) -> None:
        gw = home_folder.open_gateway(home)
        begin.wait()
        try:
            ended.append(storage.rotate_storage_key(gw, by="ines"))
        except NotAllowed as why:
            ended.append(why.code)
        finally:
            gw.store.close()

    threads = [threading.Thread(target=rotate, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [refused, made] = sorted(ended, reverse=True)
    assert (refused, len(list_stored(sandwell))) == ("keys.rotation-under-way", 2)
    rings = [Ring.unlock(home / "keys", passphrase=sandwell.config.read_passphrase()).storage_kids for home in homes]
    held = [made in ring for ring in rings]
    assert sorted(map(len, rings)) == ([1, 2] if sandwell.store.is_shared else [2, 2])
    assert any(held)


def test_a_command_that_was_killed_after_it_made_the_key_is_finished_by_the_gateway(pair: Pair) -> None:
    sandwell, _ = pair
    [sent] = send_notices(sandwell, [notice()], by="olive")
    folder = sandwell.config.home / home_folder.KEYS
    passphrase = sandwell.config.read_passphrase()
    ring = Ring.rotate(folder, passphrase=passphrase, now=sandwell.now(), uses=("rest",))
    opened = home_folder.open_gateway(sandwell.config.home)
    # Nobody knows of it yet, so it wraps nothing.
    assert opened.ring.storage_key.kid != ring.storage_kids[0]
    opened.store.close()
    finish_rotation(sandwell)
    assert get_active(sandwell).kid == ring.storage_kids[0]
    assert is_readable(sandwell, sent)
    assert list_acts(sandwell)[0] == "keys.storage-rotated"


def test_a_copy_that_no_key_opens_is_counted_and_holds_up_no_other(pair: Pair) -> None:
    sandwell, _ = pair
    [sent, spoilt] = send_notices(sandwell, [notice(), notice()], by="olive")
    mine = tables.outbox_contents.c.message_id == spoilt
    sandwell.store.run(lambda tx: tx.execute(update(tables.outbox_contents).where(mine).values(data_key=bytes(68))))
    kid = storage.rotate_storage_key(sandwell, by="ines")
    with pytest.raises(AssertionError):
        finish_rotation(sandwell)
    active = get_active(sandwell)
    assert (active.kid, active.rewrapped, active.remaining, active.unopened) == (kid, 1, 1, 1)
    assert is_readable(sandwell, sent)
    found = find_finding(sandwell)
    assert found is not None
    assert (found.level, found.sentence[:2]) == (FindingLevel.WARN, "1 ")


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True)
async def test_no_process_stores_what_another_cannot_open(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair
    monkeypatch.setattr(storage, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(app, "TAKE_UP_EVERY", 0.2)
    monkeypatch.setattr(app, "NOTE_EVERY", 0.2)
    second = home_folder.open_gateway(another_home(tmp_path / "333", tmp_path / "333-2", free_port()))
    sent: list[MessageId] = []

    async def keep_sending() -> None:
        while True:
            for gw in (sandwell, second):
                sent.extend(await asyncio.to_thread(send_notices, gw, [notice()], by="olive"))
            # Each reads at once what the other stored.
            assert all(is_readable(gw, message_id) for gw in (sandwell, second) for message_id in sent[-2:])
            await asyncio.sleep(0.1)

    with at_once():
        async with app.run_gateway(sandwell), app.run_gateway(second):
            await until(lambda: len(health.measure_health(sandwell).processes) == 2)
            sending = asyncio.create_task(keep_sending())
            kid = await asyncio.to_thread(storage.rotate_storage_key, sandwell, by="ines")
            await until(lambda: kid in sandwell.ring.storage_kids)
            await asyncio.sleep(1)
            # It waits for the process that lacks it, and wraps nothing.
            assert {key.kid: key.state for key in list_stored(sandwell)}[kid] is KeyState.WAITING
            assert count_under(sandwell, kid) == 0
            shutil.copy(sandwell.config.home / "keys" / RING_FILE, second.config.home / "keys" / RING_FILE)
            await until(lambda: get_active(sandwell).kid == kid)
            await until(lambda: get_active(sandwell).finished_at is not None)
            sending.cancel()
            assert (await asyncio.gather(sending, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    assert {gw.ring.storage_key.kid for gw in (sandwell, second)} == {kid}
    assert all(is_readable(gw, message_id) for gw in (sandwell, second) for message_id in sent)
    assert count_under(sandwell, kid) >= len(sent)
    second.store.close()


def test_health_names_a_process_that_lacks_the_new_key(pair: Pair) -> None:
    sandwell, _ = pair
    storage.rotate_storage_key(sandwell, by="ines")
    found = find_finding(sandwell)
    assert found is not None
    assert found.level is FindingLevel.OK
    later = sandwell.now() + storage.SERVES_WITHIN * 5
    sandwell.now = lambda: later
    other = RunningProcess("other:1", 1, "k", "s", sandwell.ring.storage_kids[-1], later)
    sandwell.store.run(lambda tx: running_processes.replace_running_process(tx, other))
    found = find_finding(sandwell)
    assert found is not None
    assert (found.level, "other:1" in found.sentence) == (FindingLevel.WARN, True)


def test_backups_from_before_and_in_the_middle_of_a_rotation_open(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    add_locked_rows(gw, 20)
    before = gw.ring.storage_key.kid
    old = make_backup(gw, tmp_path / "old.cme-backup", PASSPHRASE, by="ada").backup
    kid = storage.rotate_storage_key(gw, by="ines")
    home_folder.take_up_own(gw)
    gw.store.run(lambda tx: storage_keys.activate_storage_key(tx, gw.now(), kid))
    storage.follow_storage_key(gw)
    gw.store.run(partial(storage.wrap_batch, gw=gw, column=COLUMNS[0], kid=kid, after=()))
    middle = make_backup(gw, tmp_path / "middle.cme-backup", PASSPHRASE, by="ada").backup
    finish_rotation(gw)
    gw.store.close()
    for backup, wraps in ((old, before), (middle, kid)):
        home = tmp_path / backup.file.stem
        restore_backup(backup.file, PASSPHRASE, RestoreTarget(home), by="ada")
        restored = home_folder.open_gateway(home)
        assert restored.ring.storage_key.kid == wraps
        if backup is old:
            replace_storage_key(restored)
        else:
            finish_rotation(restored)
        now = get_active(restored)
        assert (count_under(restored, now.kid), now.unopened) == (20 * len(COLUMNS), 0)
        restored.store.close()


def test_a_database_that_was_put_back_by_hand_opens_with_the_keys_of_now(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    add_locked_rows(gw, 2)
    gw.store.close()
    shutil.copytree(tmp_path / "333", tmp_path / "old")
    gw = home_folder.open_gateway(tmp_path / "333")
    kid = replace_storage_key(gw)
    gw.store.close()
    shutil.copytree(tmp_path / "333" / "keys", tmp_path / "old" / "keys", dirs_exist_ok=True)
    old = home_folder.open_gateway(tmp_path / "old")
    assert old.ring.storage_key.kid != kid
    finish_rotation(old)
    assert (get_active(old).kid, count_under(old, kid)) == (kid, 2 * len(COLUMNS))
    old.store.close()


def test_keys_that_the_database_does_not_know_are_refused_before_anything_is_stored(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    shutil.copytree(tmp_path / "333" / "keys", tmp_path / "old")
    replace_storage_key(gw)
    gw.store.run(lambda tx: storage_keys.revoke_storage_key(tx, gw.ring.storage_kids[-1]))
    gw.store.close()
    shutil.copytree(tmp_path / "old", tmp_path / "333" / "keys", dirs_exist_ok=True)
    with pytest.raises(ConfigProblem, match=r"home\.old-storage-key"):
        home_folder.open_gateway(tmp_path / "333")


@pytest.mark.slow
def test_killed_again_and_again_a_rotation_is_finished(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    add_locked_rows(sandwell, 150)
    total = 150 * len(COLUMNS)
    home = sandwell.config.home
    kid = storage.rotate_storage_key(sandwell, by="ines")
    for share in (0.05, 0.3, 0.6):
        process = start_gateway("serve", "--home", str(home), stderr=subprocess.DEVNULL)
        try:
            asyncio.run(until(partial(_has_done, sandwell, kid, share * total)))
        finally:
            process.kill()
            process.wait()
        done = sandwell.store.look(lambda tx: wrapped_keys.count_under(tx, kid))
        # What is said and what is done are one.
        assert get_active(sandwell).rewrapped == done
    finish_rotation(sandwell)
    assert (get_active(sandwell).rewrapped, count_under(sandwell, kid), get_active(sandwell).unopened) == (
        total,
        total,
        0,
    )
    assert list_acts(sandwell) == ["keys.storage-rotated", "keys.storage-used", "keys.storage-rewrapped"]


def _has_done(gw: Gateway, kid: str, more_than: float) -> bool:
    active = find_active(list_stored(gw))
    return active is not None and active.kid == kid and active.rewrapped > more_than
