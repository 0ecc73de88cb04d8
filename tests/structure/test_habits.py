"""What somebody who joins can rely on: one version, one form of changes, hooks like `make lint`, documents that can be
read.
"""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from gateway.core.labels_en import STATUSES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
# The longest cell of a table: what needs more is a list or a section.
MOST_OF_A_CELL = 300
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def read(name: str) -> str:
    """Read a file of the repository."""
    return (ROOT / name).read_text("utf-8")


def test_the_newest_version_of_the_changes_is_the_packages() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    changes = read("CHANGELOG.md")
    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[:2] == ["Unreleased", version]
    assert f"| package | {version} |" in read("docs/reference/versions.md")
    assert f"| {version.rpartition('.')[0]} | yes |" in read("SECURITY.md")


def test_the_changes_keep_their_form() -> None:
    changes = read("CHANGELOG.md")
    versions = re.findall(r"^## (.*)$", changes, re.MULTILINE)
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in versions[1:])
    assert set(re.findall(r"^### (.*)$", changes, re.MULTILINE)) <= KINDS
    # Each version leads to its heading, as the website writes it.
    anchors = {
        re.sub(r"[^\w-]+", "-", re.sub(r"[\[\].]", "", heading)).replace("---", "-").lower() for heading in versions
    }
    assert set(re.findall(r"^\[.+?\]: #(.*)$", changes, re.MULTILINE)) <= anchors


def test_the_pages_name_the_newest_revision_of_the_database() -> None:
    newest = max(int(path.name[:4]) for path in (ROOT / "gateway/store/migrations/versions").glob("[0-9]*.py"))
    assert f"| database | revision {newest} |" in read("docs/reference/versions.md")


def test_the_hooks_are_the_tools_of_make_lint() -> None:
    lint = read("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
    tools = {line.removeprefix("\t@$(BIN)/") for line in lint.splitlines() if line.startswith("\t")}
    hooks = set(re.findall(r"entry: \.venv/bin/(.+)", read(".pre-commit-config.yaml")))
    assert {tool.split()[0] for tool in tools} == {hook.split()[0] for hook in hooks}
    assert len(tools) == len(hooks)


@pytest.mark.parametrize(
    ("message", "taken"),
    [("A subject", True), ("é" * 72, True), ("x" * 73, False), ("", False), ("# a comment\nA subject", True)],
)
def test_a_subject_that_is_too_long_is_refused(message: str, taken: bool, tmp_path: Path) -> None:
    (tmp_path / "message").write_text(f"{message}\n\nWhy it is done.\n" if message else "\n", "utf-8")
    ran = subprocess.run([ROOT / ".ci" / "commit-subject", tmp_path / "message"], capture_output=True, timeout=30)
    assert (ran.returncode == 0) == taken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_cell_of_a_table_is_a_paragraph(document: Path) -> None:
    rows = [line for line in document.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [cell for row in rows for cell in re.split(r"(?<!\\)\|", row)]
    assert [cell for cell in cells if len(cell) > MOST_OF_A_CELL] == []


def test_no_word_of_the_glossary_is_explained_twice() -> None:
    words = re.findall(r"^\| ([^|]+?) \|", read("docs/glossary.md"), re.MULTILINE)
    single = [word for words_of_a_row in words if words_of_a_row != "word" for word in words_of_a_row.split(", ")]
    single = [word for word in single if not word.startswith("---")]
    assert len(single) > 60
    assert sorted(single) == sorted(set(single))


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = set(re.findall(r'"([^"]+\.md)"', read("zensical.toml")))
    made = {f"docs/reference/python/{package}.md" for package in ("keys", "schemas", "adapters")}
    assert menu - made == {str(path.relative_to(ROOT)) for path in DOCUMENTS} | {
        "keys/README.md",
        "schemas/README.md",
        "schemas/vectors/README.md",
    }


def test_the_architecture_names_only_files_that_there_are() -> None:
    text = read("ARCHITECTURE.md")
    named = set(re.findall(r"[\w/-]+\.(?:py|tsv|csv|md|toml)\b", text)) - {"gateway.toml"}
    named |= {f"{name}.py" for name in re.findall(r"`((?:adapters|core|keys|partner_api|schemas|store)/\w+)`", text)}
    rows = re.findall(r"^\| (`\w+/`|) \| (`.+?) \|", text.partition("Each package in one line")[2], re.MULTILINE)
    package = ""
    for first, modules in rows:
        package = first.strip("`") or package
        named |= {f"{package}{name}.py" for name in re.findall(r"`(\w+)`", modules)}
    assert len(named) > 120
    paths = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("**/*.*") if ".venv" not in path.parts]
    assert [name for name in sorted(named) if not any(f"/{path}".endswith(f"/{name}") for path in paths)] == []


def test_the_officers_page_explains_every_status_of_what_was_sent() -> None:
    table = read("docs/officers.md").partition("| status | means |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)
    tags = {text.tag for address, text in STATUSES.items() if address.startswith("sent/")}
    # These stand where the reason was not stored, as in notices of before.
    tags -= {"Rejected", "Concluded", "Closed"}
    explained = {tag for tag in tags if any(tag in cell for cell in cells)}
    assert tags - explained == set()
    assert [cell for cell in cells if "---" not in cell and not any(tag in cell for tag in tags)] == []


def read_page_texts() -> str:
    """Read all that a page can show: its templates, the modules that write it, and the labels of codes."""
    names = [
        *ROOT.glob("gateway/**/*.py"),
        *ROOT.glob("gateway/console/templates/*.html"),
        *ROOT.glob("schemas/codes/*"),
    ]
    return re.sub(r"\s+", " ", " ".join(path.read_text("utf-8") for path in names if path.is_file()))


@pytest.mark.parametrize("guide", ["officers", "managers", "auditors"])
def test_what_a_guide_quotes_is_on_a_page(guide: str) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", read(f"docs/{guide}.md"), flags=re.DOTALL)
    quoted = re.findall(r'"([^"]{3,60})"', text)
    assert len(quoted) > 1
    pages = read_page_texts()
    assert [words for words in quoted if re.sub(r"\s+", " ", words).rstrip(".") not in pages] == []


def test_every_target_and_module_that_a_document_runs_is_there() -> None:
    text = "\n".join(path.read_text("utf-8") for path in DOCUMENTS if path.name != "CHANGELOG.md")
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    # In code alone: "make" is a word of sentences too.
    code = " ".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))
    assert set(re.findall(r"(?:^|[`\s])make ([a-z]+)\b", code)) - targets == set()
    modules = set(re.findall(r"python -m ([a-z_.]+)", code)) - {"pytest"}
    assert len(modules) > 3
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in modules]
    assert [file for file in files if not file.exists()] == []
