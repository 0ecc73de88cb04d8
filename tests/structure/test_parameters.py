"""A function takes few parameters: what belongs together is one value."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "keys", "schemas", "adapters")
# With so many, whoever calls it can no longer see which is which.
TOO_MANY = 6
# How many such functions there are still: it only goes down.
MOST = 70


def count_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count its parameters, without the object or the class whose method it is."""
    its = function.args
    names = [it.arg for it in (*its.posonlyargs, *its.args, *its.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether it is a command of the command line.

    Its parameters are its options: typer reads them from the signature, people type them by name, and no code of ours
    calls it. What it passes on is counted where it is passed to.
    """
    return any(
        isinstance(it, ast.Call) and isinstance(it.func, ast.Attribute) and it.func.attr == "command"
        for it in function.decorator_list
    )


def list_wide_functions() -> list[str]:
    """List the functions that take too many; commands, and the revisions of the database, stay as they are."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "versions" not in path.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not is_command(node)
        and count_parameters(node) >= TOO_MANY
    ]


def test_functions_with_too_many_parameters_grow_fewer() -> None:
    """Where there are fewer now, write their number into `MOST`."""
    wide = list_wide_functions()
    assert len(wide) == MOST, "\n".join(wide)
