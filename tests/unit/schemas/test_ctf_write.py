"""Notices as Common Transfer Files: what is written, our reader and ONE read; names fit their fields, and are cut
between letters.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from unicodedata import category, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.demo.one import Student, judge_file
from schemas import ctf, ctf_write, rules, xml
from schemas.ctf_write import NAME_LIMITS, NOT_KNOWN, NotCarried, file_name, shorten_name, write
from schemas.message import Child, Message, TransferNotice, WhereaboutsUnknownNotice
from tests.children import notice, sample

GATEWAY = ("885", "LLLL")
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Co", "Cn"))
NAMES = st.text(LETTERS, min_size=1, max_size=60)
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC)


def body_of(name: str) -> TransferNotice:
    body = notice(name=name).body
    assert isinstance(body, TransferNotice)
    return body


def of(child: Child) -> Message:
    """A notice about this child."""
    made = notice()
    return Message(made.header, replace(body_of("transfer-notice"), child=child))


def pupil(text: bytes) -> etree._Element:
    found = etree.fromstring(text).find("CTFpupilData/Pupil")
    assert found is not None
    return found


ADA = body_of("transfer-notice").child or Child(surname="", dob=date.min, sex="")


@st.composite
def children(draw: st.DrawFn) -> Child:
    maybe = st.none() | NAMES
    return Child(
        upn=draw(st.sampled_from([None, "X333210123001", "W33321012301A"])),
        surname=draw(NAMES),
        forename=draw(maybe),
        middle_names=draw(maybe),
        preferred_surname=draw(maybe),
        preferred_forename=draw(maybe),
        former_surname=draw(maybe),
        dob=draw(st.dates(date(2008, 1, 1), date(2022, 1, 1))),
        sex=draw(st.sampled_from("FMU")),
    )


@given(children(), st.dates(date(2026, 7, 30), date(2026, 8, 3)))
def test_what_is_written_is_read_by_us_and_by_one(child: Child, day: date) -> None:
    made = write(of(child), GATEWAY, at(day))
    [leaver] = ctf.read(BytesIO(made.text), file_name("333", GATEWAY, 1), today=day)
    names = {"Surname": child.surname, "Forename": child.forename or ""}
    found = {"Surname": leaver.surname, "Forename": leaver.forename}
    for name, whole in names.items():
        longest = NAME_LIMITS[name]
        assert len(found[name]) <= longest
        assert (name in made.shortened) == (len(normalize("NFC", whole)) > longest)
        assert normalize("NFC", whole).startswith(found[name])
    assert (leaver.upn, leaver.dob, leaver.sex) == (child.upn or "", child.dob.isoformat(), child.sex)
    assert (leaver.school_lea, leaver.destination_la) == ("333", "885")
    assert judge_file(file_name("333", GATEWAY, 1), made.text, [], day) == "unmatched"


@pytest.mark.parametrize("name", ["", "-correction", "-restricted", "-siblings", "-without-upn"])
@pytest.mark.parametrize("day", [date(2026, 7, 31), date(2026, 8, 1)])
def test_every_sample_of_a_transfer_notice_is_taken_in_by_one(name: str, day: date) -> None:
    made = write(xml.read(sample(f"transfer-notice{name}")), GATEWAY, at(day))
    assert made.shortened == ()
    assert judge_file("333LLLL_CTF_885LLLL_001.xml", made.text, [], day) == "unmatched"


@pytest.mark.parametrize(
    ("written_at", "version", "year"),
    [
        (datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC), "25.0", "2025"),
        (datetime(2026, 8, 1, tzinfo=UTC), "26.0", "2026"),
    ],
)
def test_the_version_changes_on_the_first_of_august(written_at: datetime, version: str, year: str) -> None:
    header = etree.fromstring(write(notice(), GATEWAY, written_at).text).find("Header")
    assert header is not None
    assert (header.findtext("CTFversion"), header.findtext("SourceSchool/AcademicYear")) == (version, year)
    assert header.findtext("DateTime") == f"{written_at:%Y-%m-%dT%H:%M:%S}"


def test_one_takes_the_version_before_too_and_no_older_one() -> None:
    old = write(notice(), GATEWAY, at(date(2025, 9, 1))).text
    assert judge_file(file_name("333", GATEWAY, 1), old, [], date(2026, 9, 1)) == "unmatched"
    assert "not an expected version" in judge_file(file_name("333", GATEWAY, 1), old, [], date(2027, 9, 1))


@pytest.mark.parametrize(
    ("whole", "longest", "fits"),
    [
        ("Placeholder", 15, "Placeholder"),
        ("Placeholder-Invented", 15, "Placeholder-Inv"),
        # The same letter, written as one character.
        ("Zoe\u0308", 4, "Zo\u00eb"),
        ("Xq\u0308Xq\u0308", 5, "Xq\u0308X"),
        # A letter and its two marks.
        ("abq\u0323\u0308", 4, "ab"),
        (f"ab{FAMILY}", 6, "ab"),
        # Two consonants and a vowel in one.
        ("अक्षितिज", 4, "अ"),
        ("Invented Placeholder", 9, "Invented"),
        # Nothing but marks.
        ("q" + "\u0323" * 9, 4, "q" + "\u0323" * 3),
    ],
)
def test_a_name_is_cut_between_letters(whole: str, longest: int, fits: str) -> None:
    assert shorten_name(whole, longest) == fits


@given(NAMES, st.integers(1, 30))
def test_a_cut_name_never_loses_a_mark_of_its_last_letter(whole: str, longest: int) -> None:
    whole = normalize("NFC", whole)
    fits = shorten_name(whole, longest)
    assert 0 < len(fits) <= longest
    assert whole.startswith(fits)
    nothing_but_marks = all(category(one)[0] == "M" or one == ctf_write.JOINER for one in whole[1 : longest + 1])
    if fits != whole and not nothing_but_marks:
        assert category(whole[len(fits)])[0] != "M"


def test_what_was_shortened_is_named_and_never_quoted() -> None:
    long = replace(ADA, surname="Invented-" * 9, forename="Placeholder-Invented", middle_names="Sample " * 9)
    made = write(of(long), GATEWAY, NOW)
    assert made.shortened == ("Surname", "Forename", "MiddleNames")
    found = pupil(made.text)
    assert [len(found.findtext(name) or "") for name in ("Surname", "Forename")] == [30, 15]


def test_a_child_has_one_name_and_no_upn() -> None:
    made = write(xml.read(sample("transfer-notice-without-upn")), GATEWAY, NOW)
    found = pupil(made.text)
    assert found.find("UPN") is None
    assert found.find("Forename") is None


def test_a_former_upn_is_written_only_where_the_notice_holds_it_and_only_the_first() -> None:
    assert pupil(write(of(ADA), GATEWAY, NOW).text).find("BasicDetails/FormerUPN") is None
    two = replace(ADA, former_upn=("X909200018042", "L330345624117"))
    made = write(of(two), GATEWAY, NOW)
    assert pupil(made.text).findtext("BasicDetails/FormerUPN") == "X909200018042"
    assert made.shortened == ("FormerUPN",)


def test_the_file_of_a_restricted_child_says_no_place_and_nothing_that_leads_to_who_it_was() -> None:
    open_body, restriction = body_of("transfer-notice"), body_of("transfer-notice-restricted").restriction
    child = replace(ADA, former_upn=("X909200018042",), former_surname="Invented-Before")
    # The rules refuse it; the writer does not rely on them.
    careless = replace(open_body, restriction=restriction, child=child)
    assert rules.list_errors(rules.check(Message(notice().header, careless), today=NOW.date()))
    made = write(Message(notice().header, careless), GATEWAY, NOW)
    assert {one.tag for one in pupil(made.text)} == {
        "UPN", "Surname", "Forename", "DOB", "Sex", "BasicDetails", "LookedAfter", "SENhistory"
    }  # fmt: skip
    for word in (b"FormerUPN", b"FormerSurname", b"Placeholder Road", b"Exampleton", b"Testparent", b"B70"):
        assert word not in made.text


@pytest.mark.parametrize("name", ["transfer-notice-phone-only", "acknowledgement", "outcome", "withdrawal"])
def test_there_is_no_file_of_what_may_not_go_by_machine_or_is_about_no_child(name: str) -> None:
    with pytest.raises(NotCarried):
        write(notice(name=name), GATEWAY, NOW)


def test_a_child_nobody_finds_is_written_for_school2school() -> None:
    unknown = notice(name="whereabouts-unknown-notice")
    assert isinstance(unknown.body, WhereaboutsUnknownNotice)
    made = write(unknown, NOT_KNOWN, NOW)
    [leaver] = ctf.read(BytesIO(made.text), file_name("333", NOT_KNOWN, 7), today=NOW.date())
    assert leaver.destination_la == ""
    assert leaver.surname == unknown.body.child.surname
    name = file_name("333", NOT_KNOWN, 7)
    assert name == "333LLLL_CTF_XXXXXXX_007.xml"
    assert judge_file(name, made.text, [], NOW.date()) == "unmatched"


def test_numbers_begin_anew_after_999() -> None:
    assert [file_name("333", GATEWAY, number)[-7:-4] for number in (1, 999, 1000, 1998, 1999)] == [
        "001", "999", "001", "999", "001"
    ]  # fmt: skip


KNOWN = Student("Testchild-Example", "Ada", "2016-03-31", "X333210123001")


@pytest.mark.parametrize(
    ("student", "result"),
    [
        (KNOWN, "matched"),
        (replace(KNOWN, upn=""), "matched"),
        (replace(KNOWN, family_name="Other-Example"), "matched with conflicts"),
        (replace(KNOWN, dob="2016-03-13"), "matched with conflicts"),
        (Student("Other-Example", "Ada", "2016-03-31"), "unmatched"),
    ],
)
def test_one_compares_the_pupil_with_its_own(student: Student, result: str) -> None:
    made = write(notice(now=datetime(2026, 11, 24, tzinfo=UTC)), GATEWAY, NOW)
    assert judge_file(file_name("333", GATEWAY, 1), made.text, [student], NOW.date()) == result


@pytest.mark.parametrize(
    ("old", "new", "name", "says"),
    [
        (b"<Surname>Testchild-Example</Surname>", b"", None, "Family Name is mandatory"),
        (b"Testchild-Example", b"Testchild" * 4, None, "Family Name is longer than 30"),
        (b"<LEA>885", b"<LEA>330", None, "different places"),
        (b"", b"", "333LLLL CTF 885LLLL 001.xml", "space"),
        (b"26.0", b"24.0", None, "not an expected version"),
    ],
)
def test_one_finds_what_is_wrong_with_a_file(old: bytes, new: bytes, name: str | None, says: str) -> None:
    text = write(notice(), GATEWAY, NOW).text.replace(old, new) if old else write(notice(), GATEWAY, NOW).text
    assert says in judge_file(name or file_name("333", GATEWAY, 1), text, [], NOW.date())
