"""Whatever the umask is, nobody but our user reads the database, and nobody else looks into the home folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.store import audit_log
from tests.conftest import free_port

MASKS = (0o000, 0o002, 0o022, 0o027, 0o077)


@pytest.fixture(params=MASKS, ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_database_and_its_other_files_are_ours_alone_and_so_is_the_home(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "885"
    home.mkdir(mode=0o755)
    home_folder.create_gateway(
        home, home_folder.NewGateway(code="885", name="Worcestershire", port=free_port(), telephone="01632 960101")
    )
    gw = home_folder.open_gateway(home)
    gw.store.run(
        lambda tx: audit_log.append_entries(tx, gw.now(), [audit_log.AuditEntry("gateway.started", "cme-gateway")])
    )
    files = sorted(home.glob("store.db*"))
    assert [file.name for file in files] == ["store.db", "store.db-shm", "store.db-wal"]
    assert {rights(file) for file in files} == {0o600}
    assert {rights(folder) for folder in (home, home / "keys")} == {0o700}
    gw.store.close()


def test_what_an_older_version_left_open_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "885"
    home_folder.create_gateway(
        home, home_folder.NewGateway(code="885", name="Worcestershire", port=free_port(), telephone="01632 960101")
    )
    home.chmod(0o755)
    (home / "store.db").chmod(0o644)
    gw = home_folder.open_gateway(home)
    gw.store.look(audit_log.get_tree_head)
    assert (rights(home), rights(home / "store.db")) == (0o700, 0o600)
    gw.store.close()
