"""The tests themselves: each says what must be true, and what runs on one database only is listed with the reason."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def read_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def find_tests() -> Iterator[tuple[Path, Function]]:
    """Every test of the suite, methods of classes among them."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(read_module(path)):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                yield path, node


@cache
def find_helpers(path: Path) -> dict[str, tuple[Path, Function]]:
    """The functions that a module of tests may call by name: its own, and those that it takes from other modules of
    tests.
    """
    module = read_module(path)
    found = {node.name: (path, node) for node in ast.walk(module) if isinstance(node, FUNCTIONS)}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            there = ROOT / Path(*(node.module or "").split("."))
            file = there.with_suffix(".py") if there.with_suffix(".py").exists() else there / "__init__.py"
            theirs = find_helpers(file) if file != path else {}
            found |= {name.asname or name.name: theirs[name.name] for name in node.names if name.name in theirs}
    return found


def can_fail(path: Path, function: Function, seen: frozenset[str] = frozenset()) -> bool:
    """Does this function, or one of the tests' own that it calls, assert something that is not always true?"""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant):
            return True
        if isinstance(node, ast.Attribute) and node.attr in {"raises", "fail", "warns"}:
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            called = find_helpers(path).get(name)
            if called and name not in seen and can_fail(*called, seen | {name}):
                return True
    return False


def test_every_test_can_fail() -> None:
    silent = [f"{path.relative_to(ROOT)}: {test.name}" for path, test in find_tests() if not can_fail(path, test)]
    assert silent == []
