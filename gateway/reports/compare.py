"""A report beside that of the month before: its totals, as each of the two shows them.

Nothing is counted again: a number that is hidden in one of the two is hidden here, so nothing more is given away than
by the two reports themselves.
"""

from collections.abc import Iterator

from gateway.core.calendar import Span
from gateway.core.periods import get_month, get_month_before
from gateway.paper.page import Cell, Column, ReportPage, ReportTable
from gateway.reports.wording import format_period

NOTHING = "-"


def find_span_before(days: Span) -> Span | None:
    """Return the month before a calendar month, whole or so far; None for other days."""
    month = get_month(days.first.year, days.first.month)
    return get_month_before(days.first) if days.first == month.first and days.last <= month.last else None


def build_comparison(now: ReportPage, before: ReportPage, days: Span) -> ReportTable:
    """Build the table: each total of the report, and the same of the days before."""
    earlier = dict(_list_totals(before))
    rows = [
        (name, value, earlier.get(name, NOTHING), _format_change(value, earlier.get(name)))
        for name, value in _list_totals(now)
    ]
    columns = (
        Column("Total"),
        Column("This period", number=True),
        Column("Month before", number=True),
        Column("Change", number=True),
    )
    note = f"The month before: {format_period(days)}. A change is given only where both numbers are shown."
    return ReportTable("Compared with the month before", columns, rows, note)


def _list_totals(page: ReportPage) -> Iterator[tuple[str, Cell]]:
    """Yield every cell of each row of totals; of a table without any rows, nothing."""
    for table in page.tables:
        if table.total and table.rows:
            for column, cell in zip(table.columns[1:], table.rows[-1][1:], strict=True):
                yield f"{table.title}: {column.heading.lower()}", cell


def _format_change(value: Cell, earlier: Cell | None) -> str:
    if isinstance(value, int) and isinstance(earlier, int):
        return f"{value - earlier:+d}" if value != earlier else "0"
    return NOTHING
