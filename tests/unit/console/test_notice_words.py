"""A notice is read in the words in which it is written, and none of them is the schema's."""

import re
from dataclasses import replace
from typing import Any

import pytest

from gateway.console import notice_questions
from gateway.console.notice_pages import NoticeSection
from schemas import codes
from schemas.message import OPENS_A_CASE, GroundForDeletion, MessageKind
from schemas.reading import list_sections
from tests.children import notice

SAMPLES = ("transfer-notice", "transfer-notice-siblings", "transfer-notice-without-upn", "transfer-notice-restricted")
SEARCHES = ("whereabouts-enquiry", "whereabouts-unknown-notice")
# The page for what is asked without a page of its own place.
NOTE = "note"
SCHEMA = re.compile(r"\b(LEA|Estab|NC ?year|Upn|DOB|BS ?7666|PAON|SAON|Estimated no)\b|[a-z][A-Z]")
SECTIONS = [(kind, section) for kind in OPENS_A_CASE for section in notice_questions.list_sections(kind)]


def labels_of(body: object) -> set[str]:
    """Every name under which a value is read."""
    parts = list(list_sections(body))
    return {name for part in parts for name, _ in part.pairs} | {name for part in parts for name in part.columns}


@pytest.mark.parametrize("name", [*SAMPLES, *SEARCHES])
def test_what_a_page_asks_is_shown_under_the_same_words(name: str) -> None:
    message = notice(name=name)
    asked = {
        question.label
        for section in notice_questions.list_sections(message.kind)
        for question in notice_questions.list_questions(message.kind, section)
        if question.name != NOTE
    }
    # What no page asks for: an address in parts, a list of parts, to whom it went, and the child's other case.
    others = {"Address", "Note", "Sent to", "Looked-after status", "Lead professional", "Social worker"}
    others |= {"Attendance orders and legal action", "Case reference"}
    assert labels_of(message.body) - asked - others == set()
    assert [label for label in labels_of(message.body) if SCHEMA.search(label)] == []


@pytest.mark.parametrize(("kind", "section"), SECTIONS, ids=lambda it: getattr(it, "name", it))
def test_no_page_asks_in_the_words_of_the_schema(kind: MessageKind, section: NoticeSection) -> None:
    for question in notice_questions.list_questions(kind, section):
        assert not SCHEMA.search(question.label), question.label


@pytest.mark.parametrize("row", codes.list_rows("grounds"), ids=lambda row: f"{row['regulations']}{row['code']}")
def test_a_letter_is_shown_with_what_it_means_in_its_own_regulations(row: dict[str, str]) -> None:
    body: Any = notice().body
    ground = GroundForDeletion(letter=row["code"], regulations=row["regulations"])
    [part] = [part for part in list_sections(replace(body, ground_for_deletion=ground)) if "Ground" in part.title]
    assert part.pairs[0][1] == f"{row['code']}: {row['label']}"
    # It had another meaning before 2024.
    assert codes.find_ground("2024", "F") != codes.find_ground("2006", "F")


def test_only_the_page_that_asks_for_a_letter_says_what_each_means() -> None:
    listed = {section.name: notice_questions.list_grounds(section) for _, section in SECTIONS}
    assert {name for name, grounds in listed.items() if grounds} == {"ground"}
    [grounds] = filter(None, listed.values())
    assert ("G", "No longer lives within a reasonable distance") in grounds[1]
