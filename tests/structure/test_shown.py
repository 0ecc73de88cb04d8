"""Whatever a person reads goes through one of the ways that hide nothing of it (`schemas/hidden_signs.py`)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.structure.test_tests import read_module

ROOT = Path(__file__).parents[2]
# What makes something that is read, and the modules in which it may stand, each because of what it does there.
WAYS = {
    # With `finalize`: see below.
    "Environment": {"gateway/console/pages.py", "gateway/paper/as_html.py"},
    "Template": set(),
    "from_string": set(),
    "writer": {
        # Every cell by `defuse_cell`.
        "gateway/paper/as_csv.py",
        # The demo's extract, of invented children.
        "gateway/demo/one.py",
    },
    # The same.
    "DictWriter": {"gateway/one/watched_folder.py"},
    # The demo's own picture, of invented children.
    "Console": {"gateway/cli/service.py"},
    "_Terminal": {"gateway/cli/output.py"},
    "print": {
        # Our own table of operations.
        "gateway/api/table.py",
        # The version.
        "gateway/cli/__init__.py",
        # An error in JSON, which is ASCII.
        "gateway/cli/refusals.py",
        # A card: base64.
        "gateway/cli/cards.py",
        # JSON, by `in_ascii`.
        "gateway/cli/output.py",
        # JSON in ASCII.
        "gateway/cli/service.py",
        # A table of ours for the documents.
        "gateway/core/cases.py",
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


# Where a clock time is written otherwise: in names of files, in UTC; in files for spreadsheets; by the second.
WRITTEN_OTHERWISE = {
    "gateway/access/tell_manager.py",
    "gateway/backups/make.py",
    "gateway/casework/list_files.py",
    "gateway/console/pages.py",
    "gateway/console/forms.py",
    "gateway/one/watched_folder.py",
    "gateway/reports/owed.py",
    "gateway/reports/wording.py",
}


def test_what_people_read_on_a_page_has_uk_time() -> None:
    """A terminal shows UTC, by the second; whatever else says when, says it by `core.moments`."""
    files = {str(file.relative_to(ROOT)): file for file in (ROOT / "gateway").rglob("*.py")}
    writes = {name for name, file in files.items() if "%H" in file.read_text("utf-8")}
    assert {name for name in writes if not name.startswith("gateway/cli/")} == WRITTEN_OTHERWISE
