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
    # The same figures, shown above the table.
    picture: Bars | None = None
    # Rows that ask for somebody's attention, by number.
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What is printed on one page or many."""

    title: str
    # Whose page it is.
    authority: str
    # The period, or the moment.
    about: str
    notes: Sequence[str]
    tables: Sequence[ReportTable]
