"""A page before it has a form: a title, what it is about, tables and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.paper.bars import Bars

MARKING = "OFFICIAL-SENSITIVE"

Cell = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; `number`: its cells are set to the right; `key`: its name in JSON, where that is not the heading."""

    heading: str
    number: bool = False
    key: str = ""

    @property
    def name(self) -> str:
        """Return the name in JSON, which stays as it is when the heading gets better words."""
        return self.key or self.heading


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows under their headings. The first cell of each row names the row. `total`: the last row sums the others up."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    total: bool = False
    picture: Bars | None = None  # the same figures, shown above the table
    marked: frozenset[int] = frozenset()  # rows that ask for somebody's attention, by number


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What is printed on one page or many."""

    title: str
    authority: str  # whose page it is
    about: str  # the period, or the moment
    notes: Sequence[str]
    tables: Sequence[ReportTable]
