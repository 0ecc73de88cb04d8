"""Slips by which a restricted child would be sent open: each with what is right of it, and where it was seen.

The slips are those of officers at the console (F numbers), and others of their kinds. The rules are pure, so the table
is of messages; that console, command line, API and rows of extracts ask them is below, in
`test_safeguards_everywhere.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import composition, giveaways, safeguards
from gateway.core.safeguards import NOTHING_KNOWN, KnownFacts
from schemas import codes, rules, xml
from schemas.message import (
    Address,
    BS7666Address,
    Child,
    Contact,
    Enquiry,
    LookedAfter,
    Message,
    Needs,
    Restriction,
    School,
    Sibling,
)
from tests.children import notice

TODAY = date(2026, 11, 26)
WITHHELD = Restriction(
    level="address-withheld", reason="refuge", decided_by="Olive Invented", review_on=date(2027, 5, 1)
)
ADA = notice().body.child  # type: ignore[union-attr]  # the sample has one
Change = Callable[[Message], Message]


def body(**values: object) -> Change:
    """The notice with these values of its body."""
    return lambda one: Message(one.header, replace(one.body, **values))  # type: ignore[arg-type]


def child(**values: object) -> Change:
    """The notice with these values of its child."""
    return lambda one: body(child=replace(one.body.child, **values))(one)  # type: ignore[union-attr, type-var]


def open_with(**restriction: object) -> Change:
    """No restriction, and yet these values of one."""
    return body(restriction=Restriction(level="none", **restriction))  # type: ignore[arg-type]


def noted(note: str) -> Change:
    """A note in a notice whose address is withheld."""
    return body(restriction=WITHHELD, note=note)


def lives_at(*lines: str, **more: str) -> Change:
    """A new address."""
    return body(destination_address=Address(address_line=lines, **more))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Slip:
    """What was done, what is right of it, and where it was seen."""

    seen: str
    base: str
    change: Change
    codes: tuple[str, ...]
    known: KnownFacts = NOTHING_KNOWN


OPEN, CLOSED, SEARCH, UNKNOWN = (
    "transfer-notice",
    "transfer-notice-restricted",
    "whereabouts-enquiry",
    "whereabouts-unknown-notice",
)
GONE = ("restriction.contradicted",)
TEXT = ("restriction.given-away",)
BROTHER = Sibling(surname="Testchild-Example", forename="Adà", dob=date(2016, 3, 31))
SLIPS: dict[str, Slip] = {
    # F1, number 12: contradictions
    "no restriction, lives in a refuge": Slip("F1", OPEN, open_with(reason="refuge"), GONE),
    "no restriction, a court's order": Slip("kind of F1", OPEN, open_with(reason="court-order"), GONE),
    "no restriction, decided by somebody": Slip("kind of F1", OPEN, open_with(decided_by="Mona Invented"), GONE),
    "no restriction, to be reviewed": Slip("kind of F1", SEARCH, open_with(review_on=date(2027, 1, 1)), GONE),
    "a search with a reason for a restriction": Slip("kind of F1", UNKNOWN, open_with(reason="police-advice"), GONE),
    "domestic abuse as a risk, and open": Slip(
        "page of F1", OPEN, body(needs=Needs(risk_group=("special-needs", "domestic-abuse"))), ("restriction.risk",)
    ),
    "domestic abuse as a risk, and withheld": Slip(
        "right as it is", CLOSED, body(needs=Needs(risk_group=("domestic-abuse",))), ()
    ),
    "looked after, and open": Slip(
        "number 12", OPEN, body(needs=Needs(looked_after=LookedAfter(in_care=True, care_authority="333"))), ("restriction.placement",)
    ),
    "with a foster carer, and open": Slip(
        "number 12", OPEN, body(contact=(Contact(surname="Carer-Example", relationship="foster-carer"),)), ("restriction.placement",)
    ),
    "looked after, and no place is said": Slip(
        "right as it is",
        OPEN,
        body(
            needs=Needs(looked_after=LookedAfter(in_care=True, care_authority="333")),
            destination_address=None, previous_address=None, school=(), contact=(),
        ),
        (),
    ),
    "the new address is a refuge's": Slip("kind of F1", OPEN, lives_at("Women’s Refuge", "1 Invented Way"), ("restriction.words",)),
    "a refuge in BS 7666": Slip(
        "kind of F1",
        OPEN,
        body(destination_address=Address(bs7666_address=BS7666Address(paon="REFUGE HOUSE", town="Inventchester"))),
        ("restriction.words",),
    ),
    "the note asks for silence": Slip("kind of F1", OPEN, body(note="Please do not tell the father."), ("restriction.words",)),
    "the note speaks of an order": Slip("kind of F1", SEARCH, body(note="There is a non-molestation order."), ("restriction.words",)),
    "in Welsh": Slip("kind of F1", OPEN, body(note="Mae hi mewn lloches."), ("restriction.words",)),
    "a surname that is a word": Slip("right as it is", OPEN, child(surname="Stalker", former_surname="Refuge"), ()),
    "a refugee is in no refuge": Slip("right as it is", OPEN, body(note="The family are refugees from abroad."), ()),
    "witness protection, by name": Slip(
        "number 12", CLOSED, body(restriction=replace(WITHHELD, reason="witness-protection")), ("restriction.protected",)
    ),
    "adopted, with the former name": Slip(
        "number 12",
        CLOSED,
        lambda one: child(former_surname="Before-Example")(body(restriction=replace(WITHHELD, reason="adoption"))(one)),
        ("restriction.former-identity",),
    ),
    "our records say restricted": Slip("title of section 4", OPEN, body(), ("restriction.known",), KnownFacts(is_restricted=True)),
    "a brother is restricted": Slip(
        "title of section 4", OPEN, body(), ("restriction.sibling",), KnownFacts(sibling_is_restricted=True)
    ),
    # F3, number 12: what is withheld stands in a text
    "the note of F3": Slip("F3", CLOSED, noted("She lives at 1 Refuge Road, Inventchester B70 9ZZ."), TEXT),
    "a postcode alone": Slip("F3", CLOSED, noted("New postcode b709zz"), TEXT),
    "a postcode with a hyphen": Slip("kind of F3", CLOSED, noted("SW1A-1AA"), TEXT),
    "a postcode of full width": Slip("kind of F3", CLOSED, noted("Ｂ７０ ９ＺＺ"), TEXT),
    "a postcode with what cannot be seen": Slip("kind of F3", CLOSED, noted("B70\u200b9ZZ"), TEXT),
    "a street without a postcode": Slip("kind of F3", CLOSED, noted("They are in Placeholder Road now."), TEXT),
    "a house and a short street": Slip("kind of F3", CLOSED, noted("12a Specimen St"), TEXT),
    "the town that was typed": Slip("F3", CLOSED, noted("Ask in inventchester."), TEXT, KnownFacts(frozenset(("Inventchester",)))),
    "the street that was typed, shortened": Slip(
        "F3", CLOSED, noted("It is Hollow Tree Hse."), TEXT, KnownFacts(frozenset(("3 Hollow Tree House",)))
    ),
    "a telephone number of the mother": Slip("kind of F3", CLOSED, noted("Mum is on 07700 900 123."), TEXT),
    "the number of whom to ring": Slip("right as it is", CLOSED, noted("Ring Olive on 01632 960101."), ()),
    "a school by its name": Slip("kind of F3", CLOSED, noted("She starts at Hilltop Primary School."), TEXT),
    "a school without a name": Slip("right as it is", CLOSED, noted("The School has no place for 3 weeks."), ()),
    "a map": Slip("kind of F3", CLOSED, noted("https://maps.example/x"), TEXT),
    "an address as the name of whom one asked": Slip(
        "any free text",
        CLOSED,
        body(restriction=WITHHELD, enquiry=(Enquiry(source="other", made_on=date(2026, 11, 2), made_by="1 Refuge Road B70 9ZZ", result="no-information"),)),
        TEXT,
    ),
    "a postcode as a brother's name": Slip(
        "any free text", CLOSED, body(restriction=WITHHELD, sibling=(Sibling(surname="Example B70 9ZZ", dob=date(2014, 1, 1)),)), (*TEXT, "name.figure")
    ),
    "a postcode in an open notice": Slip("right as it is", OPEN, body(note="They were in WR1 9ZZ before."), ()),
    "an answer says where": Slip(
        "kind of F3", "whereabouts-response", body(result="found", note="At 1 Refuge Road, B70 9ZZ."), ("answer.given-away",)
    ),
    "an answer says whom to ring": Slip(
        "right as it is", "whereabouts-response", body(result="found", note="Ring 01632 960202 from nine."), ()
    ),
    # F19, number 13
    "the UPN of another child": Slip("F19", OPEN, body(), ("upn.other-child",), KnownFacts(other_bears_upn=True)),
    "a sibling is the child": Slip("F19", OPEN, body(sibling=(BROTHER,)), ("sibling.same-child",)),
    "a sibling has the child's UPN": Slip(
        "kind of F19", OPEN, body(sibling=(Sibling(upn="X333210123001", surname="Other", dob=date(2012, 1, 1)),)), ("sibling.same-child",)
    ),
    "a sibling is called as the child is": Slip(
        "kind of F19", OPEN, body(sibling=(replace(BROTHER, forename="ADDIE", surname="Other-Example"),)), ("sibling.same-child",)
    ),
    "names turned round": Slip(
        "kind of F19", OPEN, body(sibling=(replace(BROTHER, surname="Ada", forename="Testchild Example"),)), ("sibling.same-child",)
    ),
    "a twin": Slip("right as it is", OPEN, body(sibling=(replace(BROTHER, forename="Ben"),)), ()),
    "moved to another country": Slip("F19", OPEN, body(cme_reason="believed-other-country"), ("move.abroad",)),
    "an address abroad": Slip("kind of F19", OPEN, lives_at("ul. Wymyślona 1", country="Poland"), ("move.abroad",)),
    "an address in Scotland": Slip("kind of F19", OPEN, lives_at("1 Invented Way", country="Scotland"), ("move.abroad",)),
    "an address here": Slip("right as it is", OPEN, lives_at("1 Invented Way", country="the U.K."), ()),
    "a search for who went abroad": Slip("right as it is", SEARCH, body(note="Perhaps in Poland."), ()),
    "a surname ends in a figure": Slip("F19", OPEN, child(surname="Smith-Invented 2"), ("name.figure",)),
    "a forename ends in a figure": Slip("kind of F19", OPEN, child(forename="Ada2"), ("name.figure",)),
    "a figure of another script": Slip("kind of F19", OPEN, child(surname="Example٢"), ("name.figure",)),
    "a contact's name ends in a figure": Slip(
        "kind of F19", OPEN, body(contact=(Contact(surname="Parent 1", relationship="mother"),)), ("name.figure",)
    ),
    "a move in the future": Slip("F19", OPEN, body(moved_on=date(2027, 1, 1)), ("move.future",)),
    "a move today": Slip("right as it is", OPEN, body(moved_on=TODAY), ()),
    "last seen in the future": Slip("kind of F19", SEARCH, body(last_seen_on=TODAY + timedelta(1)), ("date.future",)),
    "unknown since the future": Slip("kind of F19", UNKNOWN, body(unknown_since=date(2027, 1, 1)), ("date.future",)),
    "at school in the future": Slip(
        "kind of F19", OPEN, body(school=(School(school_name="Exampleton", last_attended=date(2027, 1, 1)),)), ("date.future",)
    ),
    # F6, number 15
    "passed on to ourselves": Slip(
        "F6", "acknowledgement", body(decision="passed-on", passed_to="333"), ("acknowledgement.passed-to-party",)
    ),
    "passed back to the sender": Slip(
        "F6", "acknowledgement", body(decision="passed-on", passed_to="885"), ("acknowledgement.passed-to-party",)
    ),
    "passed on to a third": Slip("right as it is", "acknowledgement", body(decision="passed-on", passed_to="330"), ()),
    "moved on to ourselves": Slip("kind of F6", "outcome", body(result="moved-on", moved_to="333"), ("outcome.moved-to-sender",)),
    "moved back to the sender": Slip("right as it is", "outcome", body(result="moved-on", moved_to="885"), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_each_slip_is_refused_or_asked_about(name: str) -> None:
    slip = SLIPS[name]
    message = slip.change(notice(name=slip.base))
    found = safeguards.find_slips(message, today=TODAY, known=slip.known)
    assert {one.code for one in found} == set(slip.codes), slip.seen
    # So nothing but these rules would stop it.
    assert rules.list_errors(rules.check(message, today=TODAY)) == []


def test_every_rule_has_a_slip_and_none_stops_a_sample() -> None:
    assert {code for slip in SLIPS.values() for code in slip.codes} == {one.code for one in safeguards.SAFEGUARDS}
    for name in ("transfer-notice", "transfer-notice-siblings", "transfer-notice-phone-only", "whereabouts-enquiry"):
        assert safeguards.find_slips(notice(name=name), today=TODAY) == []


@pytest.mark.parametrize("name", [name for name, one in SLIPS.items() if one.base in (OPEN, CLOSED, SEARCH, UNKNOWN)])
def test_a_receiver_takes_the_stricter_reading_and_refuses_nothing(name: str) -> None:
    slip = SLIPS[name]
    message = slip.change(notice(name=slip.base))
    shown: Any = safeguards.read_strictly(message, TODAY).body
    seen = {one.code for one in safeguards.find_slips(message, today=TODAY)}
    if not any(code.startswith("restriction.") for code in seen):
        assert (shown, safeguards.level_as_read(message, TODAY)) == (message.body, message.restriction)
        return
    assert safeguards.level_as_read(message, TODAY) == "address-withheld"
    hidden = [getattr(shown, part, None) for part in (*rules.WITHHELD, "note")]
    assert not any(hidden)
    assert shown.child.surname == message.body.child.surname  # type: ignore[union-attr]
    assert "B70 9ZZ" not in xml.write(Message(message.header, shown)).decode()
    assert xml.read(xml.write(Message(message.header, shown))).body == shown


AREAS = st.sampled_from(["B", "WR", "SW1", "EC1", "M", "N", "W", "LS", "CF", "CB", "BS", "L"])
POSTCODES = st.builds(
    lambda area, district, sector, unit, gap, small: (f"{area}{district}{gap}{sector}{unit}".lower() if small else f"{area}{district}{gap}{sector}{unit}"),
    st.sampled_from(["B", "WR", "SW", "EC", "M", "N", "LS", "CF"]), st.from_regex("[1-9][0-9]?|[1-9][A-Z]", fullmatch=True),
    st.integers(0, 9), st.from_regex("[A-Z]{2}", fullmatch=True), st.sampled_from(["", " ", "  ", "\u00a0", "-", "."]), st.booleans(),
)  # fmt: skip
PLAIN = st.lists(
    st.sampled_from(
        [
            "the",
            "child",
            "is",
            "well",
            "and",
            "goes",
            "with",
            "her",
            "aunt",
            "to",
            "see",
            "a",
            "doctor",
            "every",
            "week",
            "in",
            "year",
            "seven",
        ]
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN, POSTCODES, PLAIN)
def test_a_postcode_is_found_wherever_it_stands(before: list[str], postcode: str, after: list[str]) -> None:
    text = " ".join([*before, postcode, *after])
    assert giveaways.gives_place_away(text)
    assert not giveaways.gives_place_away(" ".join([*before, *after]))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(codes.get_labels("restriction_reasons"))),
    st.sampled_from(["", "none", "address-withheld", "phone-only"]),
    st.booleans(),
)
def test_of_what_was_typed_the_stricter_answer_counts(reason: str, level: str, said: bool) -> None:
    typed = {"restriction": {"level": level, **({"reason": reason} if said else {})}}
    counts = composition.find_level(typed)
    assert counts == (
        (level or None) if level in ("address-withheld", "phone-only") or not said else "address-withheld"
    )
    assert composition.is_as_strict({"restriction": {"level": "phone-only"}}, typed)
    assert composition.is_as_strict(typed, {"restriction": {"level": "address-withheld"}}) == (
        counts in ("address-withheld", "phone-only")
    )


@pytest.mark.parametrize(
    ("surname", "forename", "born", "other"),
    [
        ("Testchild-Example", "Ada", True, False),
        ("Married-Example", "ADÀ", True, False),
        ("Testchild-Example", "Addie", True, False),
        ("Testchild-Example", "Ada", False, True),
        ("Testchild-Example", "Ben", True, True),
        ("Testchild-Example", "Ida", True, True),
        ("Testchild-Example", "", True, False),
        ("Somebody-Else", "", True, True),
    ],
)
def test_who_bears_the_upn_is_another_child_or_the_same(surname: str, forename: str, born: bool, other: bool) -> None:
    assert isinstance(ADA, Child)
    assert safeguards.is_another(ADA, surname, forename, born) == other


def test_the_page_of_the_docs_has_every_rule_in_its_words() -> None:
    page = (Path(__file__).parents[2] / "docs" / "safeguards.md").read_text()
    kinds = {"error": "cannot be confirmed", "warning": "doubt"}
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.code}` | {kinds[one.level]} | {one.sentence} |" for one in safeguards.SAFEGUARDS]
