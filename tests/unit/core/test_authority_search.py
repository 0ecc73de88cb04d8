"""Which authority somebody means: its name in any spelling, its code, a part of either, or the name of one before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.authority_search import MOST_FOUND, find_authorities, find_exact_authority
from schemas import codes

LIVE = [*codes.get_labels("authorities_live"), *codes.get_labels("authorities_wales")]


@pytest.mark.parametrize("code", LIVE)
def test_each_is_exactly_found_by_its_name_its_code_and_its_entry_in_a_list(code: str) -> None:
    name = codes.authority_name(code) or ""
    for text in (name, name.upper(), f"  {name} ", code, f"{name} ({code})", f"{name} ({code}) - by email only"):
        assert find_exact_authority(text, LIVE) == code
    assert code in [found.code for found in find_authorities(name, LIVE)]
    assert find_exact_authority(code, [other for other in LIVE if other != code]) is None


@pytest.mark.parametrize("ended", codes.list_rows("authorities_ended"), ids=lambda row: row["code"])
def test_each_that_ended_leads_to_those_that_replaced_it(ended: dict[str, str]) -> None:
    found = find_authorities(ended["label"], LIVE)
    assert found
    assert all(authority.code in LIVE for authority in found)
    assert set(LIVE) & set(ended["successors"].split()) <= {authority.code for authority in found}


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("worc", "885"),
        ("st helens", "342"),
        ("bristol", "801"),
        ("hull", "810"),
        ("brighton & hove", "846"),
        ("poole", "839"),
        ("Worcestshire", "885"),
        ("anglesea", "660"),
        ("88", "880"),
    ],
)
def test_a_part_of_a_name_or_a_slip_of_the_pen_finds_it(typed: str, first: str) -> None:
    assert find_authorities(typed, LIVE)[0].code == first


@given(st.text(max_size=300))
def test_whatever_is_typed_is_answered_by_a_short_list(typed: str) -> None:
    assert len(find_authorities(typed, LIVE)) <= MOST_FOUND
    exact = find_exact_authority(typed, LIVE)
    assert exact is None or exact in LIVE
