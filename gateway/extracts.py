"""A file from ONE (or any other case system) to rows, one at a time: a CSV table, or a Common Transfer File.

The headings of a table are a setting ([one_columns]). A file is read as a stream, so a hundred megabytes of it take no more
memory than one row. That it is whole is known at its end: whoever acts on its rows reads it twice.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from itertools import chain
from typing import BinaryIO

from gateway.config import OneColumnsSettings
from gateway.errors import Unusable
from schemas import ctf
from schemas.findings import Unreadable

MAX_BYTES = 104_857_600
MAX_ROWS = 200_000
MAX_HEADINGS = 65_536  # characters in the first line
CHUNK = 1_048_576
SEPARATORS = ",;\t|"
UNSAID = "unsaid"  # in a row of a file that has no place for a restriction, as a CTF has none
MORE = ("destination_estab", "destination_school")  # that a CTF says, and no column
EMPTY = dict.fromkeys((*OneColumnsSettings.__dataclass_fields__, *MORE), "")
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
JOINED = "The file is of children who came (CMJ), and this one did not leave."

Row = Mapping[str, str]  # by our own names of the columns


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of which nothing can be made, and why."""

    reason: str


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
    text = io.TextIOWrapper(stream, _encoding(stream), errors="replace", newline="")
    first = text.readline(MAX_HEADINGS)
    separator = max(SEPARATORS, key=first.count)
    if separator not in first:
        raise _no_table("its first line does not hold headings with commas, semicolons or tabs between them")
    table = csv.reader(chain([first], text), delimiter=separator, strict=True)
    try:
        headings = [heading.strip().casefold() for heading in next(table)]
        at = _places(headings, columns)
        nothing = EMPTY if "restricted" in at else EMPTY | {UNSAID: "y"}
        for row in table:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) < len(headings):
                yield table.line_num, Unread("The row has fewer cells than there are headings.")
            elif any(row[len(headings) :]):
                yield table.line_num, Unread("The row has more cells than there are headings.")
            else:
                yield table.line_num, nothing | {name: " ".join(row[n].split()) for name, n in at.items()}
    except csv.Error:
        raise _no_table("it is not whole, or not written as CSV") from None
    finally:
        text.detach()  # the stream is its opener's to close


def _encoding(stream: BinaryIO) -> str:
    """How the text is written: as its mark says, or UTF-8 where it can be, or as Windows writes it."""
    head = stream.read(4)
    stream.seek(0)
    if head == b"PK\x03\x04":
        raise _no_table("it is a ZIP archive or an Excel file; export it as CSV")
    encoding = next((encoding for mark, encoding in BOMS if head.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
    try:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            if encoding is None and b"\0" in chunk:
                raise _no_table("it is not text, or UTF-16 without its mark; export it as UTF-8")
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if encoding is not None:
            raise _no_table("it is damaged: its text breaks off") from None
        return "cp1252"
    finally:
        stream.seek(0)
    return encoding or "utf-8"


def _places(headings: list[str], columns: OneColumnsSettings) -> dict[str, int]:
    wanted = asdict(columns)
    known = {name: heading.casefold() for name, heading in wanted.items() if heading.casefold() in headings}
    if missing := [wanted[name] for name in ("surname", "dob") if name not in known]:
        raise _no_table(
            f"it has no column {' and no column '.join(missing)}; [one_columns] says how columns are called"
        )
    if twice := [wanted[name] for name, heading in known.items() if headings.count(heading) > 1]:
        raise _no_table(f"it has two columns {twice[0]}, and which counts is not known")
    return {name: headings.index(heading) for name, heading in known.items()}


def _no_table(why: str) -> Unusable:
    return Unusable("one.not-a-table", f"The file cannot be read: {why}.", "Export it again as CSV; nothing was sent.")
