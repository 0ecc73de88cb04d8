"""The command line answers at once, and the table from which it does says what the commands themselves say."""

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import Commands, cli
from gateway.cli.lazy_group import LazyGroup
from gateway.cli.output import MAX_FILE_BYTES
from schemas import xml

HEAVY = ("sqlalchemy", "alembic", "aiohttp", "asyncssh", "cryptography", "structlog", "gateway.console", "gateway.app")
# Commands of version 0.1.
OLD_NAMES = [
    "drafts",
    "acknowledge",
    "respond",
    "outcome",
    "handover",
    "told",
    "close",
    "send-on",
    "search",
    "located",
    "reconcile",
    "statement",
    "people",
]
PRINT_LOADED = "import sys; print(*sys.modules, sep='\\n')"


def load_with(code: str, *arguments: str) -> set[str]:
    """Return the modules that are loaded once this code has run in a Python of its own."""
    line = (
        f"import sys; sys.argv = {['cme-gateway', *arguments]!r}\ntry:\n  {code}\nexcept SystemExit:"
        f" pass\n{PRINT_LOADED}"
    )
    environment = os.environ | {"COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


def find_heavy(loaded: set[str]) -> set[str]:
    return {name for name in loaded if name in HEAVY or name.startswith(tuple(f"{heavy}." for heavy in HEAVY))}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("nonsense",)])
def test_what_needs_no_gateway_loads_none_of_it(arguments: tuple[str, ...]) -> None:
    assert find_heavy(load_with("from gateway.__main__ import main; main()", *arguments)) == set()


def test_a_file_is_validated_without_database_or_network() -> None:
    file = os.path.join(os.path.dirname(xml.__file__), "samples", "valid", "transfer-notice.xml")
    assert find_heavy(load_with("from gateway.__main__ import main; main()", "validate", file)) == set()


def test_the_table_says_what_each_command_says_of_itself() -> None:
    top = typer.main.get_command(cli)
    assert isinstance(top, LazyGroup)
    for row in Commands.rows:
        assert (top.load(row.name).help or "").split("\n\n")[0].replace("\n", " ") == row.summary, row.name
        for old in row.old_names:
            assert top.load(old).help == top.load(row.name).help
            assert top.commands[old].hidden


def test_every_old_name_of_a_command_still_works_and_is_not_listed() -> None:
    top = typer.main.get_command(cli)
    assert isinstance(top, LazyGroup)
    for old in OLD_NAMES:
        assert top.commands[old].hidden
        assert top.load(old).help


@pytest.mark.parametrize(
    ("typed", "named", "old"),
    [
        ("outcom", "send-outcome", "'outcome'"),
        ("reconcil", None, "reconcile"),
        ("handovr", "record-handover", "'handover'"),
        ("lokated", None, "located"),
        ("one childen", None, "children"),
        ("one pupil", "pupils", None),
        ("users bak", None, "back"),
    ],
)
def test_no_old_name_is_suggested_for_a_command_that_there_is_not(
    typed: str, named: str | None, old: str | None
) -> None:
    said = CliRunner().invoke(cli, typed.split(), env={"COLUMNS": "200"})
    assert said.exit_code == 2
    assert f"No such command '{typed.split()[-1]}'." in said.output
    assert (f"'{named}'" in said.output) == (named is not None)
    assert old is None or old not in said.output.partition("No such command")[2].partition(".")[2]


def test_no_file_that_a_command_reads_is_larger_than_a_message_may_be() -> None:
    assert MAX_FILE_BYTES == xml.MAX_BYTES
