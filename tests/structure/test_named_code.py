"""What a docstring or a comment names in backticks is there under that name: who searches for it finds it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway.errors import read_texts
from keys.errors import RefusalCode

ROOT = Path(__file__).parents[2]
TREES = ("gateway", "keys", "schemas", "adapters")
# Files and libraries, not names of ours.
OTHERS = frozenset({"entries.jsonl", "checkpoints.txt", "refusals.csv", "errors.csv", "govuk_frontend_jinja", "whsec_"})
NAMED = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py|[a-z_]+(?:\.[A-Za-z_]+)+|[a-z]+(?:_[a-z]+)+)`")


@cache
def list_modules() -> tuple[Path, ...]:
    files = (path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py")))
    return tuple(path for path in files if "versions" not in path.parts)


@cache
def list_names(path: Path) -> frozenset[str]:
    """List what a module defines or mentions outside its texts."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.Name(id=name)
                | ast.arg(arg=name)
                | ast.Attribute(attr=name)
                | ast.keyword(arg=str(name))
                | ast.alias(name=name)
            ):
                names.add(name.rpartition(".")[2])
            # Codes of findings, and names of members.
            case ast.Constant(value=str(text)) if NAMED.fullmatch(f"`{text}`"):
                names.add(text)
    return frozenset(names)


def list_texts(path: Path) -> Iterator[str]:
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""
    yield from (t.string for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT)


def is_there(name: str) -> bool:
    """Tell whether the repository has a module, a function, a field or a code of this name, where it says."""
    if (
        (ROOT / name).exists()
        or (ROOT / f"schemas/codes/{name}.csv").exists()
        or ROOT.joinpath(*name.split(".")).is_dir()
    ):
        return True
    if name.endswith(".py"):
        return any(f"/{path.relative_to(ROOT)}".endswith(f"/{name}") for path in list_modules())
    *before, last = name.split(".")
    everywhere = {path.stem for path in list_modules()} | {path.parent.name for path in list_modules()}
    if not before:
        return last in everywhere or any(last in list_names(path) for path in list_modules())
    codes = {*RefusalCode, *(code for code, _ in read_texts())}
    if name in codes or any(name in list_names(path) for path in list_modules()):
        return True
    within = [path for path in list_modules() if before[-1] in (path.stem, path.parent.name)]
    return any(last == path.stem or last in list_names(path) for path in within or list_modules())


@pytest.mark.parametrize("tree", TREES)
def test_what_a_text_names_is_there(tree: str) -> None:
    gone = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in list_modules()
        if path.relative_to(ROOT).parts[0] == tree
        for text in list_texts(path)
        for name in NAMED.findall(text)
        if name not in OTHERS and not is_there(name)
    ]
    assert not gone
