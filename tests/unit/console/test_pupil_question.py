"""Which child of ours is looked for: a whole UPN, or a surname with a date of birth; and which one is meant."""

from collections.abc import Mapping
from datetime import date

import pytest

from gateway.casework.pupil_search import PupilQuestion, is_asked_child, read_upn
from gateway.console import forms
from gateway.console.prefill import NOTHING_TYPED, PUPIL, check_question, list_kinds
from gateway.searches.children_index import build_our_child
from schemas.message import OPENS_A_CASE

TODAY, BORN = date(2026, 11, 27), date(2016, 3, 31)
ON = {"dob-day": "31", "dob-month": "3", "dob-year": "2016"}
ADA = build_our_child(
    {
        "upn": "X333210123001",
        "former_upn": "Y333210123001",
        "surname": "Testchild-Example",
        "forename": "Zainab",
        "former_surname": "Formerly",
        "dob": "31/03/2016",
    }
)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, {"upn": NOTHING_TYPED}),
        ({"forename": "Ada"}, {"upn": NOTHING_TYPED}),
        ({"upn": "X33321012300"}, {"upn": "UPN must be a letter followed by 12 characters"}),
        ({"upn": "x3332 1012 3001"}, {}),
        # With a UPN nothing else is asked.
        ({"upn": "X333210123001", "surname": "Example"}, {}),
        ({"surname": "Example"}, {"dob": "Enter a date of birth"}),
        (ON, {"surname": "Enter a surname"}),
        ({"surname": "Example", **ON}, {}),
        ({"surname": "Example", **ON, "dob-month": "13"}, {"dob": "The date of birth must be a real date"}),
    ],
)
def test_what_is_typed_is_enough_to_look_for_a_child_or_it_is_said_what_is_missing(
    typed: Mapping[str, str], wrong: Mapping[str, str]
) -> None:
    answers = check_question(forms.read_answers(PUPIL, typed, TODAY))
    assert answers.wrong.keys() == wrong.keys()
    assert all(answers.wrong[name].startswith(sentence) for name, sentence in wrong.items())


def test_a_upn_is_read_however_it_is_typed_and_nothing_else_is_one() -> None:
    assert read_upn(" x3332 1012 3001 ") == "X333210123001"
    assert [read_upn(text) for text in ("", "X33321012300", "X3332101230011", "I333210123001")] == [""] * 4


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (PupilQuestion("X333210123001"), True),
        (PupilQuestion("Y333210123001"), True),
        (PupilQuestion("X333210123002"), False),
        # By UPN, what else was typed does not count.
        (PupilQuestion("X333210123002", "Testchild-Example", "Zainab", BORN), False),
        (PupilQuestion("", "testchild example", "Zaynab", BORN), True),
        (PupilQuestion("", "Formerly", "", BORN), True),
        (PupilQuestion("", "Testchild-Example", "Ben", BORN), False),
        (PupilQuestion("", "Somebody", "Zainab", BORN), False),
        (PupilQuestion("", "Testchild-Example", "Zainab", date(2016, 3, 30)), False),
    ],
)
def test_a_child_is_meant_by_its_upns_or_by_its_names_and_the_very_day(asked: PupilQuestion, meant: bool) -> None:
    assert is_asked_child(ADA, asked) is meant


def test_of_a_child_of_whom_only_calls_may_speak_nobody_else_is_asked() -> None:
    assert list_kinds("phone-only") == ("TransferNotice",)
    assert list_kinds("none") == list_kinds("address-withheld") == OPENS_A_CASE
