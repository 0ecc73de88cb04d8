"""How long what is missing has been waited for."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ageing import count_ages


def test_each_band_holds_its_days() -> None:
    found = count_ages([(0, False), (1, False), (2, True), (3, True), (5, True), (6, True), (10, True), (11, True)])
    assert [(one.band, one.in_time, one.late) for one in found] == [
        ("0 days", 1, 0),
        ("1 day", 1, 0),
        ("2 days", 0, 1),
        ("3 to 5 days", 0, 2),
        ("6 to 10 days", 0, 2),
        ("more than 10", 0, 1),
    ]


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans())))
def test_nobody_is_counted_twice_or_left_out(waited: list[tuple[int, bool]]) -> None:
    found = count_ages(waited)
    assert sum(one.in_time + one.late for one in found) == len(waited)
    assert sum(one.late for one in found) == sum(late for _, late in waited)
