"""Figures of a report, and the days that it is about."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import figures
from gateway.core.calendar import Span
from gateway.core.periods import get_moments, get_month, get_month_before
from schemas import codes


@pytest.mark.parametrize(
    ("since", "band"),
    [
        (date(2026, 11, 30), "under-2-weeks"),
        (date(2026, 11, 17), "under-2-weeks"),
        (date(2026, 11, 16), "2-to-4-weeks"),
        (date(2026, 11, 2), "4-to-8-weeks"),
        (date(2025, 12, 2), "26-to-52-weeks"),
        (date(2025, 12, 1), "over-52-weeks"),
        (date(2026, 12, 1), "unknown"),
        (None, "unknown"),
    ],
)
def test_a_duration_lies_in_one_of_dfes_bands(since: date | None, band: str) -> None:
    assert figures.find_duration_band(since, date(2026, 11, 30)) == band


def test_the_bands_are_those_of_the_code_list() -> None:
    ours = [code for _, code in figures.BANDS] + [figures.LONGEST, figures.NOT_KNOWN]
    assert ours == list(codes.get_labels("durations"))


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(0, 100))
def test_a_percentile_is_one_of_the_values_and_not_exceeded_by_so_many(values: list[int], percent: int) -> None:
    found = figures.find_percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)


def test_of_nothing_there_is_no_percentile() -> None:
    assert figures.find_percentile([], 50) is None
    assert figures.find_percentile([1, 2, 3, 4], 50) == 2


def test_a_month_begins_and_ends_at_midnight_in_london() -> None:
    assert get_moments(get_month(2026, 6)) == (
        datetime(2026, 5, 31, 23, tzinfo=UTC),
        datetime(2026, 6, 30, 23, tzinfo=UTC),
    )
    assert get_month(2026, 12) == Span(date(2026, 12, 1), date(2026, 12, 31))
    assert get_month_before(date(2026, 1, 20)) == get_month(2025, 12)
