"""What decides the answer to a notice, in a few lines: nothing is lost by it, and nothing said that may not be."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import answer_summary
from gateway.core.answer_summary import FoundFacts, list_repeated, list_summary_lines
from schemas.message import (
    OPENS_A_CASE,
    Address,
    Child,
    Message,
    Restriction,
    RestrictionLevel,
    School,
    Sibling,
    TransferNotice,
)
from schemas.reading import list_sections
from tests.children import notice

TODAY = date(2026, 11, 27)
SAMPLES = (
    "transfer-notice",
    "transfer-notice-siblings",
    "transfer-notice-without-upn",
    "transfer-notice-restricted",
    "transfer-notice-phone-only",
    "transfer-notice-correction",
    "whereabouts-enquiry",
    "whereabouts-unknown-notice",
)
FOUND = FoundFacts("Yes", "No match in the pupil index of 1 November 2026", "No")
NAMES = st.sampled_from(["Ada", "Testchild", "Testchild-Example", "Ada May", "de la Sample", "O'Test"])
DAYS = st.dates(date(2009, 1, 1), TODAY)
UPNS = st.sampled_from([None, "X333210123001"])
SIBLINGS = st.builds(Sibling, surname=NAMES, forename=st.none() | NAMES, dob=DAYS, upn=UPNS)
SCHOOLS = st.builds(School, school_name=NAMES, leaving_date=st.none() | DAYS, last_attended=st.none() | DAYS)
PLACES = st.builds(
    Address,
    address_line=st.lists(st.sampled_from(["1 Example Road", "Inventchester"]), max_size=2).map(tuple),
    post_code=st.sampled_from([None, "WR1 9ZZ"]),
    country=st.sampled_from([None, "Ireland"]),
)
CHILDREN = st.builds(
    Child, surname=NAMES, forename=st.none() | NAMES, dob=DAYS, dob_estimated=st.booleans(), upn=UPNS, sex=st.just("F")
)
LEVELS: list[RestrictionLevel] = ["none", "address-withheld"]


@st.composite
def transfers(draw: st.DrawFn) -> Message:
    """A transfer notice in which anything may be missing that may."""
    sample = notice()
    assert isinstance(sample.body, TransferNotice)
    body = TransferNotice(
        restriction=Restriction(level=draw(st.sampled_from(LEVELS)), reason=None, review_on=draw(st.none() | DAYS)),
        child=draw(CHILDREN),
        moved_on=draw(st.none() | DAYS),
        certainty=draw(st.sampled_from(["confirmed", "believed", "possible"])),
        destination_address=draw(st.none() | PLACES),
        destination_school=draw(st.none() | SCHOOLS),
        sibling=tuple(draw(st.lists(SIBLINGS, max_size=6))),
        school=tuple(draw(st.lists(SCHOOLS, max_size=3))),
        cme_reason="believed-other-authority",
        provision_status="none",
        ring=sample.body.ring,
    )
    return Message(sample.header, body)


def said(message: Message) -> str:
    """Everything that the head of the page says of it."""
    child: Child | None = getattr(message.body, "child", None)
    name = answer_summary.build_full_name(child.forename, child.surname) if child else ""
    return "\n".join([name, *(line.answer for line in list_summary_lines(message, TODAY, FOUND))])


def shown(body: object, without: frozenset[tuple[str, str]] = frozenset()) -> set[str]:
    """Every value that the details show."""
    parts = list(list_sections(body, without))
    cells = {cell for part in parts for row in part.table for cell in row}
    return cells | {text for part in parts for _, text in part.pairs}


def assert_nothing_lost(message: Message) -> None:
    """What the details leave out stands in the head, word by word."""
    left_out = shown(message.body) - shown(message.body, list_repeated(message.body)) - {"No restriction", "Yes", "No"}
    head = said(message).lower()
    words = {word.strip(",;").lower() for text in left_out for word in text.split()}
    certain = {word for word in words if word not in head and word not in {"phone", "only:", "do", "not", "send"}}
    assert {word for word in certain if word not in {"any", "details", "cme", "officer"}} == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_summary_has_at_most_seven_lines_and_what_it_replaces_is_in_it(name: str) -> None:
    message = notice(name=name)
    lines = list_summary_lines(message, TODAY, FOUND)
    assert 0 < len(lines) <= 7
    assert all(line.question and line.answer for line in lines)
    if message.restriction != "phone-only":
        assert_nothing_lost(message)


@given(transfers())
def test_whatever_is_missing_the_details_leave_out_only_what_the_summary_says(message: Message) -> None:
    assert len(list_summary_lines(message, TODAY, FOUND)) <= 7
    assert_nothing_lost(message)


def test_no_other_message_has_a_summary() -> None:
    for name in ("acknowledgement", "outcome", "withdrawal", "reminder", "located-notice", "whereabouts-response"):
        message = notice(name=name)
        assert message.kind not in OPENS_A_CASE
        assert (list_summary_lines(message, TODAY), list_repeated(message.body)) == ([], frozenset())


def test_a_notice_of_which_only_calls_may_speak_names_one_number_and_no_child() -> None:
    message = notice(name="transfer-notice-phone-only")
    assert [line.question for line in list_summary_lines(message, TODAY, FOUND)] == [
        "Call",
        "Call recorded?",
        "Restriction",
    ]
    assert said(message).count("01632") == 1
    # Of a notice of ours it is our own, and nobody has to be called by it.
    assert [line.question for line in list_summary_lines(message, TODAY)] == ["Restriction"]
    assert "01632" not in "".join(shown(message.body, list_repeated(message.body)))


def test_an_address_that_is_withheld_is_not_said_to_be_missing() -> None:
    lines = {
        line.question: line.answer for line in list_summary_lines(notice(name="transfer-notice-restricted"), TODAY)
    }
    assert lines["New address"] == "Withheld"
    assert lines["Restriction"].startswith("Address withheld: ")


@given(born=DAYS, today=st.dates(TODAY, TODAY + timedelta(days=4000)))
def test_an_age_is_that_of_the_last_birthday(born: date, today: date) -> None:
    message = notice()
    body: Any = message.body
    child = replace(body.child, dob=born)
    line = list_summary_lines(Message(message.header, replace(body, child=child)), today)[0].answer
    age = int(line.split("aged ")[1].split(".")[0])
    birthdays = sum(
        1
        for year in range(born.year + 1, today.year + 1)
        if (today.year, today.month, today.day) >= (year, born.month, born.day)
    )
    assert age == birthdays
