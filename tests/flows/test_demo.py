"""The demo as a visitor runs it: the whole story once, over every route."""

import json
from pathlib import Path

import pytest

from tests.flows.test_command_line import cme_gateway


@pytest.mark.slow
def test_a_leaver_in_sandwells_one_reaches_worcestershires_by_every_route(tmp_path: Path) -> None:
    done = cme_gateway("demo", "--json", "--folder", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told["routes"].values()) == ["https", "mailbox", "sftp", "email"]
    assert told["notices"] == 10
    again = json.loads(cme_gateway("demo", "--json", "--folder", str(tmp_path / "demo")).stdout)
    assert again["routes"] == told["routes"]  # nothing was sent anew


def test_a_folder_of_an_older_demo_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"ports": {"333": 1, "885": 2}, "ids": {}}')
    done = cme_gateway("demo", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "demo.older" in done.stderr
