"""Counts of notices sent and received, as tables; in what leaves the team small numbers are hidden in all of them together."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.small_numbers import SIGN, SMALL, Cell, Grid, hidden, with_totals
from gateway.paper.page import Column, Table

DIRECTIONS = ("sent", "received")
COLUMNS = (Column("Sent", True), Column("Received", True), Column("Total", True, "Together"))
ALL = "All"
HIDDEN = '"c" means a number from 1 to 5, or one hidden to protect it. Do not share two reports with overlapping dates.'
FOR_THE_TEAM = (
    "FOR YOUR TEAM ONLY. Numbers from 1 to 5 could identify a child. Do not share this report outside your team."
)

Tally = Counter[tuple[str, str]]  # by what is counted, and the direction


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were sent and received of each. `part_of`: the row of the first table that it adds up to; None: rows overlap."""

    title: str
    heading: str
    labels: Sequence[str]
    grid: Sequence[tuple[int, int]]
    part_of: int | None = None
    note: str = ""
    key: str = ""


def counted(
    title: str,
    heading: str,
    labels: Mapping[str, str],
    found: Iterable[tuple[str, str]],
    *,
    part_of: int | None = None,
    note: str = "",
    key: str = "",
) -> Counts:
    """Count pairs of a code and a direction, by the codes of `labels`, in their order. `key`: the heading's name in JSON."""
    tally = Tally(found)
    sent, received = DIRECTIONS
    grid = [(tally[code, sent], tally[code, received]) for code in labels]
    return Counts(title, heading, tuple(labels.values()), grid, part_of, note, key)


def tables(first: Counts, others: Sequence[Counts], *, whole: bool) -> Iterator[Table]:
    """All as tables. Unless they are shown `whole`, small numbers are hidden so that no table gives away another's."""
    grid = with_totals(first.grid)
    gone = frozenset[Cell]() if whole else hidden(grid)
    yield _table(first, grid, gone)
    for one in others:
        if one.part_of is None:
            yield _table(one, one.grid, frozenset() if whole else _small(one.grid))
        else:
            cells = with_totals(one.grid)
            yield _table(one, cells, frozenset() if whole or not one.grid else _linked(one.part_of, cells, gone))


def _linked(row: int, grid: Grid, gone: Collection[Cell]) -> frozenset[Cell]:
    """The totals of this table are a row of the first, and stand here as they stand there."""
    last = len(grid) - 1
    given = {(last, column) for r, column in gone if r == row}
    shown = {(last, column) for column in range(len(grid[last]))} - given
    return hidden(grid, given=given, shown=shown)


def _small(grid: Grid) -> frozenset[Cell]:
    return frozenset((r, c) for r, row in enumerate(grid) for c, count in enumerate(row) if count in SMALL)


def _table(counts: Counts, grid: Grid, gone: Collection[Cell]) -> Table:
    adds_up = len(grid) > len(counts.grid)
    labels = (*counts.labels, ALL) if adds_up else counts.labels
    rows = [
        (label, *(SIGN if (r, c) in gone else count for c, count in enumerate(row)))
        for r, (label, row) in enumerate(zip(labels, grid, strict=True))
    ]
    columns = [Column(counts.heading, key=counts.key), *COLUMNS[: 3 if adds_up else 2]]
    return Table(counts.title, columns, rows if counts.labels else (), counts.note, total=adds_up)
