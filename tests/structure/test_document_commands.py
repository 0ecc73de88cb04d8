"""Every command in the documents is read by the real command line, and run where it only reads or is the subject."""

import re
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from gateway import home_folder
from gateway.cli import cli
from schemas import xml
from tests.certificates import for_mail
from tests.children import notice
from tests.command import run_command
from tests.conftest import free_port, introduce, make
from tests.flows.test_postcodes import directory
from tests.needs import need
from tests.softhsm import SoftToken
from tests.storage_keys import finish_rotation

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")} - {ROOT / "CHANGELOG.md"}
)
PROGRAM = "cme-gateway"
# Blocks of every language, or the end of one would be taken for the beginning of the next.
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SHELLS = {"", "sh", "bash", "shell", "console"}
ANY_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(rf"^    ({PROGRAM} .*(?:\\\n.*)*)", re.MULTILINE)
INLINE = re.compile(rf"`({PROGRAM} [^`]+)`")
# These change nothing but the audit log. `serve` and `demo` have tests of their own.
ONLY_READ = {
    "api list",
    "api webhooks",
    "audit log-keys",
    "audit outside-witnesses",
    "audit partners",
    "audit search",
    "audit verify",
    "directory status",
    "doctor",
    "inbox",
    "leavers list",
    "matches list",
    "one imports",
    "one waiting",
    "outbox",
    "outstanding",
    "partner list",
    "partner show",
    "replies list",
    "replies show",
    "report statistics",
    "report timeliness",
    "retry --list",
    "review list",
    "search-status",
    "show",
    "users list",
}
# These change a home and nothing else. They run in this order, each as the documents have it.
CHANGES_A_HOME = (
    *("users add", "users deactivate", "users reset", "api add", "api new-secret", "api resume", "api remove"),
    *("partner add-email", "validate", "send", "enquire", "retry", "close-case", "withdraw", "accept", "put-aside"),
    *(
        "record-call",
        "record-not-shared",
        "record-handover",
        "partner remove-email",
        "postcodes import",
        "postcodes find",
        "one pupils",
    ),
    *("leavers send", "leavers correct", "leavers discard", "replies judge", "matches reply-all", "review record"),
    *("leavers show", "matches show", "answer", "correct", "redirect", "remind", "send-outcome", "record-outcome"),
    *("retention preview", "retention hold", "retention holds", "retention release", "retention purge"),
    *("one accept", "one put-aside", "one s2s", "report statistics"),
    *("keys rotate-identity", "keys identity-held"),
    *("end-search", "report inspection", "card export", "audit export", "audit verify --export"),
    *("partner suspend", "partner remove"),
    # last, for no older card is the newest after it
    *("keys list", "keys rotate-storage", "keys rotate", "keys revoke", "card confirm-contacts", "card renew"),
)
# Each is run by tests of its own: it serves, sets up, needs a partner that answers, a warning, or what is typed.
RUN_ELSEWHERE = {
    *(
        "--version",
        "audit clear-warning",
        "audit evidence",
        "audit verify --ask",
        "audit verify-evidence",
        "subject-access",
        "compare",
        "demo",
        *("directory join", "directory join --new-key", "directory fetch", "directory verify", "directory add"),
        "directory leave",
        *("directory create", "directory suspend", "directory resume", "directory end", "directory build"),
        *("directory sign", "directory publish", "directory rotate-key", "partner resume", "partner follow"),
        "find",
        "init",
        "partner add",
        "partner fetch-card",
        "partner test",
        "partner revoke-identity",
        "partner confirm-identity",
        "keys finish-identity",
    ),
    *("serve", "backup create", "backup verify", "restore"),
}
# what stands for a name that is in no home: 4 says that it is not there
NAMES_NOTHING = {"ID", "NAME", "CASE", "7"}
PAIR = (("333", "Sandwell"), ("885", "Worcestershire"))
PUPILS = (
    "UPN,Surname,Forename,Date of Birth,Gender,NC Year,Restricted\nX333210123002,Specimen,Ben,2015-06-01,M,6,N\n"
    "X333210123010,Specimen,Ada,2014-06-01,F,7,N\n"
)
# 0 done, 3 something is overdue, 4 what the document calls 7 or ID is not there.
ENDS_WELL = {0, 3, 4}


@dataclass(frozen=True, slots=True)
class Example:
    """A command as a document has it. `whole`: it stands in a block, to be typed as it is."""

    document: str
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        """List its words without the program's name, a comment, and what the shell does with the output."""
        lexer = shlex.shlex(self.text.replace("\\\n", " "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)[1:]
        ends = [place for place, word in enumerate(words) if word in (">", "|", "&&", ";")]
        return words[: ends[0]] if ends else words

    def __str__(self) -> str:
        return f"{self.document}: {self.text}"


def list_examples() -> Iterator[Example]:
    """List every command of this program in every document, in the order in which they are read."""
    for document in DOCUMENTS:
        name, text = str(document.relative_to(ROOT)), document.read_text("utf-8")
        for block in (block for language, block in FENCED.findall(text) if language in SHELLS):
            lines = re.findall(rf"^ *({PROGRAM} .*(?:\\\n.*)*)", block, re.MULTILINE)
            yield from (Example(name, line, whole=True) for line in lines)
        prose = ANY_FENCED.sub("", text)
        yield from (Example(name, line, whole=True) for line in INDENTED.findall(prose))
        yield from (Example(name, line, whole=False) for line in INLINE.findall(prose))


EXAMPLES = list(list_examples())


@cache
def build_command_line() -> Any:
    """Build the program's own commands once."""
    return typer.main.get_command(cli)


def is_hidden(group: Any, name: str) -> bool:
    """Say whether a group has a command of this name that its help does not list: a former name."""
    listed = group.commands.get(name)
    return listed is not None and bool(listed.hidden)


def read_command(words: list[str], *, whole: bool) -> str:
    """Read words as the command line would; return the command's name. Raises TyperException for what it would refuse.

    In a sentence the name of a command, or of a group of commands, may stand alone.
    """
    command = build_command_line()
    context = command.make_context(PROGRAM, [], resilient_parsing=True)
    name: list[str] = []
    while hasattr(command, "resolve_command") and words and not words[0].startswith("-"):
        hidden = is_hidden(command, words[0])
        _, command, rest = command.resolve_command(context, list(words))
        name.append(words[0])
        if command is None:
            raise TyperException(f"there is no command {' '.join(name)}")
        if hidden:
            raise TyperException(f"{' '.join(name)} is a former name")
        context, words = command.make_context(name[-1], [], parent=context, resilient_parsing=True), rest
    if whole or words:
        with suppress(typer.Exit):
            # `--version` and `--help` print, and end there.
            command.make_context(" ".join(name), list(words))
    return " ".join(name) or PROGRAM


def list_names() -> Iterator[str]:
    """List every command that is not a former name, as it is typed."""
    top = build_command_line()
    context = top.make_context(PROGRAM, [], resilient_parsing=True)
    for name in top.list_commands(context):
        _, command, _ = top.resolve_command(context, [name])
        if not is_hidden(top, name):
            inner = getattr(command, "commands", {})
            yield from (f"{name} {each}" for each in inner if not inner[each].hidden)
            yield from () if inner else (name,)


def test_the_reference_has_every_command() -> None:
    reference = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    names = list(list_names())
    assert len(names) > 60
    assert [name for name in names if f"`{PROGRAM} {name}" not in reference and f"`{name}`" not in reference] == []


def test_documents_have_commands_and_none_is_missed() -> None:
    assert len(EXAMPLES) > 100
    assert len([example for example in EXAMPLES if example.whole]) > 25
    mentioned = {name for name in (read_name(example) for example in EXAMPLES) if name}
    assert {"init", "serve", "doctor", "send", "partner add", "keys rotate"} <= mentioned


def read_name(example: Example) -> str:
    """Return the name of an example's command, or nothing if the command line would refuse it."""
    try:
        return read_command(example.words, whole=example.whole)
    except TyperException:
        return ""


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_command_line_takes_every_command_of_the_documents(example: Example) -> None:
    assert read_command(example.words, whole=example.whole)


def test_a_command_or_an_option_that_is_not_there_is_noticed() -> None:
    for words in (["nonsense"], ["partner", "nonsense"], ["outbox", "--nonsense"], ["retry", "ID", "EXTRA", "MORE"]):
        with pytest.raises(TyperException):
            read_command(words, whole=True)
    with pytest.raises(TyperException):
        read_command(["audit", "export"], whole=True)


def is_only_read(example: Example) -> bool:
    """Say whether this command changes nothing, and asks no other machine."""
    words = example.words
    starts = {" ".join(words[:1]), " ".join(words[:2])}
    named = {"--export", "--card", "--seen", "--ask", "--csv", "--html", "--pdf", "--ageing"} & set(words)
    return bool(starts & ONLY_READ) and not named


def test_commands_that_only_read_run_as_they_stand_there(tmp_path: Path) -> None:
    sandwell, worcestershire = (make(tmp_path / code, code, name) for code, name in PAIR)
    introduce(sandwell, worcestershire)
    runs = {" ".join(example.words): example for example in EXAMPLES if is_only_read(example)}
    complete = [example for example in runs.values() if example.whole or is_complete(example)]
    assert len(complete) > 12
    for example in complete:
        ran = run_command(*example.words, CME_GATEWAY_HOME=str(sandwell.config.home))
        assert ran.returncode in ENDS_WELL or "doctor" in example.words, f"{example}\n{ran.stdout}{ran.stderr}"
        assert "Traceback" not in ran.stderr


def prepare_folder(folder: Path) -> Path:
    """Make a gateway that knows a partner and has an email account, and files that do not change. Return its home."""
    sandwell, worcestershire = (make(folder / code, code, name) for code, name in PAIR)
    introduce(sandwell, worcestershire)
    for gw in (sandwell, worcestershire):
        gw.store.close()
    home = sandwell.config.home
    with (home / "gateway.toml").open("a") as settings:
        settings.write('[email]\naddress = "gateway@sandwell.example"\nsmtp = "smtp://127.0.0.1:9"\n')
        settings.write('imap = "imaps://127.0.0.1:9"\nuser = "gateway"\npassword_file = "mail"\n')
        settings.write('smime_key_file = "our.key"\nsmime_certificate_file = "our.pem"\n')
    (home / "mail").write_text("invented")
    for name, content in zip(("our.key", "our.pem"), for_mail("gateway@sandwell.example"), strict=True):
        (home / name).write_bytes(content)
    (folder / "team.pem").write_bytes(for_mail("cme@birmingham.example")[1])
    with zipfile.ZipFile(folder / "ONSPD.zip", "w") as archive:
        archive.writestr("Data/ONSPD_UK.csv", directory(rows=(("B69 3DB", "E99999999", "E08000028"),)))
    shutil.copy(home / home_folder.CARD_FILE, folder / "card.jwt")
    return home


def write_input_files(folder: Path, command: str) -> None:
    """Write the files that the documents name, with a new notice and a new case each time."""
    (folder / "notice.xml").write_bytes(xml.write(notice()))
    (folder / "search.xml").write_bytes(xml.write(notice(name="whereabouts-enquiry")))
    (folder / "corrected.xml").write_bytes(xml.write(notice()))
    (folder / "FOLDER").mkdir(exist_ok=True)
    (folder / "pupils.csv").write_text(PUPILS)
    shutil.copy(folder / ("pupils.csv" if command == "one pupils" else "notice.xml"), folder / "FILE")


def test_commands_that_change_a_home_run_as_they_stand_there(
    tmp_path: Path, token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("Pango", "fonts")
    home = prepare_folder(tmp_path)
    token.write_settings(home)
    monkeypatch.chdir(tmp_path)
    complete = {" ".join(example.words): example for example in EXAMPLES if is_complete(example)}
    wrong = []
    for command in CHANGES_A_HOME:
        found = [example for words, example in complete.items() if f"{words} ".startswith(f"{command} ")]
        assert found, command
        for example in found:
            write_input_files(tmp_path, command)
            if command == "keys rotate":
                end_rotation(home)
            ran = run_command(*example.words, say="yes\n", CME_GATEWAY_HOME=str(home))
            assert "Traceback" not in ran.stderr
            ends = {0, 4} if NAMES_NOTHING & set(example.words) else {0}
            if ran.returncode not in ends:
                wrong.append(f"{example}\n{ran.stdout}{ran.stderr}")
    assert wrong == []


def end_rotation(home: Path) -> None:
    """Do what a gateway that runs does after the storage key was replaced."""
    gw = home_folder.open_gateway(home)
    finish_rotation(gw)
    gw.store.close()


def test_every_command_of_the_documents_is_run() -> None:
    run = (*CHANGES_A_HOME, *RUN_ELSEWHERE)
    complete = {" ".join(example.words) for example in EXAMPLES if is_complete(example) and not is_only_read(example)}
    assert [words for words in complete if not any(f"{words} ".startswith(f"{command} ") for command in run)] == []
    assert [command for command in run if not any(f"{words} ".startswith(f"{command} ") for words in complete)] == []


def is_complete(example: Example) -> bool:
    """Say whether a command in a sentence has all that it needs, so that it can be run."""
    try:
        return bool(read_command(example.words, whole=True))
    except TyperException:
        return False


def test_the_commands_of_the_readme_set_a_gateway_up(tmp_path: Path) -> None:
    block = (ROOT / "README.md").read_text("utf-8").partition("## Set up a real one")[2].partition("## ")[0]
    lines = re.findall(rf"^{PROGRAM} .*", block, re.MULTILINE)
    home = tmp_path / "home"
    partner = make(tmp_path / "885", "885", "Worcestershire")
    shutil.copy(partner.config.home / home_folder.CARD_FILE, tmp_path / "worcestershire.card")
    ran = 0
    for line in lines:
        words = Example("README.md", line, whole=True).words
        if words[0] == "serve":
            continue
        if words[0] == "init":
            words += ["--port", str(free_port())]
        words = [str(tmp_path / word) if word.endswith(".card") else word for word in words]
        done = run_command(*words, say="yes\n", CME_GATEWAY_HOME=str(home))
        assert done.returncode == 0 or words == ["doctor"], f"{line}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran == len(lines) - 1 == 5
