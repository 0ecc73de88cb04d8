"""A file from ONE (or any other case system) to rows, one at a time: a CSV table, or a Common Transfer File.

The headings of a table are a setting ([one_columns]). A file is read as a stream, so a hundred megabytes of it take no
more memory than one row. That it is whole is known at its end: whoever acts on its rows reads it twice.
"""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import BinaryIO

from gateway.errors import Unusable
from gateway.one import cells, table
from gateway.one.table import MAX_ROWS, Cells, ExtractTable, Headings, NotATable, Unread
from gateway.settings.sections import OneColumnsSettings
from schemas import ctf
from schemas.days import could_be_either, is_month_first
from schemas.findings import Unreadable

MAX_BYTES = 104_857_600
# In a row of a file that has no place for a restriction, as a CTF has none.
UNSAID = "unsaid"
# In a row at which an officer must look, and why.
DOUBT = "doubt"
# Cells in which a machine may have written that there is nothing, and which go out as they are otherwise
MAY_BE_NOTHING = (
    *("upn", "sex", "nc_year", "left_on", "new_address", "new_postcode", "old_address", "old_postcode"),
    *("school_lea", "school_estab", "school_name", "ground", "destination_estab", "destination_school"),
)
NAMES = ("surname", "forename")
DAYS = ("dob", "left_on")
# The columns that say something of a leaver; the others are of the extract of all children
OF_LEAVERS = tuple(OneColumnsSettings.__dataclass_fields__)[
    : list(OneColumnsSettings.__dataclass_fields__).index("former_upn")
]
# That a CTF says, and no column.
MORE = ("destination_estab", "destination_school")
EMPTY = dict.fromkeys((*OneColumnsSettings.__dataclass_fields__, *MORE), "")
JOINED = "The file is about children who joined (CMJ). This child did not leave."

Row = Cells


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row of which nothing is to be made, and why."""

    reason: str


Rows = Iterator[tuple[int, Row | Unread | Ignored]]


def read(
    stream: BinaryIO,
    name: str,
    columns: OneColumnsSettings,
    today: date,
    *,
    judged: bool = True,
    month_first: bool = False,
) -> Rows:
    """Return the rows of the file with this name: of a table with their lines, of a CTF with the number of the pupil.

    `judged`: with what an officer must look at; without, it is only whether the file is whole that is asked.
    `month_first`: some row of it writes the month before the day (`writes_month_first`).

    Raises Unusable, at the latest at its end, where it is no whole CTF, and no table with these columns.
    """
    if stream.seek(0, io.SEEK_END) > MAX_BYTES:
        raise _no_table("it is larger than 100 MB")
    rows = (
        _of_ctf(stream, name, today)
        if _is_xml(stream)
        else _of_table(stream, columns, judged=judged, month_first=month_first)
    )
    for count, row in enumerate(rows):
        if count == MAX_ROWS:
            raise _no_table(f"it holds more than {MAX_ROWS:,} rows")
        yield row


def read_headings(stream: BinaryIO, columns: OneColumnsSettings) -> Headings | None:
    """Say what stands over the columns of a table; None for a CTF, which has none. Raises Unusable."""
    if stream.seek(0, io.SEEK_END) > MAX_BYTES or _is_xml(stream):
        # What is too large is said when it is read.
        return None
    try:
        return _open_table(stream, columns).headings
    except NotATable as why:
        raise _no_table(str(why)) from None


def writes_month_first(row: Row | Unread | Ignored) -> bool:
    """Does this row show that the days of its file are written with the month first?"""
    return not isinstance(row, Unread | Ignored) and any(is_month_first(row.get(name, "")) for name in DAYS)


def _is_xml(stream: BinaryIO) -> bool:
    stream.seek(0)
    head = stream.read(200)
    stream.seek(0)
    return head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")


def _of_ctf(stream: BinaryIO, name: str, today: date) -> Rows:
    try:
        for leaver in ctf.read(stream, name, today=today):
            values = {name: cells.clean_cell(str(value)) for name, value in asdict(leaver).items() if name in EMPTY}
            row = EMPTY | values | {UNSAID: "y"}
            yield leaver.number, Ignored(JOINED) if leaver.joiner else _doubted(row)
    except Unreadable as why:
        raise Unusable(why.code, problem=why.problems[0].sentence) from None


def _open_table(stream: BinaryIO, columns: OneColumnsSettings) -> ExtractTable:
    return table.read(
        stream,
        asdict(columns),
        needed=("surname", "dob"),
        section="one_columns",
        at_most=MAX_BYTES,
        names=NAMES,
    )


def _of_table(stream: BinaryIO, columns: OneColumnsSettings, *, judged: bool, month_first: bool) -> Rows:
    try:
        opened = _open_table(stream, columns)
        there = "restricted" in opened.headings.known
        # a row that leaves the cell out says nothing of it, whatever the setting is for files without that column
        nothing = EMPTY | ({"restricted": cells.NO_CELL} if there else {UNSAID: "y"})
        for line, row in opened.rows:
            if isinstance(row, Unread) or not judged:
                yield line, row
                continue
            read = _doubted({**nothing, **row}, opened)
            if month_first and any(could_be_either(read[name]) for name in DAYS):
                read = {**read, DOUBT: cells.MONTH_FIRST}
            yield line, read
    except NotATable as why:
        raise _no_table(str(why)) from None


def _doubted(row: dict[str, str], opened: ExtractTable | None = None) -> Row:
    """Return the row without what a machine wrote for nothing; and why an officer must look at it, if one must."""
    names = [row[name] for name in NAMES]
    others = [row[name] for name in MAY_BE_NOTHING if row[name]]
    doubt = cells.find_doubt(names, others, guessed=opened is not None and opened.guessed)
    if opened is not None and opened.doubted and not all(text.isascii() for text in (*names, *others)):
        doubt = cells.WRITTEN
    cleaned = {name: cells.blank_if_machine_written(row[name]) for name in MAY_BE_NOTHING}
    return row | cleaned | ({DOUBT: doubt} if doubt else {})


def _no_table(why: str) -> Unusable:
    return Unusable("one.not-a-table", why=why)
