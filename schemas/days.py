"""A day as case systems, spreadsheets and databases write it: read where it can mean one day only. No I/O.

Day before month, as here in Britain, or the year first, or the month by its name. What names a time of the day other
than midnight is no day: a clock may have moved it over midnight. Numbers of days since 1900 or 1904 are not read, for
nothing says which.
"""

import re
from datetime import date
from functools import lru_cache

# That are remembered: the birthdays of all who are of school age, in one spelling.
MOST_DAYS = 8192
ENGLISH = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WELSH = (
    *("ionawr", "chwefror", "mawrth", "ebrill", "mai", "mehefin"),
    *("gorffennaf", "awst", "medi", "hydref", "tachwedd", "rhagfyr"),
)
MONTHS = (
    {name: at for names in (ENGLISH, WELSH) for at, name in enumerate(names, 1)}
    | {name[:3]: at for at, name in enumerate(ENGLISH, 1)}
    | {"sept": 9}
)
ZONE = "(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
MIDNIGHT = re.compile(
    rf"(?:T|\s+|\s*,\s*)(?:00:00(?::00(?:[.,]0+)?)?|12:00(?::00(?:[.:]0+)?)?\s?AM)\s?{ZONE}", re.IGNORECASE
)
NAMED = "(?P<name>[A-Za-z]+)[.]?"
NTH = "(?:st|nd|rd|th)?"
FORMS = (
    re.compile(rf"(?P<year>[0-9]{{4}})(?P<sign>[-/.])(?P<month>[0-9]{{1,2}})(?P=sign)(?P<day>[0-9]{{1,2}}){ZONE}"),
    re.compile("(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"),
    re.compile("(?P<day>[0-9]{1,2})(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4})"),
    # with points it may as well begin with the year
    re.compile("(?P<day>[0-9]{1,2})(?P<sign>[-/])(?P<month>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{2})"),
    re.compile(rf"(?P<day>[0-9]{{1,2}}){NTH}[-/. ]*{NAMED}[-/., ]*(?P<year>[0-9]{{4}}|[0-9]{{2}})", re.IGNORECASE),
    re.compile(rf"{NAMED} *(?P<day>[0-9]{{1,2}}){NTH}(?: *, *| +)(?P<year>[0-9]{{4}})", re.IGNORECASE),
    re.compile(rf"(?P<year>[0-9]{{4}})[-/ ]{NAMED}[-/ ](?P<day>[0-9]{{1,2}})", re.IGNORECASE),
)
# Years of two digits below it are of this century, as strptime has it.
PIVOT = 69
# Who writes so puts the month first.
AMERICAN = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/.*[AP]M\Z", re.IGNORECASE)
SLASHED = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-](?:[0-9]{4}|[0-9]{2})(?![0-9])")


def is_month_first(text: str) -> bool:
    """Does a text show that its writer puts the month before the day, as 11/23/2026?"""
    match = SLASHED.match(text.strip())
    return match is not None and int(match[1]) <= 12 < int(match[2]) <= 31


def could_be_either(text: str) -> bool:
    """Would it be another day if the month stood first, as 03/04/2026?"""
    match = SLASHED.match(text.strip())
    return match is not None and int(match[1]) <= 12 >= int(match[2]) and int(match[1]) != int(match[2])


@lru_cache(MOST_DAYS)
def read_day(text: str) -> date | None:
    """Return the day that a text names; None where it names none, or could mean two."""
    text = " ".join(text.split())
    if AMERICAN.match(text):
        return None
    timed = MIDNIGHT.search(text)
    if timed and timed.end() == len(text):
        text = text[: timed.start()]
    for form in FORMS:
        if match := form.fullmatch(text):
            return _day(match.groupdict())
    return None


def _day(parts: dict[str, str | None]) -> date | None:
    name, year = parts.get("name"), parts["year"] or ""
    month = MONTHS.get(name.casefold()) if name else int(parts.get("month") or 0)
    if month is None:
        return None
    if len(year) == 2:
        year = f"{'20' if int(year) < PIVOT else '19'}{year}"
    try:
        return date(int(year), month, int(parts["day"] or 0))
    except ValueError:
        return None
