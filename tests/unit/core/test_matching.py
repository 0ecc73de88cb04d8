"""Matching holds its goal on an invented population, for each kind of error; twins and siblings are not each other."""

from dataclasses import replace
from datetime import date, timedelta
from math import log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import blocking, matching
from gateway.core.child import ComparedChild
from gateway.core.dates_of_birth import compare_dobs
from gateway.core.labels_en import MATCH_REASONS
from gateway.core.matching import ChildMatch
from gateway.core.rarity import NameCounts
from tests.population import KINDS, Town
from tests.pupil_index import MemoryIndex

SIZE, SEED = 10_000, 7
ADA = ComparedChild(
    surname="testchild example",
    forename="ada",
    other_surnames=(),
    other_forenames=(),
    middle_names=("sample",),
    dob=date(2014, 3, 5),
    dob_estimated=False,
    sex="F",
    upns=("X333210123001",),
    postcode="B708SZ",
)
NO_UPN = replace(ADA, upns=())


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(SIZE, SEED)


@pytest.fixture(scope="module")
def index(town: Town) -> MemoryIndex:
    return MemoryIndex(town.children)


def test_the_goal_holds_of_ten_thousand_children(town: Town, index: MemoryIndex) -> None:
    """Of a hundred children who are here ninety-eight are found; of a hundred searches two show somebody else."""
    searches = town.searches(known=600, elsewhere=2400)
    shown = [(one, index.show(one.child)[0]) for one in searches]
    found = sum(one.meant in some for one, some in shown if one.meant is not None)
    false = sum(number != one.meant for one, some in shown for number in some)
    assert found / 600 >= 0.98
    assert false / len(searches) <= 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_is_seen_through(town: Town, index: MemoryIndex, kind: str) -> None:
    asked = [town.search(kind) for _ in range(40)]
    found = sum(one.meant in index.show(one.child)[0] for one in asked)
    assert found >= (30 if kind in ("typing error, and a digit", "estimated date") else 37)


def test_every_reason_that_is_given_has_its_sentence(town: Town, index: MemoryIndex) -> None:
    given_ = {r for one in town.searches(300, 300) for m in index.show(one.child)[0].values() for r in m.reasons}
    assert given_ <= MATCH_REASONS.keys()


def match(sought: ComparedChild, ours: ComparedChild = ADA) -> ChildMatch:
    return matching.match_child(sought, ours, count_names(1), blocking.pair_count_key(ours))


def count_names(bearers: int) -> NameCounts:
    """A hundred thousand children, of whom so many bear each name of ours."""
    return NameCounts(100_000, dict.fromkeys(blocking.count_keys(ADA), bearers))


@pytest.mark.parametrize(
    ("sought", "reason"),
    [
        (ADA, "upn"),
        (replace(ADA, upns=("A330210123001", "X333210123001")), "upn-former"),
        (replace(ADA, upns=("X333210123007",)), "upn-slip"),
        (NO_UPN, "dob"),
        (replace(NO_UPN, dob=date(2014, 5, 3)), "dob-swapped"),
        (replace(NO_UPN, dob=date(2014, 3, 6)), "dob-digit"),
        (replace(NO_UPN, dob=date(2015, 3, 5)), "dob-digit"),
        (replace(NO_UPN, dob=date(2014, 1, 1), dob_estimated=True), "dob-estimated"),
        (replace(NO_UPN, surname="example"), "surname-part"),
        (replace(NO_UPN, surname="renamed", other_surnames=("testchild example",)), "surname-known-as"),
        (replace(NO_UPN, surname="testchildexbmple"), "surname-slip"),
        (replace(NO_UPN, forename="sample"), "forename-known-as"),
        (replace(NO_UPN, surname="ada", forename="testchild example"), "names-swapped"),
        (replace(ADA, surname="ada", forename=""), "one-name"),
        (replace(NO_UPN, forename="a", postcode=""), "forename-initial"),
    ],
)
def test_the_same_child_is_found_and_the_reason_said(sought: ComparedChild, reason: str) -> None:
    found = match(sought)
    assert found.strength >= matching.MATCH
    assert reason in found.reasons


@pytest.mark.parametrize("upns", [(), ("L330345624117",)])
def test_a_sibling_at_the_same_address_is_no_match(upns: tuple[str, ...]) -> None:
    born = ADA.dob + timedelta(days=700)
    found = match(replace(ADA, forename="ben", middle_names=("sample",), dob=born, upns=upns))
    assert found.strength <= matching.SIBLING < matching.MATCH
    assert found.reasons[-1] == "sibling"


@pytest.mark.parametrize("changed", [{"upns": ("L330345624117",)}, {"upns": (), "sex": "M"}])
def test_a_twin_of_another_upn_or_sex_is_no_match(changed: dict[str, Any]) -> None:
    found = match(replace(ADA, forename="ben", middle_names=("sample",), **changed))
    assert found.strength <= matching.SIBLING < matching.MATCH
    assert found.reasons[-1] == "sibling"


@pytest.mark.parametrize(("bearers", "shown"), [(1, True), (3000, False)])
def test_a_rare_surname_and_the_same_day_show_the_child_or_a_twin(bearers: int, shown: bool) -> None:
    sought = replace(NO_UPN, forename="ben", middle_names=(), postcode="")
    found = matching.match_child(sought, ADA, count_names(bearers), blocking.pair_count_key(ADA))
    assert (found.strength >= matching.MATCH) is shown
    assert found.reasons[-1] == "twin"


def test_a_child_of_another_name_born_on_the_same_day_is_nobody() -> None:
    assert match(replace(NO_UPN, surname="specimen", forename="cyd", middle_names=())).strength < matching.CAUTIOUS


@pytest.mark.parametrize(("bearers", "looked_at"), [(1, True), (20, False)])
def test_the_only_bearer_of_both_names_is_looked_at_where_only_the_year_of_birth_agrees(
    bearers: int, looked_at: bool
) -> None:
    sought = replace(NO_UPN, dob=date(2014, 9, 27), middle_names=(), postcode="")
    found = matching.match_child(sought, ADA, count_names(bearers), blocking.pair_count_key(ADA))
    assert (matching.CAUTIOUS <= found.strength < matching.MATCH) is looked_at


def test_a_slip_in_the_date_says_less_where_the_upn_is_another() -> None:
    slip = replace(NO_UPN, dob=date(2014, 3, 6), postcode="")
    alone, beside = (find_bits(replace(slip, upns=upns)) for upns in ((), ("L330345624117",)))
    assert alone - beside == pytest.approx(matching.SLIP_BESIDE - matching.UPN_OTHER)


def find_bits(sought: ComparedChild) -> float:
    """How far above the threshold a search for this child finds Ada, of whose names twenty others bear each."""
    strength = matching.match_child(sought, ADA, count_names(20), blocking.pair_count_key(ADA)).strength
    return -2 * log2(1 / strength - 1)


def test_a_common_name_says_less_than_a_rare_one() -> None:
    sought = replace(NO_UPN, dob=date(2014, 3, 6), postcode="")
    rare, common = (
        matching.match_child(sought, ADA, count_names(n), blocking.pair_count_key(ADA)).strength for n in (1, 1000)
    )
    assert common < matching.MATCH < rare


@given(st.dates(date(2005, 1, 1), date(2026, 1, 1)), st.dates(date(2005, 1, 1), date(2026, 1, 1)), st.booleans())
def test_dates_of_birth_compare_either_way_round(one: date, other: date, estimated: bool) -> None:
    said = compare_dobs(one, other, estimated=estimated)
    assert said == compare_dobs(other, one, estimated=estimated)
    assert said in MATCH_REASONS
