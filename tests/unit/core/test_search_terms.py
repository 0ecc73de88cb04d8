"""Finding: whatever a message says of a child is found by what a person types, however they write it."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.names import normalise_name
from gateway.core.search_terms import MOST_TYPED, Term, list_terms, parse_query
from gateway.errors import Unusable
from schemas.message import Child, Message, Restriction, Sibling, TransferNotice
from schemas.shapes import CaseId, MessageId
from tests.children import notice

NOTICE = notice(
    message_id=MessageId("019aaf00-0000-7000-8000-00000000a001"),
    conversation_id=CaseId("019aaf00-0000-7000-8000-00000000c001"),
)
assert isinstance(NOTICE.body, TransferNotice)
BODY: TransferNotice = NOTICE.body
PHONE_ONLY = replace(BODY, restriction=Restriction(level="phone-only"))
LETTERS = st.characters(categories=("Lu", "Ll"), max_codepoint=0x17F)
# Ŀ is two of our words.
WORD = st.text(LETTERS, min_size=2, max_size=12).filter(
    lambda word: len(normalise_name(word)) > 1 and " " not in normalise_name(word)
)
NAME = st.lists(WORD, min_size=1, max_size=3)
DAY = st.dates(date(1969, 1, 1), date(2068, 12, 31))


def about(**said: object) -> Message:
    """The sample, about a child of whom this is said."""
    child = Child(**({"surname": "Testchild", "dob": date(2016, 3, 31), "sex": "F"} | said))  # type: ignore[arg-type]
    return Message(NOTICE.header, replace(BODY, child=child))


def finds(typed: str, message: Message, *, alike: bool = False) -> bool:
    """Does what was typed find this message?"""
    its = list_terms(message)
    return all(part & its for part in parse_query(typed, alike=alike).parts)


def dressed(draw: st.DrawFn, words: list[str]) -> str:
    """These words as somebody may type them: in capitals or small letters, with hyphens or spaces."""
    joined = draw(st.sampled_from((" ", "-", "  ", "\t"))).join(words)
    return draw(st.sampled_from((joined, joined.upper(), joined.lower(), joined.title())))


@given(st.data(), NAME, NAME, DAY)
def test_what_is_written_is_found_whatever_case_and_order(
    data: st.DataObject, surname: list[str], forename: list[str], dob: date
) -> None:
    message = about(surname="-".join(surname), forename=" ".join(forename), dob=dob)
    day = data.draw(st.sampled_from(("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d %B %Y", "%d %b %y", "%d/%m/%y")))
    last, first = (data.draw(st.composite(dressed)(one)) for one in (surname, forename))
    said = data.draw(st.permutations([last, first, dob.strftime(day)]))
    assert finds(" ".join(said), message)
    assert finds(f"{last}, {first}", message)
    assert finds(" ".join(said), message, alike=True)


@given(*[st.lists(st.text("abcdeABCDE", min_size=2, max_size=3), min_size=1, max_size=3)] * 2)
def test_another_name_is_not_found(name: list[str], other: list[str]) -> None:
    typed = " ".join(other)
    theirs = {Term("surname", normalise_name(word).replace(" ", "")) for word in other}
    message = about(surname=" ".join(name))
    assert finds(typed, message) == (theirs <= list_terms(message))


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("O'Brien", "OBRIEN"),
        ("O'Brien", "o brien"),
        ("OBrien", "O’Brien"),
        ("Testchild-Example", "example"),
        ("Testchild-Example", "testchild example"),
        ("Testchild-Example", "TestchildExample"),
        ("Łukasz", "lukasz"),
        ("Zoë", "ZOE"),
        ("Zoe", "Zoë"),
        ("Groß", "GROSS"),
        ("Şahin", "sahin"),
        ("de la Invented", "De La Invented"),
        ("Testchild", "A Testchild"),
        ("Testchild", "testchild a"),
        ("李", "李"),
        ("Testchild", "testchild & 31/03/2016;"),
        ("Testchild", "TESTCHILD,"),
    ],
)
def test_ways_to_write_a_name(written: str, typed: str) -> None:
    assert finds(typed, about(surname=written))


@pytest.mark.parametrize(
    "typed",
    [
        "03/09/2015",
        "3/9/15",
        "3.9.15",
        "03-09-2015",
        "2015-09-03",
        "2015-9-3",
        "3 September 2015",
        "3rd sept 2015",
        "03 Sep 15",
        "3 SEPTEMBER, 2015",
        "  3.9.2015 ",
        "3\u00a0September\u00a02015",
    ],
)
def test_ways_to_write_a_date(typed: str) -> None:
    assert parse_query(typed).parts == (frozenset({Term("dob", "2015-09-03")}),)
    assert finds(f"testchild {typed}", about(dob=date(2015, 9, 3)))
    assert not finds(typed, about(dob=date(2015, 3, 9)))
    assert finds(typed, about(dob=date(2015, 3, 9)), alike=True)


def test_every_name_that_the_notice_gives_the_child_is_found() -> None:
    message = about(
        surname="Testchild",
        forename="Elizabeth",
        middle_names="Sample Specimen",
        preferred_surname="Wanted",
        preferred_forename="Lizzie",
        former_surname="Former-Invented",
    )
    for typed in ("testchild", "elizabeth", "sample", "specimen", "wanted", "lizzie", "former", "former-invented"):
        assert finds(typed, message), typed
    assert not finds("testchild elisabeth", message)
    assert finds("testchild elisabeth", message, alike=True)
    assert finds("testchild beth", message, alike=True), "a short form"


def test_with_a_comma_the_surname_comes_first() -> None:
    message = about(surname="James", forename="Ada")
    assert finds("JAMES, Ada", message)
    assert finds("ada james", message)
    assert not finds("Ada, James", message)
    assert not finds("ADA, James", message, alike=True)


def test_numbers_find_the_child_and_a_sibling_by_upn() -> None:
    message = about(upn="X333210123001", former_upn=("A333210123009",), unique_learner_number="1234567890")
    for typed in ("X333210123001", "x3332 1012 3001", "a333210123009", "1234567890", "1234567890 testchild"):
        assert finds(typed, message), typed
    assert not finds("X333210123002", message)
    brother = Sibling(upn="X333210123003", surname="Elsewhere", forename="Ben", dob=date(2018, 1, 1))
    family = Message(message.header, replace(BODY, child=None, sibling=(brother,)))
    assert finds("X333210123003", family)
    assert not finds("ben", family), "a brother's name would meet the child's date of birth"


@pytest.mark.parametrize(
    "typed", ["…00000000A001", "00000000a001", "019aaf00-0000-7000-8000-00000000a001", "00000000c001"]
)
def test_a_reference_finds_what_names_no_child_too(typed: str) -> None:
    for message in (Message(NOTICE.header, PHONE_ONLY), NOTICE, notice(name="outcome")):
        head = replace(
            message.header, message_id=NOTICE.header.message_id, conversation_id=NOTICE.header.conversation_id
        )
        assert finds(typed, Message(head, message.body))


def test_of_a_phone_only_child_nothing_is_found_but_the_reference() -> None:
    assert {one.kind for one in list_terms(Message(NOTICE.header, PHONE_ONLY))} == {"reference"}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "find.too-little"),
        ("   ", "find.too-little"),
        ("a", "find.too-little"),
        ("a b", "find.too-little"),
        ("%", "find.too-little"),
        ("_ * ?", "find.too-little"),
        ("' OR 1=1 --", "find.not-understood"),
        ("31/02/2015", "find.not-understood"),
        ("3 Nonsense 2015", "find.not-understood"),
        ("testchild 2015", "find.not-understood"),
        ("testchild, 2015", "find.not-understood"),
        ("testchild, ada, 123", "find.not-understood"),
        ("X33321012300", "find.not-understood"),
        ("test\x00child", "find.not-understood"),
        ("test\u202echild", "find.not-understood"),
        ("\ud800", "find.not-understood"),
        ("x" * (MOST_TYPED + 1), "find.too-much"),
        ("ab " * 11, "find.too-much"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_repeating_it(typed: str, code: str) -> None:
    with pytest.raises(Unusable) as why:
        parse_query(typed)
    assert why.value.code == code
    assert len(typed.strip()) < 2 or typed.strip() not in f"{why.value.sentence} {why.value.next_on_page}"


@given(st.text(max_size=MOST_TYPED + 20), st.booleans())
def test_whatever_is_typed_is_understood_or_refused_with_a_sentence(typed: str, alike: bool) -> None:
    try:
        sought = parse_query(typed, alike=alike)
    except Unusable:
        return
    assert sought.parts
    assert all(sought.parts)
    assert "Term" not in repr(sought)
