"""What stands in the code is used by the code: what only tests use is deleted, or moved to the tests."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "keys", "schemas", "adapters")
# Programs that are no tests: what they use is used.
PROGRAMS = ("benchmarks", "docs")
# Whose every word is a use: templates, and the entry points of carriers.
TEXTS = (*(ROOT / "gateway").rglob("*.html"), ROOT / "pyproject.toml")
# Decorators that leave a function to be called by its name; any other gives it to whoever calls it.
PLAIN = {
    *("abstractmethod", "asynccontextmanager", "cache", "cached_property", "classmethod", "contextmanager"),
    *("dataclass", "lru_cache", "property", "staticmethod", "total_ordering", "unique"),
}
# Bases that call no method of a class by its name, as those of libraries do.
OWN_BASES = {"Enum", "Exception", "Generic", "NamedTuple", "Protocol", "StrEnum"}
# Why it stands there, although nobody but tests uses it.
ALLOWED: dict[str, str] = {}


@cache
def parse_modules() -> dict[str, ast.Module]:
    """Read the modules, by their dotted names."""
    paths = [path for package in (*PACKAGES, *PROGRAMS) for path in sorted((ROOT / package).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: ast.parse(path.read_text("utf-8")) for name, path in zip(names, paths, strict=True)}


def list_definitions(module: str, tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """List its functions, classes, constants and methods, and whether each is a method."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and {ast.unparse(it).partition("[")[0] for it in node.bases} <= OWN_BASES:
            yield from ((f"{module}.{node.name}.{name}", True) for name in list_callables(node.body))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            yield from ((f"{module}.{name}", False) for name in names if not name.startswith("__"))
    yield from ((f"{module}.{name}", False) for name in list_callables(tree.body))


def list_callables(body: list[ast.stmt]) -> Iterator[str]:
    """List what stands there to be called by its name."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("__"):
            decorators = {ast.unparse(it).partition("(")[0].rpartition(".")[2] for it in node.decorator_list}
            if decorators <= PLAIN:
                yield node.name


def list_uses(module: str, tree: ast.Module) -> Iterator[str]:
    """List what it names: with the module where that is told, and of a value's attribute the name alone, after a dot."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {it.asname or it.name: f"{node.module}.{it.name}" for it in node.names}
        elif isinstance(node, ast.Import):
            imported |= {it.asname or it.name: it.name for it in node.names}
    yield from imported.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield f"{module}.{node.id}"
        elif isinstance(node, ast.Attribute):
            yield f"{imported.get(ast.unparse(node.value), '')}.{node.attr}"
            yield f".{node.attr}"
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.|, [\]]+", node.value)
        ):
            # An annotation in quotation marks, or what is asked for by its name.
            for word in re.findall(r"\w+", node.value):
                yield f"{module}.{word}"
                yield f".{word}"


def list_unused() -> list[str]:
    """List what nobody but tests uses."""
    uses = {use for module, tree in parse_modules().items() for use in list_uses(module, tree)}
    words = {word for path in TEXTS for word in re.findall(r"\w+", path.read_text("utf-8"))}
    return sorted(
        name
        for module, tree in parse_modules().items()
        if module.partition(".")[0] in PACKAGES and ".versions." not in module
        for name, is_method in list_definitions(module, tree)
        if name not in uses and name.rpartition(".")[2] not in words
        if not (is_method and f".{name.rpartition('.')[2]}" in uses)
    )


def test_nothing_stands_in_the_code_that_nobody_but_tests_uses() -> None:
    assert list_unused() == sorted(ALLOWED)
