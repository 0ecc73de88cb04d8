"""Marks: the same for the same term under one ring, and nothing to anybody else."""

from hypothesis import given
from hypothesis import strategies as st

from keys import blind
from tests.unit.keys.parties import party

SANDWELL, SOLIHULL = party("333").ring, party("334").ring
TERM = st.tuples(st.sampled_from(("surname", "forename", "upn")), st.text(max_size=30))


@given(TERM, TERM)
def test_a_mark_is_of_one_kind_one_value_and_one_ring(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (blind.compute_marks([one], SANDWELL) == blind.compute_marks([other], SANDWELL)) == (one == other)
    assert blind.compute_marks([one], SANDWELL) != blind.compute_marks([one], SOLIHULL)


@given(st.lists(TERM))
def test_marks_are_numbers_that_a_database_can_keep_in_order_and_once(terms: list[tuple[str, str]]) -> None:
    marks = blind.compute_marks(terms, SANDWELL)
    assert list(marks) == sorted(set(marks))
    assert len(marks) == len(set(terms))
    assert all(-(2**63) <= mark < 2**63 for mark in marks)
