"""The ports and formats that others implement against say what they ask for and how they refuse: `keys/`, `schemas/`,
and the port of carriers.
"""

import ast
import re
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

from keys.errors import RefusalCode

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "keys").rglob("*.py"), *(ROOT / "schemas").rglob("*.py"), ROOT / "adapters" / "route.py"])
# Parameters from which on a function has to say what they are, whatever their names.
FEWEST_PARAMETERS = 3
# A code, as `envelope.too-large`.
CODE = re.compile("`([a-z-]+[.][a-z-]+)`")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_functions() -> dict[str, Function]:
    """Return the public functions, methods and constructors of these places, by name."""
    return {
        f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}.{name}": function
        for path in FILES
        for name, function in _walk(ast.parse(path.read_text("utf-8")), "")
    }


def _walk(node: ast.Module | ast.ClassDef, before: str) -> Iterator[tuple[str, Function]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _walk(child, f"{before}{child.name}.")
        elif isinstance(child, Function) and (child.name == "__init__" or not child.name.startswith("_")):
            yield before + child.name, child


def count_parameters(function: Function) -> int:
    """Count what a caller gives: neither `self` nor `cls`."""
    asked = function.args
    names = [each.arg for each in (*asked.posonlyargs, *asked.args, *asked.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")]) + (asked.vararg is not None)


def raises_itself(function: Function) -> bool:
    """Does it raise an error that it names or builds? To pass on one that was caught is another matter."""
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(function))


def read_docstring(function: Function) -> list[str]:
    """Return the lines of its docstring, as the API reference takes them."""
    return (ast.get_docstring(function) or "").split("\n")


def read_section(function: Function, heading: str) -> list[str]:
    """Return the lines of one section of its docstring; none where it has no such section."""
    return list(takewhile(bool, dropwhile(lambda line: line != heading, read_docstring(function))))[1:]


FUNCTIONS = list_functions()


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


def test_whoever_raises_says_what() -> None:
    raising = {name: read_docstring(function) for name, function in FUNCTIONS.items() if raises_itself(function)}
    assert len(raising) > 40
    assert [name for name, lines in raising.items() if "Raises:" not in lines] == []


def test_many_parameters_are_explained() -> None:
    many = [name for name, function in FUNCTIONS.items() if count_parameters(function) >= FEWEST_PARAMETERS]
    assert len(many) > 40
    assert [name for name in many if "Args:" not in read_docstring(FUNCTIONS[name])] == []


def test_only_parameters_that_exist_are_explained() -> None:
    unknown = [
        f"{name}: {parameter}"
        for name, function in FUNCTIONS.items()
        for parameter in re.findall(r"^ {4}\*?(\w+): ", "\n".join(read_section(function, "Args:")), re.MULTILINE)
        if parameter not in {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    ]
    assert not unknown


def test_every_code_is_named_where_it_comes_from_and_no_other() -> None:
    named = {
        code
        for name, function in FUNCTIONS.items()
        if name.startswith("keys.")
        for code in CODE.findall("\n".join(read_section(function, "Raises:")))
    }
    assert named == set(RefusalCode)
