"""A page as CSV that Excel opens as it is meant: UTF-8 with its mark, and every cell quoted.

A cell that a spreadsheet would take for a formula gets an apostrophe before it: some of the text comes from other
authorities.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from gateway.paper.page import Cell, ReportPage, ReportTable
from schemas.hidden_signs import show_hidden

FORMULA = frozenset("=+-@\t\r")
BOM = "\ufeff"


def write(page: ReportPage) -> bytes:
    """One table as it is; of several one value a line: the table, the row, the column, the value."""
    text = io.StringIO(BOM, newline="")
    text.seek(len(BOM))
    lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for line in _as_it_is(page.tables[0]) if len(page.tables) == 1 else _long(page.tables):
        lines.writerow(map(defuse_cell, line))
    return text.getvalue().encode()


def defuse_cell(cell: Cell) -> str:
    """Return the cell as text that no spreadsheet reckons with, and in which nothing is hidden."""
    text = show_hidden(str(cell))
    return f"'{text}" if text[:1] in FORMULA else text


def _as_it_is(table: ReportTable) -> Iterator[Sequence[Cell]]:
    yield [column.heading for column in table.columns]
    yield from table.rows


def _long(tables: Sequence[ReportTable]) -> Iterator[Sequence[Cell]]:
    yield ("Table", "Row", "Column", "Value")
    for table in tables:
        for name, *cells in table.rows:
            for column, cell in zip(table.columns[1:], cells, strict=True):
                yield (table.title, name, column.heading, cell)
