"""A day as people type it in three fields: the month as a number or by its name. No I/O."""

from collections.abc import Sequence
from datetime import date

MONTHS = (
    "january february march april may june july august september october november december",
    # In Welsh.
    "ionawr chwefror mawrth ebrill mai mehefin gorffennaf awst medi hydref tachwedd rhagfyr",
)
# Of a month's name.
LEAST_LETTERS = 3
ENDINGS = ("st", "nd", "rd", "th")
WANTED = "A day, a month and a year, such as 3 9 2026 or 3 September 2026"


def read_day(parts: Sequence[str]) -> date:
    """Read a day, a month and a year. Raises ValueError with a sentence for a person."""
    day, month, year = (part.strip(" .,").casefold() for part in parts)
    numbers = _strip_ending(day), _find_month_number(month), year
    if not all(part.isascii() and part.isdecimal() and len(part) <= 4 for part in numbers):
        raise ValueError(WANTED)
    try:
        return date(int(numbers[2]), int(numbers[1]), int(numbers[0]))
    except ValueError:
        raise ValueError("There is no such day") from None


def _strip_ending(day: str) -> str:
    return day[:-2] if day.endswith(ENDINGS) else day


def _find_month_number(written: str) -> str:
    """Return the number of a month whose name begins so, in one way only; what was written, where there is none."""
    if len(written) < LEAST_LETTERS:
        return written
    numbers = {
        number for names in MONTHS for number, name in enumerate(names.split(), 1) if _is_short_for(written, name)
    }
    return str(numbers.pop()) if len(numbers) == 1 else written


def _is_short_for(written: str, name: str) -> bool:
    return name.startswith(written) or (written, name) == ("sept", "september")
