"""What a notice is filled in with: never more than the restriction of its source lets stand."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from gateway.core import labels
from gateway.core.child import ComparedChild
from gateway.core.composition import Said, build_body, select_fitting, to_text_fields
from gateway.core.prefill import (
    NOTHING_FILLED,
    FilledFrom,
    FilledIn,
    fill_for_sibling,
    fill_from_notice,
    fill_from_pupil,
    fill_in,
    list_siblings,
)
from gateway.core.safeguards import NEW_IDENTITY
from schemas.message import OPENS_A_CASE, MessageKind
from schemas.rules import WITHHELD
from tests.children import notice

REFUGE = {
    "level": "address-withheld",
    "reason": "refuge",
    "decided_by": "Olive",
    "decided_on": "2026-11-01",
    "review_on": "2027-05-01",
}
SECRET = ("44 Placeholder Road", "WR1 9ZZ", "Exampleton Primary", "01632 960103")
CHILD: Said = {
    "surname": "Testchild-Example",
    "forename": "Ada",
    "former_surname": "Formerly",
    "former_upn": ["X333210123002"],
    "dob": "2016-03-31",
    "sex": "F",
    "upn": "X333210123001",
}
BEN: Said = {"surname": "Testchild-Example", "forename": "Ben", "dob": "2018-01-02", "case_id": "theirs"}
CYD: Said = {"surname": "Testchild-Example", "forename": "Cyd", "dob": "2012-01-02", "upn": "X333210123003"}
WHOLE: Said = {
    "restriction": {"level": "none"},
    "child": CHILD,
    "sibling": [BEN, CYD],
    "school": [{"school_name": "Exampleton Primary", "lea": "333", "estab": "2001", "leaving_date": "2026-10-23"}],
    "destination_address": {"address_line": ["44 Placeholder Road"], "post_code": "WR1 9ZZ"},
    "destination_school": {"school_name": "Exampleton Primary", "entry_date": "2026-11-02"},
    "contact": [{"surname": "Testparent", "relationship": "mother", "phone_no": "01632 960103"}],
    "moved_on": "2026-10-24",
    "certainty": "confirmed",
    "cme_reason": "unknown",
    "needs": {"ehcp": "yes", "social_worker": {"name": "Wanda"}},
    "ground_for_deletion": {"letter": "D", "regulations": "2024"},
    "enquiry": [{"source": "school", "made_by": "Wanda"}],
    "ring": {"name": "Wanda"},
    "note": "What Wanda wrote",
}


def list_texts(typed: Any) -> Iterator[str]:
    if isinstance(typed, dict):
        for value in typed.values():
            yield from list_texts(value)
    elif isinstance(typed, list):
        for value in typed:
            yield from list_texts(value)
    else:
        yield str(typed)


def restricted(**changes: Any) -> Said:
    return {**WHOLE, "restriction": REFUGE | changes}


def test_the_child_siblings_and_schools_are_taken_over_and_nothing_that_somebody_decided_or_wrote() -> None:
    taken = fill_from_notice(WHOLE, FilledFrom.RECEIVED)
    assert taken.keys() == {"child", "sibling", "school"}
    assert taken["child"] == CHILD
    assert taken["school"] == WHOLE["school"]
    assert [sibling["forename"] for sibling in taken["sibling"]] == ["Ben", "Cyd"]
    # The case of a sibling was opened with somebody else.
    assert "theirs" not in list_texts(taken)
    assert not {"Wanda", "What Wanda wrote"} & set(list_texts(taken))


@pytest.mark.parametrize("source", [FilledFrom.RECEIVED, FilledFrom.SENT])
def test_a_withheld_address_is_withheld_in_the_new_notice_and_no_place_goes_with_it(source: FilledFrom) -> None:
    taken = fill_from_notice(restricted(), source)
    assert (taken["restriction"]["level"], taken["restriction"]["reason"]) == ("address-withheld", "refuge")
    assert not taken.keys() & set(WITHHELD)
    assert not set(SECRET) & set(list_texts(taken))
    # Who decided it here is asked, where another authority decided it.
    assert ("decided_by" in taken["restriction"]) == (source is FilledFrom.SENT)


@pytest.mark.parametrize("source", [FilledFrom.RECEIVED, FilledFrom.SENT])
def test_of_a_child_of_whom_only_calls_may_speak_nothing_but_that_is_taken_over(source: FilledFrom) -> None:
    taken = fill_from_notice(restricted(level="phone-only"), source)
    assert taken.keys() == {"restriction"}
    assert taken["restriction"]["level"] == "phone-only"
    assert list_siblings(restricted(level="phone-only")) == []


def test_a_restriction_that_is_not_complete_counts_as_the_stricter_one() -> None:
    for restriction in ({"level": "none", "reason": "refuge"}, {"reason": "refuge"}, {"level": "strange"}):
        for taken in (
            fill_from_notice({**WHOLE, "restriction": restriction}, FilledFrom.SENT),
            fill_for_sibling({**WHOLE, "restriction": restriction}, 0),
        ):
            assert taken["restriction"]["level"] == "address-withheld"
            assert not set(SECRET) & set(list_texts(taken))


@pytest.mark.parametrize("reason", NEW_IDENTITY)
def test_former_names_of_a_child_with_a_new_identity_are_not_taken_over(reason: str) -> None:
    taken = fill_from_notice(restricted(reason=reason), FilledFrom.SENT)
    assert not {"Formerly", "X333210123002"} & set(list_texts(taken))
    assert fill_from_notice(WHOLE, FilledFrom.SENT)["child"]["former_surname"] == "Formerly"


def test_a_sibling_gets_what_they_share_and_nothing_of_the_child_itself() -> None:
    taken = fill_for_sibling(WHOLE, 0)
    assert taken["child"] == {"surname": "Testchild-Example", "forename": "Ben", "dob": "2018-01-02"}
    assert [(it["forename"], it.get("upn")) for it in taken["sibling"]] == [
        ("Ada", "X333210123001"),
        ("Cyd", "X333210123003"),
    ]
    shared = ("destination_address", "contact", "moved_on", "certainty")
    assert {name: taken[name] for name in shared} == {name: WHOLE[name] for name in shared}
    assert taken["restriction"] == {"level": "none"}
    # The days at a school are the other child's; so is what is needed, and what was found out.
    assert taken["school"] == [{"school_name": "Exampleton Primary", "lea": "333", "estab": "2001"}]
    assert taken["destination_school"] == {"school_name": "Exampleton Primary"}
    assert not taken.keys() & {"needs", "enquiry", "ground_for_deletion", "cme_reason", "note", "ring"}


def test_a_sibling_of_a_withheld_child_is_withheld_by_the_same_decision_and_without_a_place() -> None:
    taken = fill_for_sibling(restricted(), 1)
    assert taken["restriction"] == REFUGE
    assert not set(SECRET) & set(list_texts(taken))


@pytest.mark.parametrize("kind", OPENS_A_CASE)
def test_what_is_taken_over_of_each_sample_makes_a_notice_of_each_kind(kind: MessageKind) -> None:
    for name in (
        "transfer-notice",
        "transfer-notice-siblings",
        "transfer-notice-restricted",
        "transfer-notice-phone-only",
        "whereabouts-enquiry",
        "whereabouts-unknown-notice",
    ):
        typed = to_text_fields(notice(name=name).body)
        taken = select_fitting(kind, fill_from_notice(typed, FilledFrom.RECEIVED))
        body, lacking = build_body(kind, taken)
        restriction = getattr(body, "restriction")  # noqa: B009 - each of these kinds has one
        level = typed["restriction"]["level"]
        assert restriction.level == level if level != "none" else "restriction.level" in lacking


def test_what_does_not_fit_into_a_notice_is_left_open() -> None:
    typed = {
        "child": {
            "surname": "x" * 151,
            "forename": "Ada\u200b",
            "dob": "31.3.2016",
            "sex": "Q",
            "upn": "X333210123001",
        },
        "sibling": [{"surname": "Example", "dob": "2016-03-31"}] * 20 + [{"surname": "y" * 151}],
        "destination_address": {"post_code": "WR1 9ZZ"},
        "unheard_of": "x",
    }
    assert select_fitting("TransferNotice", typed) == {
        "child": {"upn": "X333210123001"},
        "sibling": [{"surname": "Example", "dob": "2016-03-31"}] * 12,
        "destination_address": {"post_code": "WR1 9ZZ"},
    }
    assert "destination_address" not in select_fitting("WhereaboutsEnquiry", typed)


def test_the_pupil_index_fills_in_the_child_and_the_postcode_it_had() -> None:
    described = ComparedChild(
        surname="TESTCHILD",
        forename="ADA",
        other_surnames=(),
        other_forenames=(),
        middle_names=(),
        dob=date(2016, 3, 31),
        dob_estimated=True,
        sex="F",
        upns=("X333210123001", "X333210123002"),
        postcode="WR19ZZ",
    )
    fields = {"surname": "Testchild", "forename": "Ada", "nc_year": "5", "postcode": "wr1  9zz", "restricted": "n"}
    assert fill_from_pupil(fields, described) == {
        "child": {
            "surname": "Testchild",
            "forename": "Ada",
            "dob": "2016-03-31",
            "dob_estimated": "yes",
            "sex": "F",
            "upn": "X333210123001",
            "former_upn": ["X333210123002"],
            "nc_year_actual": "5",
        },
        "previous_address": {"post_code": "WR1 9ZZ"},
    }


def test_what_was_filled_in_is_marked_until_somebody_looked_at_it() -> None:
    filled = fill_in(FilledFrom.SENT, {"child": {"surname": "A", "forename": ""}, "sibling": [BEN]}, {"to": "885"})
    assert filled == FilledIn(FilledFrom.SENT, frozenset({"child.surname", "sibling", "to"}))
    assert filled.has_any(["child.forename", "child.surname"])
    looked = filled.check_off(["child.forename", "child.surname"])
    assert not looked.has_any(["child.surname"])
    assert looked.has_any(["sibling"])
    assert not NOTHING_FILLED.has_any(["child.surname"])


def test_each_source_is_said_in_words() -> None:
    assert {labels.explain_filled_in(source)[:15] for source in FilledFrom} == {"Filled in from "}
