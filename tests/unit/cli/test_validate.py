"""What `validate` prints: readable on eighty columns, and a last line that says what follows."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import cli
from gateway.cli.output import out
from schemas.samples import make

INVALID = make.GATEWAY / "invalid"


def printed(monkeypatch: pytest.MonkeyPatch, file: Path, columns: int) -> tuple[int, list[str]]:
    monkeypatch.setattr(out, "width", columns)
    done = CliRunner().invoke(cli, ["validate", str(file)])
    return done.exit_code, done.stdout.splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_longest_sentence_is_broken_between_words_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: int
) -> None:
    file = tmp_path / "notice.xml"
    file.write_text((INVALID / "upn.check-letter.xml").read_text().replace(">believed-other-authority<", ">moved<"))
    code, lines = printed(monkeypatch, file, columns)
    assert code == 1
    assert max(map(len, lines[1:])) <= columns
    said = " ".join(" ".join(lines).split())
    assert "moved-from-authority, moved-from-country, application-awaiting, offer-not-accepted," in said
    assert "Line 25 error TransferNotice/Child/UPN" in said
    assert lines[-2:] == [
        "2 errors. The message would be refused.",
        "Some rules could not be checked yet. Correct the file and validate it again.",
    ]


def test_a_warning_alone_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = printed(monkeypatch, INVALID / "age.not-compulsory.xml", 80)
    assert (code, lines[-1]) == (0, "1 warning. It can be sent after an officer has checked it.")


def test_a_sample_that_is_right_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = printed(monkeypatch, make.GATEWAY / "valid" / "outcome.xml", 80)
    assert (code, lines[-1]) == (0, "No problems found.")
