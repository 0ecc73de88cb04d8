"""Every error says what happened and what to do next, on a page and in a terminal, in the words of the product."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from gateway.errors import ErrorText, GatewayError, read_texts
from keys.errors import RefusalCode, build_refusal
from tests.structure.test_documents import commands

ROOT = Path(__file__).parents[2]
KINDS = {
    *("Ambiguous", "Busy", "ConfigProblem", "Doubted", "GatewayError", "Malformed", "NoScope", "NotAcceptable"),
    *("NotAllowed", "NotFound", "NotLetIn", "OtherRequest", "Unusable"),
}
COMMAND = re.compile(r"cme-gateway|`|--[a-z]|gateway[.]toml|\[[a-z_]+\]")
# a file, or a setting by its name
FILE = re.compile(r"\b[\w-]+[.](toml|csv|log|xml|db|conf|out)\b|~/|\b[a-z]+_[a-z_]+\b")
# What is filled in with the name of a file or a setting. A gateway that does not start has no pages.
NAMES_A_FILE = {"file", "path", "folder", "home", "setting"}
NOT_RUNNING = ("The gateway did not start.", "There is no gateway in")
PAGE = re.compile(
    r"\bpage\b|\bbutton\b|\b(Select|View|Choose \"|Go back)\b|in the list\b|[\"](Find|Leavers|Record|Ask) ",
    re.IGNORECASE,
)
# words that the product does not use: the style rules, and the old names of things that have another
NEVER = re.compile(
    r"\b(ring|rings|mail|mails|whoever|whom|somebody|besides|anew|stands|no such|(?<!there )is no(?! longer)|taken"
    r" in|dead letter|given up"
    r"|stand down|stood down|passed on|sealed|carrier|statement|witness|case system|composition|client has)\b",
    re.IGNORECASE,
)
AMERICAN = re.compile(
    r"\b(color|center|canceled|license[sd]?|\w{3,}i[z](?:e|ed|es|ing|ation))\b(?<!size)", re.IGNORECASE
)
ROWS = sorted(read_texts().items())


def names_in(text: ErrorText) -> set[str]:
    """The names in braces, in whichever of the three sentences."""
    parts = (text.sentence, text.next_on_page, text.next_in_terminal)
    return {name for part in parts for _, name, _, _ in Formatter().parse(part) if name}


def raised() -> Iterator[tuple[str, str, set[str], str]]:
    """Every error that is made in the code: code, variant, the names that are filled in, and where."""
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant):
                # a variant that depends on something is a choice between two texts
                chosen = (
                    [part.value for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant)][:2]
                    if node.args[1:]
                    else [""]
                )
                for variant in chosen:
                    names = {keyword.arg or "" for keyword in node.keywords}
                    yield str(first.value), str(variant), names, f"{path.name}:{node.lineno}"


def test_every_error_that_is_raised_is_in_the_table_with_what_its_sentences_need() -> None:
    wrong = [
        where
        for code, variant, names, where in raised()
        if (code, variant) not in read_texts() or names != names_in(read_texts()[code, variant])
    ]
    assert wrong == []


def test_every_error_of_the_table_is_raised() -> None:
    named = {
        node.value
        for path in [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "schemas").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [code for code, _ in read_texts() if code not in named] == []


def check_words(sentence: str, on_page: str, in_terminal: str) -> None:
    """See that the three sentences of an error are in the words of the product, and each where it belongs."""
    for said in (sentence, on_page, in_terminal):
        assert said == " ".join(said.split())
        assert said[0].isupper() or said[0] in "[/", said
        assert NEVER.search(said) is None, said
        assert AMERICAN.search(said) is None, said
    assert on_page.endswith("."), on_page
    for said in (sentence, on_page):
        assert COMMAND.search(said) is None, said
        # an address at the API, and a word of its request, are for who writes programs
        assert FILE.search(said.replace("/api/v1/openapi.json", "").replace("client_credentials", "")) is None, said
    assert PAGE.search(in_terminal) is None, in_terminal


@pytest.mark.parametrize(("key", "text"), ROWS, ids=[" ".join(key).strip() for key, _ in ROWS])
def test_an_error_reads_well_on_a_page_and_in_a_terminal(key: tuple[str, str], text: ErrorText) -> None:
    # a value is what a person reads there, and may be anything but a brace
    error = GatewayError(*key, **dict.fromkeys(names_in(text), "X"))
    check_words(error.sentence, error.next_on_page, error.next_in_terminal)
    # a sentence that is filled in has its own stop
    assert text.sentence.endswith((".", "}"))
    assert 400 <= error.status <= 599
    if key[0].startswith(("config.", "store.")) and not text.sentence.startswith(NOT_RUNNING):
        shown = {name for part in (text.sentence, text.next_on_page) for _, name, _, _ in Formatter().parse(part)}
        assert not shown & NAMES_A_FILE


@pytest.mark.parametrize("code", RefusalCode)
def test_what_keys_refuses_reads_well_too(code: RefusalCode) -> None:
    refusal = build_refusal(code)
    check_words(refusal.sentence, refusal.next_on_page, refusal.next_in_terminal)
    assert refusal.sentence.endswith(".")
    assert 400 <= refusal.status <= 499


def texts_of(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings, and of f-strings the parts that are text."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree)
                  if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_every_command_that_a_text_names_exists_under_that_name() -> None:
    texts = [text.next_in_terminal for text in read_texts().values()]
    texts += [build_refusal(code).next_in_terminal for code in RefusalCode]
    texts += [
        text
        for place in ("core", "monitoring")
        for path in (ROOT / "gateway" / place).rglob("*.py")
        for text in texts_of(path)
    ]
    named = {said for text in texts for said in re.findall(r"cme-gateway ([a-z][a-z0-9-]+(?: [a-z][a-z0-9-]+)?)", text)}
    assert len(named) > 40
    known = commands()
    assert sorted(said for said in named if said not in known and said.split()[0] not in known) == []


def test_every_page_and_button_that_a_text_names_is_one_of_the_console() -> None:
    console = [
        path.read_text() for path in (ROOT / "gateway" / "console").rglob("*") if path.suffix in (".py", ".html")
    ]
    console.append((ROOT / "gateway" / "core" / "labels_en.py").read_text())
    texts = [text.next_on_page for text in read_texts().values()]
    texts += [text for place in ("core", "monitoring") for path in (ROOT / "gateway" / place).glob("*.py")
              for text in texts_of(path) if re.search(r'(See|in) "[A-Z]', text)]  # fmt: skip
    named = {said for text in texts for said in re.findall(r'"([A-Z][^"{]+)"', text)}
    assert len(named) > 5
    assert sorted(said for said in named if not any(said in page for page in console)) == []


ASKS_FOR = re.compile(r"\b(Give|Use|Write|Choose|Run|Leave) ")


def texts_of_bad_parameters() -> Iterator[tuple[str, str]]:
    """What the command line says where a word or an option is wrong, an X for what is filled in, and where."""
    for path in sorted((ROOT / "gateway" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("BadParameter")):
                continue
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)
            yield f"{path.name}:{node.lineno}", text


def test_a_wrong_option_is_told_with_what_to_give_instead() -> None:
    texts = dict(texts_of_bad_parameters())
    assert len(texts) > 15
    assert [where for where, said in texts.items() if not ASKS_FOR.search(said)] == []
    for said in texts.values():
        assert said[0].isupper(), said
        assert said.endswith("."), said
        assert NEVER.search(said) is None, said
