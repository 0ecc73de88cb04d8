"""The threat model keeps its word: each row names a test that there is, or says what risk remains."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
STRIDE = "STRIDE"
ROW = re.compile(r"^\| ([A-Z]) \| (.+?) \| (.+?) \| (.+?) \|$")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
RISK = re.compile(r"\bRemaining risk: \w+[^|]{20,}")
# The ways of the drawing.
WAYS = 11


class Threat(NamedTuple):
    way: str
    letter: str
    threat: str
    held_by: str


def read_rows(text: str) -> Iterator[Threat]:
    """Read every row of every table, and refuse what has the form of a row and is none."""
    way = ""
    for line in text.splitlines():
        if line.startswith("## "):
            way = line.removeprefix("## ")
        elif line.startswith("|") and not line.startswith(("| | threat |", "|---")):
            match = ROW.match(line)
            assert match, line
            yield Threat(way, match[1], match[2], match[4])


@cache
def list_functions(file: str) -> frozenset[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def list_unheld(rows: list[Threat]) -> list[str]:
    """List the rows that nothing holds, and the tests that there are not."""
    wrong = []
    for row in rows:
        tests = NAMED.findall(row.held_by)
        if not tests and not RISK.search(row.held_by):
            wrong.append(f"{row.way}: {row.threat}: neither a test nor a remaining risk")
        others = re.findall(r"`[^`]+`", NAMED.sub("", row.held_by))
        wrong += [f"{row.way}: {row.threat}: {other} is no test" for other in others]
        wrong += [
            f"{row.way}: there is no {file}::{name}"
            for file, name in tests
            if not name.startswith("test_") or name not in list_functions(file)
        ]
    return wrong


def test_each_row_names_a_test_that_there_is_or_says_what_risk_remains() -> None:
    rows = list(read_rows(PAGE.read_text("utf-8")))
    assert len(rows) > 60
    assert list_unheld(rows) == []


def test_each_way_has_been_asked_each_question() -> None:
    asked: dict[str, set[str]] = {}
    for row in read_rows(PAGE.read_text("utf-8")):
        asked.setdefault(row.way, set()).add(row.letter)
    assert [way.split(".")[0] for way in asked] == [str(number) for number in range(1, WAYS + 1)]
    assert {way: letters for way, letters in asked.items() if letters != set(STRIDE)} == {}


@pytest.mark.parametrize(
    "held_by",
    [
        "",
        "a person looks",
        "Remaining risk: none",
        "`tests/flows/test_exchange.py`",
        "`tests/flows/test_exchange.py::test_that_there_is_not`",
        "`tests/flows/test_gone.py::test_the_same_id_with_other_bytes_is_refused`",
        "`tests/flows/test_exchange.py::until`",
        "`tests/flows/test_exchange.py::test_the_same_id_with_other_bytes_is_refused`, `tests/gone.py`",
    ],
)
def test_a_row_that_nothing_holds_is_found(held_by: str) -> None:
    assert list_unheld([Threat("1. A way", "S", "A threat", held_by)])
