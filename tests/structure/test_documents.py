"""The documents keep their word: every code, act, setting and command that they should name, and none that is gone."""

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import typer
from typer._click.core import Command

from adapters.route import NotReached
from gateway.auditing.witness import NO_SUCH_SIZE
from gateway.cli import cli
from gateway.cli.lazy_group import LazyGroup
from gateway.core.audit_sentences import KINDS, list_acts, name_act
from gateway.core.audit_sentences_en import SENTENCES
from gateway.core.connection_causes import CAUSES
from gateway.core.labels_en import ACTS
from gateway.errors import read_texts
from gateway.exchange.receive import ID_REUSED, NOT_THE_CALLER, TOO_MANY_CARDS, UNFORESEEN
from gateway.settings.file import ONE_CLOSURES, SECTIONS
from gateway.settings.sections import LoginSettings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
CODES, ENTRIES, SETTINGS = ((REFERENCE / f"{name}.md").read_text() for name in ("codes", "audit-entries", "settings"))
# of these the words are in the table, and the code that is shown is that of what was wrong
SHOWN_AS_ANOTHER = {"api.unavailable", "file.not-a-message", "message.unreadable"}
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\.(?!yml)[a-z-]+")


@cache
def calls() -> list[tuple[str, list[str]]]:
    """Every call in the gateway: the function's name, and its first arguments that are plain text."""
    found = []
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                found.append((node.func.id, texts))
    return found


def codes() -> set[str]:
    used = {
        texts[0]
        for name, texts in calls()
        if name in ("ProblemPage", "build_problem", "problem") and texts and CODE.fullmatch(texts[0])
    }
    of_the_table = {code for code, _ in read_texts() if "." in code} - SHOWN_AS_ANOTHER
    used |= {code for code in CAUSES if "." in code}
    return used | of_the_table | {NO_SUCH_SIZE, NotReached.code, ID_REUSED, NOT_THE_CALLER, TOO_MANY_CARDS, UNFORESEEN}


def acts() -> set[str]:
    by_entry = {
        texts[0]
        for name, texts in calls()
        if name in ("AuditEntry", "_log_account_act", "_log_notice") and texts and texts[0]
    }
    return by_entry | {
        text
        for name, texts in calls()
        if name in ("_ending", "_build_ending")
        for text in texts
        if CODE.fullmatch(text)
    }


def commands() -> dict[str, Command]:
    """Return every command that is listed, by its full name."""
    top = typer.main.get_command(cli)
    assert isinstance(top, LazyGroup)
    found: dict[str, Command] = {}
    for name, listed in top.commands.items():
        if listed.hidden:
            continue
        command = top.load(name)
        inner = getattr(command, "commands", None)
        found |= {f"{name} {part}": it for part, it in inner.items() if not it.hidden} if inner else {name: command}
    return found


def test_every_code_and_every_act_is_explained_to_operators() -> None:
    assert len(codes()) > 30
    assert len(acts()) > 10
    explained = set(re.findall(rf"`({CODE.pattern})`", CODES))
    assert codes() - explained == set()
    assert explained - codes() == set()
    assert acts() == set(re.findall(rf"`({CODE.pattern})`", ENTRIES))


def test_every_act_on_a_notice_is_a_word_in_its_history() -> None:
    about_one = {act for act in acts() if act.split(".")[0] in ("notice", "case", "message", "receipt")}
    # About all that wait, or no one.
    assert about_one - ACTS.keys() == {"notice.released", "notice.searched"}


def test_every_act_has_a_sentence_and_a_kind_by_which_it_is_found() -> None:
    assert acts() == SENTENCES.keys()
    assert {act for kind in KINDS for act in list_acts(kind)} == SENTENCES.keys()
    assert [act for act in SENTENCES if "{" in name_act(act) or "some." in name_act(act)] == []


def test_every_setting_is_explained_to_operators() -> None:
    assert f"[{ONE_CLOSURES}]" in SETTINGS
    for section, cls in (SECTIONS | {"logins": LoginSettings}).items():
        _, heading, text = SETTINGS.partition(f"[{section}")
        assert heading, section
        assert [name for name in (field.name for field in fields(cls)) if f"{name}`" not in text] == []


def test_every_command_speaks_json_except_those_that_run() -> None:
    without = {name for name, one in commands().items() if "--json" not in [o for p in one.params for o in p.opts]}
    assert without == {"serve"}


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("schemas/*/*.md")]:
        if "node_modules" in document.parts or ".venv" in document.parts:
            continue
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
