"""A backup made while the gateway runs is restored elsewhere and goes on; what was done to it is refused before anything
is written; a restore that is killed leaves nothing that serves.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway import app, home_folder
from gateway.backups import restore
from gateway.backups.make import make_backup
from gateway.backups.restore import RestoreTarget, restore_backup
from gateway.core.delivery import DeliveryState
from gateway.errors import ConfigProblem, GatewayError
from gateway.exchange import statements
from gateway.exchange.send import send_notices
from gateway.exchange.statements import compare_with
from gateway.store import audit_log, tables
from keys.errors import Refusal
from tests.children import notice
from tests.command import run_command
from tests.conftest import make, new_database
from tests.flows.test_exchange import Pair, state, until
from tests.flows.test_statements import has

PASSPHRASE = b"an invented recovery passphrase"


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    file = tmp_path / "recovery"
    file.write_bytes(PASSPHRASE + b"\n")
    return file


@pytest.fixture
def store_url(pair: Pair, request: pytest.FixtureRequest) -> str:
    """An empty database of the kind of the pair; empty for SQLite in the home folder."""
    is_shared = pair[0].store.is_shared
    return new_database(request.getfixturevalue("postgres"), migrated=False) if is_shared else ""


async def test_a_restored_gateway_goes_on_with_its_partner(pair: Pair, tmp_path: Path, store_url: str) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        [before] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, before) is DeliveryState.RECEIVED)
        made = make_backup(sandwell, tmp_path / "333.cme-backup", PASSPHRASE, by="ada").backup
        [lost] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await until(lambda: state(worcestershire, lost) is DeliveryState.RECEIVED)
    assert made.file.stat().st_mode & 0o077 == 0
    home = tmp_path / "new"
    restore_backup(made.file, PASSPHRASE, RestoreTarget(home, store_url, "333"), by="ada")
    assert home.stat().st_mode & 0o077 == 0
    gw = home_folder.open_gateway(home)
    try:
        assert gw.store.look(lambda tx: [one.act for one in audit_log.list_entries(tx)]).count("gateway.restored") == 1
        assert state(gw, before) is DeliveryState.RECEIVED
        assert not has(gw, lost)
        async with app.run_gateway(worcestershire), app.run_gateway(gw):
            [after] = send_notices(gw, [notice()], by="olive")
            await until(lambda: state(gw, after) is DeliveryState.RECEIVED)
            [theirs] = send_notices(worcestershire, [notice("885", "333")], by="otto")
            await until(lambda: state(worcestershire, theirs) is DeliveryState.RECEIVED)
            await compare_with(gw, "885", gw.now() - statements.DAYS)
            # What only the partner holds comes again by itself.
            await until(lambda: has(gw, lost))
    finally:
        gw.store.close()


def test_a_backup_and_its_restore_by_the_command_line(
    pair: Pair, tmp_path: Path, passphrase_file: Path, store_url: str
) -> None:
    sandwell, _ = pair
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes.txt").write_text("stays")
    words = ("--home", str(sandwell.config.home), "--passphrase-file", str(passphrase_file))
    for _ in range(3):
        done = run_command("backup", "create", str(folder), "--keep", "2", *words)
        assert done.returncode == 0, done.stderr
        time.sleep(1.1)
    kept = sorted(folder.glob("*.cme-backup"))
    assert len(kept) == 2
    assert (folder / "notes.txt").exists()
    done = run_command("backup", "verify", str(kept[-1]), "--passphrase-file", str(passphrase_file))
    assert done.returncode == 0, done.stderr
    assert "The backup is whole" in done.stdout
    target = ("--store-url", store_url) if store_url else ()
    again = ("restore", str(kept[-1]), "--home", str(tmp_path / "new"), *words[2:], *target)
    done = run_command(*again)
    assert done.returncode == 0, done.stderr
    done = run_command(*again)
    assert done.returncode == 5
    assert "home.exists" in done.stderr
    done = run_command("audit", "verify", "--home", str(tmp_path / "new"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--purge", "--no-purge"])
def test_a_restore_deletes_again_what_was_due_unless_told_not_to(
    pair: Pair, tmp_path: Path, passphrase_file: Path, store_url: str, option: str
) -> None:
    sandwell, _ = pair
    due, kept = send_notices(sandwell, [notice(), notice()], by="olive")
    long_ago = sandwell.now() - timedelta(days=200)
    ended = update(tables.outbox).where(tables.outbox.c.message_id == due)
    ended = ended.values(state=DeliveryState.CLOSED, state_at=long_ago, queued_at=long_ago)
    sandwell.store.run(lambda tx: tx.execute(ended))
    made = make_backup(sandwell, tmp_path / "333.cme-backup", PASSPHRASE, by="ada").backup
    target = ("--store-url", store_url) if store_url else ()
    words = ("--home", str(tmp_path / "new"), "--passphrase-file", str(passphrase_file), option, *target)
    done = run_command("restore", str(made.file), *words)
    assert done.returncode == 0, done.stderr
    gw = home_folder.open_gateway(tmp_path / "new")
    try:
        held = select(tables.outbox_contents.c.message_id).where(tables.outbox_contents.c.data_key.is_not(None))
        left = gw.store.look(lambda tx: set(tx.scalars(held)))
    finally:
        gw.store.close()
    assert left == ({kept} if option == "--purge" else {due, kept})


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A backup of Sandwell, on SQLite."""
    gw = make(tmp_path / "333", "333", "Sandwell")
    try:
        return make_backup(gw, tmp_path / "made.cme-backup", PASSPHRASE, by="ada").backup.file
    finally:
        gw.store.close()


def leave_as_it_is(_: Path) -> None: ...


def change_the_middle(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def cut_the_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("spoil", "passphrase", "authority", "code"),
    [
        (change_the_middle, PASSPHRASE, "", "backup.altered"),
        (cut_the_end, PASSPHRASE, "", "backup.altered"),
        (leave_as_it_is, b"another recovery passphrase", "", "backup.passphrase"),
        (leave_as_it_is, PASSPHRASE, "885", "backup.foreign"),
    ],
)
def test_a_backup_that_is_not_right_is_refused_before_anything_is_written(
    made: Path, tmp_path: Path, spoil: Callable[[Path], None], passphrase: bytes, authority: str, code: str
) -> None:
    spoil(made)
    with pytest.raises((Refusal, GatewayError)) as why:
        restore_backup(made, passphrase, RestoreTarget(tmp_path / "new", authority=authority), by="ada")
    assert isinstance(why.value, Refusal | GatewayError)
    assert why.value.code == code
    assert not (tmp_path / "new").exists()


def test_nothing_is_restored_over_a_gateway_or_into_a_database_in_use(made: Path, tmp_path: Path) -> None:
    for home, url, code in (
        (tmp_path / "333", "", "home.exists"),
        (tmp_path / "new", f"sqlite:///{tmp_path}/333/store.db", "store.in-use"),
    ):
        with pytest.raises(GatewayError) as why:
            restore_backup(made, PASSPHRASE, RestoreTarget(home, url), by="ada")
        assert why.value.code == code
    assert list((tmp_path / "new").iterdir()) == []
    home_folder.open_gateway(tmp_path / "333").store.close()


def test_without_the_passphrase_of_the_keys_the_database_is_not_touched(
    pair: Pair, tmp_path: Path, store_url: str
) -> None:
    sandwell, _ = pair
    home, elsewhere = sandwell.config.home, tmp_path / "elsewhere"
    (home / "passphrase").rename(elsewhere)
    settings = home / "gateway.toml"
    settings.write_text(
        settings.read_text().replace('passphrase_file = "passphrase"', f'passphrase_file = "{elsewhere}"')
    )
    file = make_backup(sandwell, tmp_path / "made.cme-backup", PASSPHRASE, by="ada").backup.file
    right = elsewhere.read_bytes()
    url = store_url or f"sqlite:///{tmp_path}/restored.db"
    target = RestoreTarget(tmp_path / "new", url)
    for wrong in (None, b"another"):
        elsewhere.unlink() if wrong is None else elsewhere.write_bytes(wrong)
        with pytest.raises((ConfigProblem, Refusal)):
            restore_backup(file, PASSPHRASE, target, by="ada")
    elsewhere.write_bytes(right)
    restore_backup(file, PASSPHRASE, target, by="ada")
    gw = home_folder.open_gateway(tmp_path / "new")
    assert gw.config.store_url == url
    gw.store.close()


def test_no_plain_copy_of_anything_is_left_beside_a_backup(made: Path, tmp_path: Path) -> None:
    assert [path for path in (tmp_path / "333").iterdir() if path.name.startswith(".")] == []
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    whole = made.read_bytes()
    for secret in (b"SQLite format 3", b"ring.json", (tmp_path / "333" / "passphrase").read_bytes()):
        assert secret not in whole


STEPS = ("_unpack_backup", "_place_database", "_log_restore", "_move_in")
KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.backups import restore
before = getattr(restore, sys.argv[1])
def die(*words):
    if sys.argv[1] == "_move_in":
        files = sorted(words[0].iterdir(), key=lambda path: path.name == restore.FILE)
        for path in files[:-1]:
            path.rename(words[1] / path.name)
    else:
        before(*words)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(restore, sys.argv[1], die)
restore.restore_backup(Path(sys.argv[2]), sys.argv[3].encode(), restore.RestoreTarget(Path(sys.argv[4])), by="ada")
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_restore_that_is_killed_leaves_nothing_that_serves(made: Path, tmp_path: Path, step: str) -> None:
    assert callable(getattr(restore, step))
    home = tmp_path / "new"
    words = [sys.executable, "-c", KILLED, step, str(made), PASSPHRASE.decode(), str(home)]
    assert subprocess.run(words, check=False, capture_output=True).returncode == -signal.SIGKILL
    with pytest.raises(ConfigProblem):
        home_folder.open_gateway(home)
    if step == "_move_in":
        with pytest.raises(GatewayError) as why:
            restore_backup(made, PASSPHRASE, RestoreTarget(home), by="ada")
        assert why.value.code == "home.not-empty"
        shutil.rmtree(home)
    restore_backup(made, PASSPHRASE, RestoreTarget(home), by="ada")
    home_folder.open_gateway(home).store.close()
