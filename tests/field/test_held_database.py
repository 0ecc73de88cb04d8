"""Another process holds the database of SQLite: whoever only reads does not wait for it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import database
from tests.command import run_command
from tests.conftest import make

READING = (
    "outbox",
    "inbox",
    "inbox --waiting",
    "postcodes find B703QG",
    "partner list",
    "partner export",
    "people list",
    "api list",
    "drafts list",
    "matches list",
    "review list",
    "one imports",
    "reconcile",
    "doctor",
    "audit verify",
)
# Done; something is late; there is none of it.
DONE = (0, 3, 4)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("held") / "333"
    make(folder, "333", "Sandwell").store.close()
    [file] = folder.rglob("store.db")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield folder
    other.close()


@pytest.mark.parametrize("command", READING)
def test_what_only_reads_needs_no_write_lock(home: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    done = run_command(*command.split(), "--home", str(home))
    assert done.returncode in DONE or "store.busy" not in done.stderr, done.stderr
    assert "store.busy" not in done.stderr + done.stdout


def test_what_writes_says_that_it_could_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    done = run_command("people", "end", "ash@sandwell.example", "--home", str(home))
    assert done.returncode in (4, 75)
