"""Texts by code stand in the tables of labels and nowhere else, so that a second language is one more table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The tables themselves.
LABELS = ("labels_en.py", "audit_sentences_en.py")
WORDS = re.compile(r"[A-Za-z][a-z']+,? [a-z]+")
# What is no label, and why.
ALLOWED = {
    ("api/description.py", "SAYS_PARTS"): "the description of the API, for programmers, is in English",
    ("console/forms.py", "_ASKS"): "the pages' own text, by the kind of a question",
    ("core/cases.py", "GROUPS"): "names in a picture of docs/cases.md",
    ("store/database.py", "CONNECTING"): "patterns for what PostgreSQL says",
}


def has_words(node: ast.expr) -> bool:
    """Tell whether it is an English text of two words or more, or holds one."""
    match node:
        case ast.Constant(value=str(text)):
            return bool(WORDS.search(text))
        case ast.JoinedStr(values=parts):
            return any(map(has_words, parts))
        case ast.Tuple(elts=parts):
            return any(map(has_words, parts))
        case _:
            return False


def is_code(node: ast.expr | None) -> bool:
    """Tell whether it is a code, or a member of an enumeration."""
    match node:
        case ast.Constant(value=str(text)):
            return " " not in text
        case ast.Attribute() | ast.Name():
            return True
        case _:
            return False


def find_tables(source: str) -> Iterator[str]:
    """Yield the names of the tables of a module, by code and mostly of English texts."""
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys, values=values)):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(keys=keys, values=values)):
                pass
            case _:
                continue
        texts = [has_words(value) for key, value in zip(keys, values, strict=True) if is_code(key)]
        if len(texts) > 1 and sum(texts) * 2 >= len(texts):
            yield name


def list_tables() -> list[tuple[str, str]]:
    """List every such table of the gateway, outside the labels."""
    paths = sorted(path for path in (ROOT / "gateway").rglob("*.py") if path.name not in LABELS)
    return [(str(path.relative_to(ROOT / "gateway")), name) for path in paths for name in find_tables(path.read_text())]


def test_texts_by_code_stand_in_the_labels_only() -> None:
    assert sorted(set(list_tables()) - ALLOWED.keys()) == []
    # Nothing is allowed that is gone.
    assert sorted(ALLOWED.keys() - set(list_tables())) == []


def test_a_table_of_texts_is_found_and_a_table_of_codes_is_not() -> None:
    assert list(find_tables('A = {"sent": "On its way", State.FAILED: "Not delivered"}')) == ["A"]
    assert list(find_tables('A: Mapping[str, object] = {"sent": ("On its way", 1), "failed": ("No reply", 2)}')) == [
        "A"
    ]
    assert list(find_tables('A = {"sent": "blue", "failed": "red"}')) == []
    assert list(find_tables('A = {1: "one of them", 2: "two of them"}')) == []
