"""Counts of notices sent and received, as tables; in what leaves the team small numbers are hidden in all of them
together.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.message_name import DIRECTIONS, Direction
from gateway.core.small_numbers import SIGN, SMALL, Cell, Grid, add_totals, find_hidden_cells
from gateway.paper.page import Column, ReportTable

COLUMNS = (Column("Sent", True), Column("Received", True), Column("Total", True, "Together"))
ALL = "All"

# By what is counted, and the direction.
Tally = Counter[tuple[str, Direction]]


@dataclass(frozen=True, slots=True)
class CountTable:
    """How many were sent and received of each.

    `part_of`: the row of the first table that it adds up to; None: rows overlap.
    """

    title: str
    heading: str
    labels: Sequence[str]
    grid: Sequence[tuple[int, int]]
    part_of: int | None = None
    note: str = ""
    key: str = ""


def build_counts(
    title: str,
    heading: str,
    labels: Mapping[str, str],
    pairs: Iterable[tuple[str, Direction]],
    *,
    part_of: int | None = None,
    note: str = "",
    key: str = "",
) -> CountTable:
    """Count pairs of a code and a direction, by the codes of `labels`, in their order.

    `key`: the heading's name in JSON.
    """
    tally = Tally(pairs)
    sent, received = DIRECTIONS
    grid = [(tally[code, sent], tally[code, received]) for code in labels]
    return CountTable(title, heading, tuple(labels.values()), grid, part_of, note, key)


def build_count_tables(first: CountTable, others: Sequence[CountTable], *, whole: bool) -> Iterator[ReportTable]:
    """Build all as tables. Unless they are `whole`, small numbers are hidden so that no table gives away another's."""
    grid = add_totals(first.grid)
    gone = frozenset[Cell]() if whole else find_hidden_cells(grid)
    yield _build_table(first, grid, gone)
    for other_counts in others:
        if other_counts.part_of is None:
            yield _build_table(
                other_counts, other_counts.grid, frozenset() if whole else _small_cells(other_counts.grid)
            )
        else:
            cells = add_totals(other_counts.grid)
            yield _build_table(
                other_counts,
                cells,
                frozenset() if whole or not other_counts.grid else _hide_linked(other_counts.part_of, cells, gone),
            )


def _hide_linked(row: int, grid: Grid, gone: Collection[Cell]) -> frozenset[Cell]:
    """Hide cells where the totals of this table are a row of the first, and stand here as they stand there."""
    last = len(grid) - 1
    given = {(last, column) for r, column in gone if r == row}
    shown = {(last, column) for column in range(len(grid[last]))} - given
    return find_hidden_cells(grid, given=given, shown=shown)


def _small_cells(grid: Grid) -> frozenset[Cell]:
    return frozenset((r, c) for r, row in enumerate(grid) for c, count in enumerate(row) if count in SMALL)


def _build_table(counts: CountTable, grid: Grid, gone: Collection[Cell]) -> ReportTable:
    adds_up = len(grid) > len(counts.grid)
    labels = (*counts.labels, ALL) if adds_up else counts.labels
    rows = [
        (label, *(SIGN if (r, c) in gone else count for c, count in enumerate(row)))
        for r, (label, row) in enumerate(zip(labels, grid, strict=True))
    ]
    columns = [Column(counts.heading, key=counts.key), *COLUMNS[: 3 if adds_up else 2]]
    return ReportTable(counts.title, columns, rows if counts.labels else (), counts.note, total=adds_up)
