"""A table as a case system exports it: CSV, whose headings are a setting, read as a stream.

A hundred megabytes of it take no more memory than one row. That it is whole is known at its end: whoever acts on its
rows reads it twice. What can mean one thing only is read: marks before it, `sep=`, a title, last cells that are left
out, the sign by which DOS ended a file. Anything else is refused, the row or the file, with its line.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO

from gateway.one import cells, encoding
from gateway.one.encoding import NotText, WrittenText

if TYPE_CHECKING:
    import _csv

MAX_ROWS = 200_000
# Characters of one row, with the lines within it.
MAX_ROW = 65_536
# Empty ones and those within cells too.
MAX_LINES = 1_000_000
# Characters in a line among which headings are looked for.
MAX_HEADINGS = 65_536
# Lines before the headings: a title, who made it and when, empty ones.
MAX_TITLE = 20
# Cells that say something from which on a line may be a row, where it fills half of the columns.
MOST_IN_TITLE = 3
# Headings that are named to a person.
MAX_NAMED = 30
# Characters of one that are shown.
MAX_HEADING = 60
SEPARATORS = ",;\t|"
# How a file tells Excel what separates.
SEP = re.compile(r'[\ufeff\u200b]*"?sep=(?P<sign>[^"\w\s]|\t)', re.IGNORECASE)
# Before the first line, some of them written twice.
MARKS = re.compile("^(?:\ufeff|\u200b|\u2060|ï»¿)+")
# By which DOS ended a text.
END = "\x1a"
NOT_WRITTEN_TWICE = "a quotation mark in it is not closed, or not written twice within its cell"


class NotATable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why the file cannot be read, to follow a colon."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of which nothing can be made, and why."""

    reason: str


# By our own names of the columns; one that a row leaves out is not in it.
Cells = Mapping[str, str]
# Each with its line.
Rows = Iterator[tuple[int, Cells | Unread]]


@dataclass(frozen=True, slots=True)
class Headings:
    """What stands over the columns: ours by our own names, and as it is written what is not ours."""

    known: frozenset[str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExtractTable:
    """A table that is open: its headings, and the rows, once. `guessed`: nothing says how it is written.

    `doubted`: it was guessed, and the names show that it is written otherwise.
    """

    headings: Headings
    guessed: bool
    doubted: bool
    rows: Rows


def read(
    stream: BinaryIO,
    columns: Mapping[str, str],
    *,
    needed: Sequence[str],
    section: str,
    at_most: int,
    names: Sequence[str] = (),
) -> ExtractTable:
    """Open a table. `section` says how columns are called; `names` are those in which the encoding shows.

    Raises NotATable: at once where the headings do not serve or there are more bytes than `at_most`, at the latest at
    the end.
    """
    if stream.seek(0, io.SEEK_END) > at_most:
        raise NotATable(f"it is larger than {at_most >> 20} MB")
    stream.seek(0)
    try:
        written = encoding.find_encoding(stream)
    except NotText as why:
        raise NotATable(str(why)) from None
    wanted = _WantedColumns(columns, needed, section)
    headings, rows = _open(stream, written, wanted)
    doubted = False
    if written.guessed:
        doubted = _shows_other_encoding(rows, names)
        stream.seek(0)
        headings, rows = _open(stream, written, wanted)
    clean = ((line, row if isinstance(row, Unread) else _clean(row)) for line, row in rows)
    return ExtractTable(headings, written.guessed, doubted, clean)


def _shows_other_encoding(rows: Rows, names: Sequence[str]) -> bool:
    try:
        return any(
            cells.seems_of_other_encoding(row.get(name, ""))
            for _, row in rows
            if not isinstance(row, Unread)
            for name in names
        )
    except NotATable:
        # Whoever reads on is told.
        return False


def _clean(row: Cells) -> Cells:
    return {name: cells.clean_cell(text) for name, text in row.items()}


@dataclass(frozen=True, slots=True)
class _WantedColumns:
    """Which columns are looked for."""

    columns: Mapping[str, str]
    needed: Sequence[str]
    section: str

    def find_missing(self, headings: Iterable[str]) -> list[str]:
        """Name the needed columns that are not there."""
        there = {normalise_heading(heading) for heading in headings}
        return [self.columns[name] for name in self.needed if normalise_heading(self.columns[name]) not in there]

    def places(self, headings: Sequence[str]) -> dict[str, int]:
        """Say where each column of ours stands. Raises NotATable where one stands twice."""
        keys = [normalise_heading(heading) for heading in headings]
        known = {
            name: wanted for name, heading in self.columns.items() if (wanted := normalise_heading(heading)) in keys
        }
        if twice := [self.columns[name] for name, wanted in known.items() if keys.count(wanted) > 1]:
            raise NotATable(f"it has two columns called {twice[0]}")
        return {name: keys.index(wanted) for name, wanted in known.items()}


def normalise_heading(heading: str) -> str:
    """Say a heading so that it is the same one however it is written: its letters and digits alone."""
    whole = unicodedata.normalize("NFKC", heading.replace("ï»¿", "")).casefold()
    return "".join(sign for sign in whole if sign.isalnum())


def _open(stream: BinaryIO, written: WrittenText, wanted: _WantedColumns) -> tuple[Headings, Rows]:
    text = encoding.open_text(stream, written)
    raw = iter(lambda: text.readline(MAX_ROW + 1), "")
    head = [MARKS.sub("", line) for line in islice(raw, MAX_TITLE + 1)]
    at, separator = _find_headings(head, wanted)
    lines = _Lines(_without_end(chain(head[at:], raw)), at)
    table = csv.reader(lines, delimiter=separator, strict=True)
    headings = _next(table, lines)
    places = wanted.places(headings)
    ours = set(places.values())
    others = [_shown(heading) for n, heading in enumerate(headings) if n not in ours and normalise_heading(heading)]
    our_headings = Headings(frozenset(places), tuple(dict.fromkeys(others)))
    needed = {name: n for name, n in places.items() if name in wanted.needed}
    return our_headings, _rows(table, lines, _width(headings), places, max(needed.values(), default=0))


def _shown(heading: str) -> str:
    return "".join(sign for sign in " ".join(heading.split()) if sign.isprintable())[:MAX_HEADING]


def _width(headings: Sequence[str]) -> int:
    """Return how many cells a row has: those of headings that say nothing, at the end, are left out."""
    return max((n for n, heading in enumerate(headings, 1) if normalise_heading(heading)), default=0)


def _find_headings(head: Sequence[str], wanted: _WantedColumns) -> tuple[int, str]:
    """Find the line with which the headings begin, and what separates them. Raises NotATable."""
    given = ""
    lacking: list[str] = []
    for at, line in enumerate(head):
        if sep := SEP.match(line):
            given = sep["sign"]
            continue
        for separator in given or sorted(SEPARATORS, key=line.count, reverse=True):
            headings = _read_first(head[at:], separator)
            missing = wanted.find_missing(headings)
            if not missing:
                _check_titles(
                    head[:at], separator, len([heading for heading in headings if normalise_heading(heading)])
                )
                return at, separator
            if len(headings) > 1:
                lacking = lacking or missing
    if lacking:
        why = f"it has no column {' and no column '.join(lacking)}; [{wanted.section}] says how columns are called"
        raise NotATable(why)
    raise NotATable("its first line must have headings, separated by commas, semicolons or tabs")


def _check_titles(lines: Sequence[str], separator: str, width: int) -> None:
    """Raises NotATable where what stands before the headings is no title, but may be a row: a sheet may have been
    sorted with them.
    """
    for number, line in enumerate(lines, 1):
        filled = len([cell for cell in _read_first([line], separator) if cell.strip()])
        if filled >= MOST_IN_TITLE and filled >= width / 2 and not SEP.match(line):
            raise NotATable(f"line {number} is before the headings and is not a title. Put the headings first")


def _read_first(lines: Sequence[str], separator: str) -> list[str]:
    """Return the first row; empty where it is none."""
    if len(lines[0]) > MAX_HEADINGS:
        return []
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _without_end(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines without the sign by which DOS ended a text, at the very end."""
    line = next(lines, None)
    while line is not None:
        following = next(lines, None)
        if following is None and END in line:
            bare = line.rstrip(f"{END}\r\n")
            if bare.strip():
                yield f"{bare}\r\n"
            return
        yield line
        line = following


class _Lines:
    """The lines of a table, bounded: a row is made of them at once, whatever it holds, and nothing else
    runs meanwhile.
    """

    def __init__(self, lines: Iterator[str], before: int) -> None:
        self._lines, self._get_seconds_left = lines, MAX_ROW
        # Of lines read so far.
        self.count = before
        # The line in which this row began.
        self.began = before + 1
        # The last line ended as lines do.
        self.ended = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._get_seconds_left -= len(line)
        self.count += 1
        if self._get_seconds_left < 0:
            raise NotATable(
                f"it is not complete, or the row that begins in line {self.began} has more than {MAX_ROW:,} characters"
                f" ({NOT_WRITTEN_TWICE})"
            )
        if self.count > MAX_LINES:
            raise NotATable(f"it has more than {MAX_LINES:,} lines")
        self.ended = line.endswith(("\n", "\r"))
        return line

    def end_row(self) -> None:
        """What follows is another row."""
        self._get_seconds_left = MAX_ROW
        self.began = self.count + 1


def _rows(table: "_csv.Reader", lines: _Lines, width: int, at: Mapping[str, int], last_needed: int) -> Rows:
    count = 0
    while row := _next(table, lines):
        if not any(cell.strip() for cell in row):
            continue
        if (count := count + 1) > MAX_ROWS:
            raise NotATable(f"it has more than {MAX_ROWS:,} rows")
        if len(row) <= last_needed:
            yield lines.count, Unread("The row has fewer cells than the headings.")
        elif len(row) < width and not lines.ended:
            yield lines.count, Unread("The file ends in the middle of this row.")
        elif any(cell.strip() for cell in row[width:]):
            yield lines.count, Unread("The row has more cells than the headings.")
        else:
            # a program may leave out the last cells of a row where they are empty
            yield lines.count, {name: row[n] for name, n in at.items() if n < len(row)}


def _next(table: "_csv.Reader", lines: _Lines) -> list[str]:
    """Return the next row; empty at the end."""
    try:
        for row in table:
            lines.end_row()
            if row:
                return row
        return []
    except csv.Error:
        raise NotATable(
            f"it is not complete, or not valid CSV. See the row that begins in line {lines.began}; {NOT_WRITTEN_TWICE}"
        ) from None
