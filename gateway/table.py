"""A table as a case system exports it: CSV, whose headings are a setting. No I/O."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_ROWS = 200_000
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class NotATable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why the file cannot be read, to follow a colon."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns that are there, by our own names, and each row with its line; None where it has fewer cells than headings."""

    columns: frozenset[str]
    rows: tuple[tuple[int, Mapping[str, str] | None], ...]


def read(data: bytes, columns: Mapping[str, str], needed: Sequence[str], section: str) -> Rows:
    """The rows under these headings (by our own names), of which some are needed. Raises NotATable."""
    if data[:4] == b"PK\x03\x04":
        raise NotATable("it is a ZIP archive or an Excel file; export it as CSV")
    text = _text(data)
    try:
        dialect = csv.Sniffer().sniff(text[:20_000].split("\n", 1)[0], ",;\t|")
    except csv.Error:
        raise NotATable("its first line does not hold headings with commas, semicolons or tabs between them") from None
    table = csv.reader(io.StringIO(text, newline=""), dialect, strict=True)
    rows: list[tuple[int, Mapping[str, str] | None]] = []
    try:
        headings = [heading.strip().casefold() for heading in next(table, [])]
        at = _places(headings, columns, needed, section)
        for row in table:
            if len(row) < len(headings) and any(row):
                rows.append((table.line_num, None))
            elif any(cell.strip() for cell in row):
                rows.append((table.line_num, {name: " ".join(row[n].split()) for name, n in at.items()}))
            if len(rows) > MAX_ROWS:
                raise NotATable(f"it holds more than {MAX_ROWS:,} rows")
    except csv.Error:
        raise NotATable("it is not whole, or not written as CSV") from None
    return Rows(frozenset(at), tuple(rows))


def _text(data: bytes) -> str:
    for mark, encoding in BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise NotATable("it is damaged: its text breaks off") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # what Windows writes
    if "\0" in text:
        raise NotATable("it is not text, or UTF-16 without its mark; export it as UTF-8")
    return text


def _places(headings: list[str], columns: Mapping[str, str], needed: Sequence[str], section: str) -> dict[str, int]:
    at = {
        name: headings.index(heading.casefold()) for name, heading in columns.items() if heading.casefold() in headings
    }
    if missing := [columns[name] for name in needed if name not in at]:
        raise NotATable(f"it has no column {' and no column '.join(missing)}; [{section}] says how columns are called")
    return at
