"""A slip in a kind, a restriction, a protection, a state, a decision, a direction or an id does not pass mypy:
"phone-onyl" would send what must not be sent.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from mypy import api

from schemas import codes
from schemas.message import BODIES, DECISIONS, RESTRICTIONS, MessageKind, RestrictionLevel, get_kind

ROOT = Path(__file__).parents[2]
# Where these leave as text: in JSON, as labels that tables have by text, and where the auditor holds what may be altered.
BARE = [
    "gateway/api/shapes.py: kind",
    "gateway/api/shapes.py: restriction",
    "gateway/api/shapes.py: state",
    "gateway/store/verify_queries.py: state",
]
# Kinds of other things: of routes, files, terms, answers and alarms. And what single sign-on calls state.
OTHERS = (
    "access/single_sign_on",
    "api/call",
    "api/description",
    "auditing/browse",
    "console/files",
    "core/audit_sentences",
    "core/labels",
    "core/search_terms",
    "exchange/collect",
    "exchange/hear_mail",
    "logs",
    "one/headings",
    "one/held_files",
    "store/headings",
)
CHECKED = ("restriction", "protection", "kind", "state", "decision", "direction")
BEFORE = """
from gateway.core.delivery import DeliveryState
from gateway.core.labels import name_status
from gateway.core.message_name import Direction, build_name
from gateway.core.message_protection import LetterProtection, Protection
from gateway.store.outbox import ClaimedDelivery
from schemas.message import Decision, Message, MessageKind, Restriction, RestrictionLevel
from schemas.shapes import CaseId, MessageId

def protect(level: RestrictionLevel) -> str: return level

def post(how: LetterProtection) -> str: return how

def decide(decision: Decision) -> str: return decision

def find(message_id: MessageId) -> str: return message_id

def gather(case: CaseId) -> str: return case

def check(message: Message, claimed: ClaimedDelivery, text: str) -> object:
    return (
"""
RIGHT = (
    'message.restriction == "phone-only"',
    'message.kind == "WhereaboutsEnquiry"',
    'Restriction(level="phone-only")',
    'protect("phone-only")',
    "find(message.header.message_id)",
    'find(MessageId("m1"))',
    "gather(message.header.case_id)",
    'claimed.protection == "sealed"',
    'post("notify-only")',
    'decide("passed-on")',
    'build_name("came", "885", MessageId("m1"))',
    'name_status("sent", "TransferNotice", DeliveryState.SENT)',
)
SLIPS = (
    'message.restriction == "phone-onyl"',
    'message.restriction != "phone_only"',
    'message.kind == "WhereaboutEnquiry"',
    'Restriction(level="phone-onyl")',
    'protect("phone-onyl")',
    "protect(message.kind)",
    "protect(text)",
    "find(message.header.case_id)",
    "find(message.header.sender.authority)",
    "find(text)",
    "gather(message.header.message_id)",
    'claimed.protection == "seeled"',
    'claimed.protection != "notify_only"',
    "post(claimed.protection)",
    'post("sealed")',
    'post("person-tsl")',
    "post(text)",
    'decide("acepted")',
    "decide(text)",
    'build_name("received", "885", MessageId("m1"))',
    "build_name(text, '885', MessageId('m1'))",
    'name_status("sent", "TransferNotcie", DeliveryState.SENT)',
    'name_status("sent", text, DeliveryState.SENT)',
    'name_status("sent", "TransferNotice", "sent")',
    'name_status("sent", "TransferNotice", DeliveryState.SNET)',
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


def find_bare_codes(text: str) -> Iterator[str]:
    """Find parameters and fields that hold a code as bare text, by their names."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.arg(arg=name, annotation=ast.Name(id="str")) if name in CHECKED:
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="str")) if name in CHECKED:
                yield name


def test_no_code_is_bare_text() -> None:
    places = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in sorted((ROOT / "gateway").rglob("*.py"))
        for name in find_bare_codes(file.read_text("utf-8"))
        if name not in ("kind", "state") or not str(file.relative_to(ROOT / "gateway")).startswith(OTHERS)
    }
    assert sorted(places) == BARE
    assert list(find_bare_codes("def protect(restriction: str) -> None: ...")) == ["restriction"]


def test_the_types_are_the_code_list_and_the_bodies() -> None:
    assert get_args(RestrictionLevel) == RESTRICTIONS == tuple(codes.get_labels("restriction_levels"))
    assert set(DECISIONS) == set(codes.get_labels("decisions"))
    assert get_args(MessageKind) == tuple(map(get_kind, BODIES))
