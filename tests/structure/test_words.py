"""The old and private words of the product stand in no text that people read: templates, labels, help texts, reasons
of routes, code lists, pictures and documents.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

from gateway.core import audit_sentences_en, labels_en
from schemas import codes
from tests.structure.test_documents import commands
from tests.structure.test_errors import AMERICAN, NEVER, texts_of

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "gateway" / "console" / "templates"
# What no document says either, where protocols may speak of what is sealed, and developers of a carrier.
OLD = re.compile(
    r"\b(whoever|somebody|besides|anew|dead letters?|st(?:an|oo)d(?:s|ing)? down|taken back|of ours|e-mails?"
    r"|(?:by|our|a|their) mail|mails|mail (?:server|team|account)s?|rings? (?:them|us|him|her|up|the)|rung|half written"
    r"|what waits|near nobody|nobody is near|comes? near|is owed|owes?|lies|stands|throw away|thrown away|nothing of it"
    r"|no word of|written down|thinks? better|by machine|our account)\b",
    re.IGNORECASE,
)
MARKUP = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<(script|style).*?</\1>|<[^>]+>", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|^ {4}.*?$", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
# Their texts are for programs: how mail servers write, and a subject by which gateways know each other's emails.
FOR_PROGRAMS = {"mail_machines.py", "mail_sealed.py"}
# Whose texts people read; the rest of the product names checks, states and jobs, which are codes.
PLACES = (
    *("adapters", "gateway/api", "gateway/cli", "gateway/console", "gateway/demo", "gateway/one", "gateway/reports"),
    *("gateway/auditing", "gateway/casework", "gateway/reconciliation", "gateway/searches", "gateway/settings"),
)
# What this word is elsewhere: an accessibility statement, codes that a person may have to type, and who cosigns the
# audit log as C2SP has it.
NAMES = re.compile(
    r"accessibility statement|this statement applies|witness[- ]protection|ring-me|statement of special"
    r"|why is no notice needed|outside[- ]witness(es)?",
    re.IGNORECASE,
)


def read_template(path: Path) -> Iterator[str]:
    """Yield what a template says: its own text, and the texts that it gives to components."""
    source = path.read_text()
    yield re.sub(r"\s+", " ", MARKUP.sub(" ", source))
    for markup in re.findall(r"\{[{%].*?[}%]\}", source, re.DOTALL):
        yield from (said for pair in QUOTED.findall(markup) for said in pair if " " in said)


def read_labels(table: object) -> Iterator[str]:
    """Yield every text of a table of labels."""
    if isinstance(table, str):
        yield table
    elif isinstance(table, Mapping):
        yield from chain.from_iterable(map(read_labels, table.values()))
    elif isinstance(table, tuple):
        yield from chain.from_iterable(map(read_labels, table))


def read_help() -> Iterator[str]:
    """Yield what every command says of itself and of its options."""
    for command in commands().values():
        yield command.help or ""
        yield from (getattr(option, "help", None) or "" for option in command.params)


def list_texts() -> Iterator[tuple[str, str]]:
    """Yield where each text is, and the text."""
    for path in sorted(TEMPLATES.glob("*.html")):
        yield from ((path.name, said) for said in read_template(path))
    for module in (labels_en, audit_sentences_en):
        for name, table in vars(module).items():
            if name.isupper():
                yield from ((f"{module.__name__}.{name}", said) for said in read_labels(table))
    yield from (("help", said) for said in read_help())
    for path in sorted(chain.from_iterable((ROOT / place).rglob("*.py") for place in PLACES)):
        if path.name not in FOR_PROGRAMS:
            yield from ((path.name, said) for said in texts_of(path) if re.search(r"[a-z] [a-z]+ [a-z]", said))
    for path in sorted((ROOT / "schemas" / "codes").glob("*.csv")):
        if "label" in codes.list_rows(path.stem)[0]:
            yield from ((path.name, said) for said in codes.get_labels(path.stem).values())


def list_documents() -> Iterator[Path]:
    """Yield the documents for people who use or run a gateway."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "docs").glob("*.svg"))


def test_no_text_of_the_product_has_an_old_word() -> None:
    texts = list(list_texts())
    assert len(texts) > 1000
    wrong = [
        (where, word[0], said)
        for where, said in texts
        for pattern in (OLD, NEVER, AMERICAN)
        if (word := pattern.search(NAMES.sub("", said)))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", list(list_documents()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_has_an_old_word(path: Path) -> None:
    text = (MARKUP if path.suffix == ".svg" else CODE).sub(" ", path.read_text())
    assert [(word[0], text[max(0, word.start() - 40) : word.end() + 40]) for word in OLD.finditer(text)] == []


def test_the_word_list_of_the_console_says_what_the_glossary_says() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| (.+?) \|$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.MULTILINE))
    ours = {word: re.sub(r" \(`[^`]+`\)", "", rows.get(word, "")) for word in labels_en.WORDS}
    assert ours == labels_en.WORDS
