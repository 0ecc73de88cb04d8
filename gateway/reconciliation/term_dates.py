"""The days of one authority's office and schools, read from a file: CSV with the headings `what,from,to`.

term,2026-09-02,2026-12-18
half-term,2026-10-26,2026-10-30
closed,2026-12-24,              one day; the office is closed, besides bank holidays
"""

import csv
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from gateway.core.calendar import A_DAY, Calendar, Span
from gateway.errors import ConfigProblem

# Bytes.
MOST = 100_000
# An authority of England has one at most.
FILES_KEPT = 256
LONGEST = timedelta(days=366)
HEADINGS = ["what", "from", "to"]
WHAT = ("term", "half-term", "closed")


def read_calendar(path: Path) -> Calendar:
    """Read the calendar in this file, once for as long as it is the same. Raises ConfigProblem naming the line."""
    try:
        stamp = path.stat()
        return _parse_calendar(path, stamp.st_mtime_ns, stamp.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as why:
        reason = getattr(why, "strerror", None) or "it is not CSV in UTF-8"
        raise ConfigProblem("config.calendar", path=path, why=reason) from None


@lru_cache(FILES_KEPT)
def _parse_calendar(path: Path, changed_ns: int, size: int) -> Calendar:
    """Parse a file, of which `changed_ns` and `size` tell one state from the next."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream.read(MOST).splitlines()))
    if not rows or [cell.strip().lower() for cell in rows[0]] != HEADINGS:
        raise _calendar_problem(path, 1, "does not name the columns", "what,from,to")
    spans: dict[str, list[Span]] = {what: [] for what in WHAT}
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row):
            what, span = _parse_span(path, number, [cell.strip() for cell in row])
            spans[what].append(span)
    closed = {span.first + A_DAY * n for span in spans["closed"] for n in range((span.last - span.first).days + 1)}
    return Calendar(frozenset(closed), tuple(spans["term"]), tuple(spans["half-term"]))


def _parse_span(path: Path, number: int, row: list[str]) -> tuple[str, Span]:
    what, first, last = (*row, "", "", "")[:3]
    if what not in WHAT:
        raise _calendar_problem(
            path, number, f"must begin with {', '.join(WHAT[:-1])} or {WHAT[-1]}", "term,2026-09-02,2026-12-18"
        )
    try:
        span = Span(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        raise _calendar_problem(
            path, number, "has a date that does not exist", f"{what},2026-09-02,2026-12-18"
        ) from None
    if not timedelta(0) <= span.last - span.first <= LONGEST:
        raise _calendar_problem(
            path, number, "ends before it begins, or lasts more than a year", f"{what},2026-09-02,2026-12-18"
        )
    return what, span


def _calendar_problem(path: Path, number: int, wrong: str, example: str) -> ConfigProblem:
    return ConfigProblem("config.calendar", "line", path=path, line=number, wrong=wrong, example=example)
