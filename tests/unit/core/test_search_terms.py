"""Finding: whatever a message says of a child is found by what a person types, however they write it."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.names import normalise_name
from gateway.core.near_search import explain_hit, list_near_terms
from gateway.core.search_terms import INDEX_VERSION, Term, list_terms, normalise_phone
from gateway.core.typed_search import MOST_TYPED, NoticeQuery, QueryPart, parse_query
from gateway.errors import Unusable
from schemas.message import (
    Address,
    Child,
    Contact,
    Message,
    Restriction,
    RestrictionLevel,
    Sibling,
    TransferNotice,
)
from schemas.shapes import CaseId, MessageId
from tests.children import notice

NOTICE = notice(
    message_id=MessageId("019aaf00-0000-7000-8000-00000000a001"),
    case_id=CaseId("019aaf00-0000-7000-8000-00000000c001"),
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
TODAY = date(2026, 11, 27)


def about(**said: object) -> Message:
    """The sample, about a child of whom this is said."""
    child = Child(**({"surname": "Testchild", "dob": date(2016, 3, 31), "sex": "F"} | said))  # type: ignore[arg-type]
    return Message(NOTICE.header, replace(BODY, child=child))


def finds(typed: str, message: Message, *, alike: bool = False) -> bool:
    """Does what was typed find this message?"""
    query, its = parse_query(typed, TODAY), list_terms(message)
    if not alike:
        return all(part.terms & its for part in query.parts)
    listed = all(has_near_term(part, query, its) for part in query.parts)
    near = explain_hit(query, message, near=True) is not None
    assert listed or not near, "what is near is among what is opened"
    return listed and near


def has_near_term(part: QueryPart, query: NoticeQuery, its: set[Term]) -> bool:
    """Is the message among those that are opened, as far as this part goes?"""
    close, far = list_near_terms(part, alone=len(query.parts) == 1)
    return bool((close | far) & its)


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
    assert [part.terms for part in parse_query(typed, TODAY).parts] == [{Term("dob", "2015-09-03")}]
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
        head = replace(message.header, message_id=NOTICE.header.message_id, case_id=NOTICE.header.case_id)
        assert finds(typed, Message(head, message.body))


def test_of_a_phone_only_child_nothing_is_found_but_the_reference() -> None:
    assert {one.kind for one in list_terms(Message(NOTICE.header, PHONE_ONLY))} == {"reference"}


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        ("", "find.too-little", "is empty"),
        ("   ", "find.too-little", "is empty"),
        ("a", "find.too-little", "single letters"),
        ("a b", "find.too-little", "single letters"),
        ("%", "find.too-little", "cannot replace letters"),
        ("_ * ?", "find.too-little", "cannot replace letters"),
        ("' OR 1=1 --", "find.not-understood", "number that is not complete"),
        ("31/02/2015", "find.not-understood", "date that does not exist"),
        ("31 February", "find.not-understood", "date that does not exist"),
        ("3 Nonsense 2015", "find.not-understood", "date that does not exist"),
        ("testchild 2051", "find.not-understood", "between 2000 and 2026"),
        ("testchild, 1955", "find.not-understood", "between 2000 and 2026"),
        ("testchild, ada, 123", "find.not-understood", "number that is not complete"),
        ("X33321012300", "find.not-understood", "UPN with 12 characters"),
        ("X3332101230011", "find.not-understood", "UPN with 14 characters"),
        ("testchild B69", "find.not-understood", "part of a postcode"),
        ("M1 4", "find.not-understood", "part of a postcode"),
        ("ada@council.example", "find.not-understood", "email address"),
        ("01632 9601", "find.not-understood", "number that is not complete"),
        ("test\x00child", "find.not-understood", "cannot be seen"),
        ("test\u202echild", "find.not-understood", "cannot be seen"),
        ("\ud800", "find.not-understood", "cannot be seen"),
        ("x" * (MOST_TYPED + 1), "find.too-much", "too long"),
        ("ab " * 11, "find.too-much", "too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_told_why_without_repeating_it(typed: str, code: str, says: str) -> None:
    with pytest.raises(Unusable) as why:
        parse_query(typed, TODAY)
    assert why.value.code == code
    assert says in why.value.sentence
    assert len(typed.strip()) < 2 or typed.strip() not in f"{why.value.sentence} {why.value.next_on_page}"


@given(st.text(max_size=MOST_TYPED + 20))
def test_whatever_is_typed_is_understood_or_refused_with_a_sentence(typed: str) -> None:
    try:
        query = parse_query(typed, TODAY)
    except Unusable:
        return
    assert query.parts
    for part in query.parts:
        close, _ = list_near_terms(part, alone=False)
        assert part.terms
        assert part.terms <= close
    assert "Term" not in repr(query)


HOME = TransferNotice(
    restriction=Restriction(level="none"),
    child=Child(surname="Testchild", forename="Jack", dob=date(2015, 2, 11), sex="M"),
    certainty=BODY.certainty,
    cme_reason=BODY.cme_reason,
    provision_status=BODY.provision_status,
    ring=BODY.ring,
    destination_address=Address(address_line=("1 Sample Street",), post_code="B69 3DB"),
    previous_address=Address(address_line=("2 Sample Street",), post_code="wr1 2ab"),
    contact=(Contact(surname="Testadult", relationship="mother", phone_no="+44 (0)1632 960123"),),
)


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("testchild 2015", ["year", "name"]),
        ("2015", ["year"]),
        ("11 February", ["day"]),
        ("11th of feb", ["day"]),
        ("11/2", ["day"]),
        ("11 Chwefror, testchild", ["day", "name"]),
        ("11 02 2015", ["dob"]),
        ("2015/02/11", ["dob"]),
        ("B69 3DB", ["postcode"]),
        ("b693db testchild", ["postcode", "name"]),
        ("WR1 2AB", ["postcode"]),
        ("01632 960123", ["phone"]),
        ("01632960123", ["phone"]),
        ("(01632) 960-123", ["phone"]),
        ("+441632 960123 jack", ["phone", "name"]),
        ("0044 1632 960 123", ["phone"]),
        ("testchild, jack 11.2.15 b69 3db 01632 960123", ["postcode", "dob", "phone", "name", "name"]),
    ],
)
def test_what_people_know_beside_a_name_is_enough(typed: str, kinds: list[str]) -> None:
    message = Message(NOTICE.header, HOME)
    assert sorted(part.kind for part in parse_query(typed, TODAY).parts) == sorted(kinds)
    assert finds(typed, message)


@pytest.mark.parametrize("typed", ["testchild 2016", "12 February", "B69 3DC", "01632 960124", "10/02"])
def test_what_is_another_year_day_or_number_is_not_found(typed: str) -> None:
    assert not finds(typed, Message(NOTICE.header, HOME))


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("x 3332 1012 3001", "upn"),
        ("testchild x-3332-1012-3001", "upn"),
        ("X33321012300A", "upn"),
        ("123 456 7890", "uln"),
        ("…00000000A001", "reference"),
        ("...00000000A001", "reference"),
        ("0000 0000 a001", "reference"),
        ("443E121B93E2", "reference"),
        ("march 3 Sept 2014", "dob"),
        ("may", "name"),
    ],
)
def test_a_number_is_read_in_any_case_and_spacing(typed: str, kind: str) -> None:
    assert kind in {part.kind for part in parse_query(typed, TODAY).parts}


@given(st.text("0123456789", min_size=9, max_size=10), st.sampled_from((" ", "-", "")))
def test_a_telephone_number_is_the_same_however_it_is_written(digits: str, sign: str) -> None:
    number = digits.replace("0", "1")
    grouped = f"{number[:4]}{sign}{number[4:]}"
    written = {f"0{grouped}", f"+44 {grouped}", f"+44 (0){grouped}", f"0044{grouped}", f"(0{number[:4]}) {number[4:]}"}
    assert {normalise_phone(one) for one in written} == {f"0{number}"}


@pytest.mark.parametrize("level", ["address-withheld", "phone-only"])
def test_of_a_restricted_child_no_postcode_and_no_telephone_number_is_in_the_index(level: RestrictionLevel) -> None:
    kinds = {
        term.kind for term in list_terms(Message(NOTICE.header, replace(HOME, restriction=Restriction(level=level))))
    }
    assert not kinds & {"postcode", "phone"}


def test_the_terms_are_those_of_the_version_of_the_index() -> None:
    """Where one changes, `INDEX_VERSION` rises, so that old notices are indexed by the new terms."""
    names = [
        "Testchild",
        "Szczepański",
        "O'Brien",
        "Nguyễn",
        "Xavier",
        "Siobhán",
        "Mohammed",
        "Zhang",
        "Yusuf",
        "Jäger",
        "Łukasz",
        "李",
    ]
    found = {
        term for name in names for term in list_terms(Message(NOTICE.header, replace(HOME, child=child_called(name))))
    }
    written = "\n".join(sorted(f"{kind} {value}" for kind, value in found))
    assert (INDEX_VERSION, sha256(written.encode()).hexdigest()[:16]) == (2, "b081c64e7286e283")


def child_called(name: str) -> Child:
    """A child with this name for everything."""
    return Child(surname=name, forename=name, dob=date(2015, 2, 11), sex="M", upn="X333210123001")


@pytest.mark.parametrize("typed", ["sch" * 66, "tschtsch" * 4, " ".join(["schtschk"] * 10), "a" * MOST_TYPED])
def test_however_it_is_spelt_no_more_is_asked_for_than_a_database_answers_at_once(typed: str) -> None:
    for part in parse_query(typed, TODAY).parts:
        assert sum(map(len, list_near_terms(part, alone=False))) < 25_000
