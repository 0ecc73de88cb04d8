"""Whatever a person reads goes through one of the ways that hide nothing of it (`schemas/hidden_signs.py`)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.structure.test_tests import read_module

ROOT = Path(__file__).parents[2]
WAYS = {  # what makes something that is read, and the modules in which it may stand, each because of what it does there
    "Environment": {"gateway/console/pages.py", "gateway/paper/as_html.py"},  # with `finalize`: see below
    "Template": set(),
    "from_string": set(),
    "writer": {
        "gateway/paper/as_csv.py",  # every cell by `defused`
        "gateway/demo/one.py",  # the demo's extract, of invented children
    },
    "DictWriter": {"gateway/one/watched_folder.py"},  # the same
    "Console": {"gateway/cli/service.py"},  # the demo's own picture, of invented children
    "_Terminal": {"gateway/cli/output.py"},
    "print": {
        "gateway/api/table.py",  # our own table of operations
        "gateway/cli/__init__.py",  # the version
        "gateway/cli/refusals.py",  # an error in JSON, which is ASCII
        "gateway/cli/cards.py",  # a card: base64
        "gateway/cli/output.py",  # JSON, by `in_ascii`
        "gateway/cli/service.py",  # JSON in ASCII
        "gateway/core/cases.py",  # a table of ours for the documents
    },
}


def find_calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the gateway and its carriers: the file, the name, and the call."""
    for folder in ("gateway", "adapters"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(read_module(path)):
                if isinstance(node, ast.Call):
                    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                    if not (name == "print" and isinstance(node.func, ast.Attribute)):
                        yield str(path.relative_to(ROOT)), name, node


def test_what_is_read_is_made_where_nothing_of_it_is_hidden() -> None:
    made = {(name, file) for file, name, _ in find_calls() if name in WAYS}
    assert made == {(name, file) for name, files in WAYS.items() for file in files}


def test_every_template_says_how_its_values_are_shown() -> None:
    for file, name, call in find_calls():
        if name == "Environment":
            assert "finalize" in {keyword.arg for keyword in call.keywords}, file
