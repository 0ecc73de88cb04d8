"""A table as a case system exports it: CSV, whose headings are a setting, read as a stream.

A hundred megabytes of it take no more memory than one row. That it is whole is known at its end: whoever acts on its rows
reads it twice.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import _csv

MAX_ROWS = 200_000
MAX_ROW = 65_536  # characters of one row, with the lines within it
MAX_LINES = 1_000_000  # empty ones and those within cells too
MAX_HEADINGS = 65_536  # characters in the first line
CHUNK = 1_048_576
SEPARATORS = ",;\t|"
UTF8 = b"\xef\xbb\xbf"
BOMS = ((UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class NotATable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why the file cannot be read, to follow a colon."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of which nothing can be made, and why."""

    reason: str


Cells = Mapping[str, str]  # by our own names of the columns
Rows = Iterator[tuple[int, Cells | Unread]]  # each with its line


def read(
    stream: BinaryIO, columns: Mapping[str, str], *, needed: Sequence[str], section: str, at_most: int
) -> tuple[frozenset[str], Rows]:
    """The columns that are there, by our own names, and the rows. `section` says how columns are called.

    Raises NotATable: at once where the headings do not serve or there are more bytes than `at_most`, at the latest at the end.
    """
    if stream.seek(0, io.SEEK_END) > at_most:
        raise NotATable(f"it is larger than {at_most >> 20} MB")
    stream.seek(0)
    text = io.TextIOWrapper(stream, _encoding(stream), errors="replace", newline="")
    try:
        first = text.readline(MAX_HEADINGS)
        separator = max(SEPARATORS, key=first.count)
        if separator not in first:
            raise NotATable("its first line does not hold headings with commas, semicolons or tabs between them")
        lines = _Lines(chain([first], iter(lambda: text.readline(MAX_ROW + 1), "")))
        table = csv.reader(lines, delimiter=separator, strict=True)
        headings = [heading.strip().casefold() for heading in _next(table, lines)]
        at = _places(headings, columns, needed, section)
    except BaseException:
        text.detach()  # the stream is its opener's to close
        raise
    return frozenset(at), _rows(text, table, lines, len(headings), at)


class _Lines:
    """The lines of a table, bounded: a row is made of them at once, whatever it holds, and nothing else runs meanwhile."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._left, self._count = lines, MAX_ROW, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._left -= len(line)
        self._count += 1
        if self._left < 0:
            raise NotATable(f"a row of it holds more than {MAX_ROW:,} characters")
        if self._count > MAX_LINES:
            raise NotATable(f"it holds more than {MAX_LINES:,} lines")
        return line

    def end_row(self) -> None:
        """What follows is another row."""
        self._left = MAX_ROW


def _rows(text: io.TextIOWrapper, table: "_csv.Reader", lines: _Lines, width: int, at: Mapping[str, int]) -> Rows:
    count = 0
    try:
        while row := _next(table, lines):
            if not any(cell.strip() for cell in row):
                continue
            if (count := count + 1) > MAX_ROWS:
                raise NotATable(f"it holds more than {MAX_ROWS:,} rows")
            if len(row) < width:
                yield table.line_num, Unread("The row has fewer cells than there are headings.")
            elif any(row[width:]):
                yield table.line_num, Unread("The row has more cells than there are headings.")
            else:
                yield table.line_num, {name: " ".join(row[n].split()) for name, n in at.items()}
    finally:
        text.detach()


def _next(table: "_csv.Reader", lines: _Lines) -> list[str]:
    """The next row; empty at the end."""
    try:
        for row in table:
            lines.end_row()
            if row:
                return row
        return []
    except csv.Error:
        raise NotATable("it is not whole, or not written as CSV") from None


def _encoding(stream: BinaryIO) -> str:
    """How the text is written: as its mark says, or UTF-8 where it can be, or as Windows writes it."""
    head = stream.read(4)
    stream.seek(0)
    if head == b"PK\x03\x04":
        raise NotATable("it is a ZIP archive or an Excel file; export it as CSV")
    encoding = next((encoding for mark, encoding in BOMS if head.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
    try:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            if encoding is None and b"\0" in chunk:
                raise NotATable("it is not text, or UTF-16 without its mark; export it as UTF-8")
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if encoding is not None:
            raise NotATable("it is damaged: its text breaks off") from None
        return "cp1252"
    finally:
        stream.seek(0)
    return encoding or "utf-8"


def _places(headings: list[str], columns: Mapping[str, str], needed: Sequence[str], section: str) -> dict[str, int]:
    known = {name: heading.casefold() for name, heading in columns.items() if heading.casefold() in headings}
    if missing := [columns[name] for name in needed if name not in known]:
        raise NotATable(f"it has no column {' and no column '.join(missing)}; [{section}] says how columns are called")
    if twice := [columns[name] for name, heading in known.items() if headings.count(heading) > 1]:
        raise NotATable(f"it has two columns {twice[0]}, and which counts is not known")
    return {name: headings.index(heading) for name, heading in known.items()}
