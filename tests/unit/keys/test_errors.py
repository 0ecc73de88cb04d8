"""A refusal has a code, a sentence for a person, and a next step on a page and in a terminal; and
all are documented.
"""

import csv
import re
from pathlib import Path

import pytest

from keys import errors
from keys.errors import Refusal, RefusalCode, build_refusal, is_passing, write_table
from tests.structure.test_errors import COMMAND, NEVER, PAGE

KEYS = Path(__file__).parents[3] / "keys"
ROWS = list(csv.DictReader((KEYS / "refusals.csv").read_text("utf-8").splitlines()))


def in_terminal(row: dict[str, str]) -> str:
    return row["next_in_terminal"] or row["next_on_page"]


def test_every_code_has_one_row() -> None:
    assert sorted(row["code"] for row in ROWS) == sorted(RefusalCode)
    assert {row["again"] for row in ROWS} == {"later", "never"}


def test_every_sentence_can_be_read_and_every_step_is_whole() -> None:
    for row in ROWS:
        for text in filter(None, (row["sentence"], row["next_on_page"], row["next_in_terminal"])):
            assert re.fullmatch(r"[A-Z].*\.", text), row
        assert row["next_on_page"], row
        assert row["next_in_terminal"] != row["next_on_page"], row


def test_no_command_stands_on_a_page_and_no_button_in_a_terminal() -> None:
    for row in ROWS:
        assert not COMMAND.search(row["next_on_page"]), row
        assert not PAGE.search(in_terminal(row)), row
        assert "your IT team" not in in_terminal(row), row


def test_they_are_said_in_the_words_of_the_product() -> None:
    for row in ROWS:
        assert not NEVER.search(f"{row['sentence']} {row['next_on_page']} {in_terminal(row)}"), row


def test_each_is_built_in_its_family_with_the_words_of_its_row() -> None:
    for row in ROWS:
        refusal = build_refusal(RefusalCode(row["code"]), "detail")
        assert type(refusal) is not Refusal
        assert str(refusal) == f"{row['sentence']} (detail)"
        assert (refusal.code, refusal.lasting) == (row["code"], row["again"] == "never")
        assert refusal.next_in_terminal == in_terminal(row)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (RefusalCode.CARD_ROUTE, errors.CardRoute),
        (RefusalCode.CARD_OLDER, errors.CardOlder),
        (RefusalCode.CARD_MALFORMED, errors.CardRefused),
        (RefusalCode.NOTE_SIGNATURE, errors.NoteSignature),
        (RefusalCode.AT_REST_DESTROYED, errors.Destroyed),
        (RefusalCode.RING_MISSING, errors.RingRefused),
    ],
)
def test_what_is_caught_by_its_type_has_that_type(code: RefusalCode, kind: type[Refusal]) -> None:
    assert type(build_refusal(code)) is kind


def test_readme_has_the_table() -> None:
    """Made by `python -m keys.errors`."""
    assert write_table() in (KEYS / "README.md").read_text("utf-8")
    assert write_table().count("\n") == len(ROWS) + 2


def test_what_a_newer_card_may_heal_does_not_last() -> None:
    assert all(map(is_passing, ("key.unknown", "key.not-yet", "card.expired", "card.unknown-authority")))
    assert not any(map(is_passing, ("envelope.signature", "key.revoked", "envelope.not-for-us", "no.such-code", "")))
