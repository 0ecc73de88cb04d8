"""A file from ONE (or any other case system) to rows, one at a time: a CSV table, or a Common Transfer File.

The headings of a table are a setting ([one_columns]). A file is read as a stream, so a hundred megabytes of it take no more
memory than one row. That it is whole is known at its end: whoever acts on its rows reads it twice.
"""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import BinaryIO

from gateway.errors import Unusable
from gateway.one import table
from gateway.one.table import MAX_ROWS, Cells, NotATable, Unread
from gateway.settings.sections import OneColumnsSettings
from schemas import ctf
from schemas.findings import Unreadable

MAX_BYTES = 104_857_600
UNSAID = "unsaid"  # in a row of a file that has no place for a restriction, as a CTF has none
MORE = ("destination_estab", "destination_school")  # that a CTF says, and no column
EMPTY = dict.fromkeys((*OneColumnsSettings.__dataclass_fields__, *MORE), "")
JOINED = "The file is of children who came (CMJ), and this one did not leave."

Row = Cells


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row of which nothing is to be made, and why."""

    reason: str


Rows = Iterator[tuple[int, Row | Unread | Ignored]]


def read(stream: BinaryIO, name: str, columns: OneColumnsSettings, today: date) -> Rows:
    """The rows of the file with this name: of a table with their lines, of a CTF with the number of the pupil.

    Raises Unusable, at the latest at its end, where it is no whole CTF, and no table with these columns.
    """
    if stream.seek(0, io.SEEK_END) > MAX_BYTES:
        raise _no_table("it is larger than 100 MB")
    stream.seek(0)
    head = stream.read(200)
    stream.seek(0)
    is_xml = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
    rows = _of_ctf(stream, name, today) if is_xml else _of_table(stream, columns)
    for count, row in enumerate(rows):
        if count == MAX_ROWS:
            raise _no_table(f"it holds more than {MAX_ROWS:,} rows")
        yield row


def _of_ctf(stream: BinaryIO, name: str, today: date) -> Rows:
    try:
        for one in ctf.read(stream, name, today=today):
            said = {name: str(value) for name, value in asdict(one).items() if name in EMPTY}
            yield one.number, Ignored(JOINED) if one.joiner else EMPTY | said | {UNSAID: "y"}
    except Unreadable as why:
        raise Unusable(why.code, why.problems[0].sentence, "Export it again; nothing was sent.") from None


def _of_table(stream: BinaryIO, columns: OneColumnsSettings) -> Rows:
    try:
        there, rows = table.read(
            stream, asdict(columns), needed=("surname", "dob"), section="one_columns", at_most=MAX_BYTES
        )
        nothing = EMPTY if "restricted" in there else EMPTY | {UNSAID: "y"}
        for line, row in rows:
            yield line, row if isinstance(row, Unread) else {**nothing, **row}
    except NotATable as why:
        raise _no_table(str(why)) from None


def _no_table(why: str) -> Unusable:
    return Unusable("one.not-a-table", f"The file cannot be read: {why}.", "Export it again as CSV; nothing was sent.")
