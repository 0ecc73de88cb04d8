"""A disk that is really full: a file system of a few megabytes, mounted for this test alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas import xml
from tests.children import notice
from tests.conftest import introduce, make
from tests.loaded import PROJECT


def test_a_full_disk_takes_nothing_in_and_loses_nothing(tmp_path: Path) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    for one in (gw, there):
        one.store.close()
    (tmp_path / "disk").mkdir()
    (tmp_path / "notice.xml").write_bytes(xml.write(notice()))
    places = [str(tmp_path / name) for name in ("disk", "333")]
    line = ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "tests.full_disk"]
    done = subprocess.run(
        [*line, *places, str(tmp_path / "notice.xml")], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    if done.returncode in (1, 99) and "full:" not in done.stdout:
        pytest.skip("this machine lets nobody mount a file system of their own")
    assert "full: 75" in done.stdout
    assert "store.full" in done.stderr
    assert '{"outbox": []}' in done.stdout
    assert "room again: 0" in done.stdout
    assert "full, rotate: 75" in done.stdout
    assert "full, renew: 75" in done.stdout
    assert "left over" not in done.stdout
    assert "keys as before" in done.stdout
    assert "log: 0" in done.stdout
    assert "badly named" not in done.stdout, done.stdout
    assert "Traceback" not in done.stderr
