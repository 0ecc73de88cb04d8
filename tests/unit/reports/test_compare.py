"""A report beside that of the month before gives away no more than the two do."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.calendar import Span
from gateway.core.small_numbers import SIGN
from gateway.paper.page import Cell, Column, ReportPage, ReportTable
from gateway.reports.compare import build_comparison, find_span_before

CELLS: st.SearchStrategy[Cell] = st.one_of(st.integers(0, 99), st.just(SIGN), st.just("83 %"), st.just("-"))
DAYS = Span(date(2026, 10, 1), date(2026, 10, 31))


def page(titles: list[str], totals: list[Cell]) -> ReportPage:
    """A report whose tables have this row of totals each."""
    columns = [Column("Authority"), *(Column(f"C{n}", number=True) for n in range(len(totals)))]
    rows = [("Leeds (383)", *totals), ("All", *totals)]
    return ReportPage("R", "A", "P", (), [ReportTable(title, columns, rows, total=True) for title in titles])


@given(st.lists(CELLS, min_size=1, max_size=4), st.lists(CELLS, min_size=1, max_size=4))
def test_a_change_is_given_only_where_both_numbers_are_shown(now: list[Cell], before: list[Cell]) -> None:
    rows = build_comparison(page(["One", "Two"], now), page(["Two", "Three"], before), DAYS).rows
    assert len(rows) == 2 * len(now)
    for number, (name, value, earlier, change) in enumerate(rows):
        assert value == now[number % len(now)]
        at = number % len(now)
        known = before[at] if str(name).startswith("Two") and at < len(before) else "-"
        assert earlier == known
        assert (change != "-") == (isinstance(value, int) and isinstance(known, int))
        if isinstance(value, int) and isinstance(known, int):
            assert int(change) == value - known


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(0, 70))
def test_the_month_before_is_that_of_a_month_from_its_first_day(first: date, more: int) -> None:
    last = first + timedelta(days=more)
    before = find_span_before(Span(first, last))
    if first.day != 1 or (last.year, last.month) != (first.year, first.month):
        assert before is None
    else:
        assert before is not None
        assert (before.last + timedelta(days=1), before.first.day) == (first, 1)
