"""Every command that an error names as the next step is there, under the name that help shows."""

import re
from pathlib import Path

import pytest
import typer

from gateway.cli import cli
from gateway.cli.lazy_group import LazyGroup

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`cme-gateway ([a-z][a-z0-9 -]*?)(?= [A-Z{\[-]|`)")


def is_shown(words: str) -> bool:
    """Is there a command of these words, and does help show it?"""
    top = typer.main.get_command(cli)
    assert isinstance(top, LazyGroup)
    first, *rest = words.split()
    if first not in top.commands or top.commands[first].hidden:
        return False
    command = top.load(first)
    for word in rest:
        commands = getattr(command, "commands", {})
        if word not in commands or commands[word].hidden:
            return False
        command = commands[word]
    return True


@pytest.mark.parametrize("table", ["gateway/errors.csv", "keys/refusals.csv"])
def test_every_command_that_an_error_names_is_shown(table: str) -> None:
    named = set(NAMED.findall((ROOT / table).read_text("utf-8")))
    assert named
    assert [words for words in sorted(named) if not is_shown(words)] == []


def test_a_command_that_is_not_there_or_hidden_would_be_found() -> None:
    assert is_shown("partner add")
    assert not is_shown("partner email")
    assert not is_shown("partner ad")
