"""A slip in a kind, a restriction or an id does not pass mypy: "phone-onyl" would send what must not be sent."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from mypy import api

from schemas import codes
from schemas.message import BODIES, RESTRICTIONS, MessageKind, RestrictionLevel, get_kind

ROOT = Path(__file__).parents[2]
# Where a restriction leaves as text: in JSON, and as a label.
BARE = ["gateway/api/shapes.py", "gateway/core/labels.py"]
BEFORE = """
from schemas.message import Message, MessageKind, Restriction, RestrictionLevel
from schemas.shapes import CaseId, MessageId

def protect(level: RestrictionLevel) -> str: return level

def find(message_id: MessageId) -> str: return message_id

def gather(case: CaseId) -> str: return case

def check(message: Message, text: str) -> object:
    return (
"""
RIGHT = (
    'message.restriction == "phone-only"',
    'message.kind == "WhereaboutsEnquiry"',
    'Restriction(level="phone-only")',
    'protect("phone-only")',
    "find(message.header.message_id)",
    'find(MessageId("m1"))',
    "gather(message.header.conversation_id)",
)
SLIPS = (
    'message.restriction == "phone-onyl"',
    'message.restriction != "phone_only"',
    'message.kind == "WhereaboutEnquiry"',
    'Restriction(level="phone-onyl")',
    'protect("phone-onyl")',
    "protect(message.kind)",
    "protect(text)",
    "find(message.header.conversation_id)",
    "find(message.header.sender.authority)",
    "find(text)",
    "gather(message.header.message_id)",
)


def check_types(folder: Path, lines: tuple[str, ...]) -> list[int]:
    """Have mypy check these expressions: those that it refuses, by their place."""
    file = folder / "snippet.py"
    file.write_text(BEFORE + "".join(f"        {line},\n" for line in lines) + "    )\n")
    settings = ("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"))
    said, wrong, _ = api.run([*settings, "--follow-imports=silent", str(file)])
    assert not wrong
    first = BEFORE.count("\n") + 1
    places = {int(line.split(":")[1]) - first for line in said.splitlines() if ": error:" in line}
    return sorted(places)


def test_slips_are_refused_and_what_is_right_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert check_types(tmp_path, RIGHT + SLIPS) == list(range(len(RIGHT), len(RIGHT + SLIPS)))


def find_bare_restrictions(text: str) -> Iterator[str]:
    """Find parameters and fields that hold a restriction as bare text."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.arg(arg="restriction", annotation=ast.Name(id="str")):
                yield "a parameter"
            case ast.AnnAssign(target=ast.Name(id="restriction"), annotation=ast.Name(id="str")):
                yield "a field"


def test_no_restriction_is_bare_text() -> None:
    places = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "gateway").rglob("*.py"))
        for _ in find_bare_restrictions(file.read_text("utf-8"))
    ]
    assert places == BARE
    assert list(find_bare_restrictions("def protect(restriction: str) -> None: ...")) == ["a parameter"]


def test_the_types_are_the_code_list_and_the_bodies() -> None:
    assert get_args(RestrictionLevel) == RESTRICTIONS == tuple(codes.get_labels("restriction_levels"))
    assert get_args(MessageKind) == tuple(map(get_kind, BODIES))
