"""What a person means by what they type into a search: names, dates, numbers. No I/O.

Each part must be met by a message, by any of its terms. What no term stands for is worked out here: a year of birth is
each of its days, a day without a year is that day in each year in which a child can have been born.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from gateway.core.days import read_day
from gateway.core.names import normalise_name
from gateway.core.search_terms import (
    NAME_KINDS,
    NameKind,
    Term,
    build_reference,
    join_name,
    normalise_phone,
    normalise_postcode,
    says_enough,
)
from gateway.errors import Unusable
from schemas.hidden_signs import find_hidden

# Characters: longer than any name with a date.
MOST_TYPED = 200
# Words, dates and numbers.
MOST_PARTS = 10
# Years before this one: nobody older is a child, or a learner with a plan.
MOST_YEARS = 26
BEGIN, END = r"(?<![^\s,;])", r"(?![^\s,;])"
ORDINAL = "(?:st|nd|rd|th)?"
YEAR = "(?:19|20)[0-9]{2}"
# Kinds of parts that give some of a date of birth.
OF_A_DATE = ("day", "year")


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{BEGIN}(?:{pattern}){END}", re.IGNORECASE)


UPN = _compile("[A-Z](?:[ -]?[0-9]){11}(?:[ -]?[0-9]|[A-Z])")
REFERENCE = _compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:…|\.\.\.) ?[0-9a-f]{12}|(?=[a-f]*[0-9])[0-9a-f]{12}"
    "|(?=[a-f -]*[0-9])[0-9a-f]{4}[ -][0-9a-f]{4}[ -][0-9a-f]{4}"
)
DATE = _compile(
    r"[0-9]{4}([./-])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})"
    rf"|(?:0?[1-9]|[12][0-9]|3[01])[ ](?:0?[1-9]|1[0-2])[ ]{YEAR}"
    rf"|[0-9]{{1,2}}{ORDINAL}[ ./-]+[a-z]{{3,10}}[., /-]+(?:[0-9]{{4}}|[0-9]{{2}})"
)
# A name may follow a number, so a word that is no month is none of it.
DAY_OF_MONTH = _compile(
    rf"(?P<day>[0-9]{{1,2}}){ORDINAL}[ ./-]*(?:of )?(?P<month>[a-z]{{3,10}})|(?P<d>[0-9]{{1,2}})[./](?P<m>[0-9]{{1,2}})"
)
PHONE = _compile(r"(?:\+44[ ]?(?:\(0\))?|0044|\(?0)(?:[ ()-]*[0-9]){9,10}|\+(?:[ ()-]*[0-9]){8,15}")
ULN = _compile("[1-9](?:[ -]?[0-9]){9}")
POSTCODE = _compile("[A-Z]{1,2}[0-9][0-9A-Z]?[ ]?[0-9][A-Z]{2}")
WHOLE_YEAR = _compile(YEAR)
NAMED_MONTH = re.compile(rf"([0-9]{{1,2}}{ORDINAL})[ ./-]+([a-z]+)[., /-]+([0-9]+)", re.IGNORECASE)
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y")
# What is nearly one of these, so that a refusal can say what is wrong with it.
LIKE_A_DATE = _compile(r"[0-9]{1,4}[./-][0-9]{1,2}(?:[./-][0-9]{1,4})?|[0-9]{1,2}[ ][a-z]{3,10}[ ][0-9]{2,4}")
LIKE_A_UPN = _compile("[A-Z][0-9]{8,14}[0-9A-Z]?")
LIKE_A_POSTCODE = _compile("[A-Z]{1,2}[0-9][0-9A-Z]?(?:[ ]?[0-9][A-Z]?)?")
FOR_ANY_LETTERS = re.compile(r"[*?%_]")


PartKind: TypeAlias = Literal["name", "dob", "year", "day", "upn", "uln", "postcode", "phone", "reference"]


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One thing that was typed: it is met by any of its terms."""

    kind: PartKind
    terms: frozenset[Term] = field(repr=False)
    # Of a name: which names it may be, and the ways in which it may be written.
    of: tuple[NameKind, ...] = ()
    written: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class NoticeQuery:
    """What a person typed, as it was understood: each part must be met."""

    parts: tuple[QueryPart, ...]
    # References that were typed whole.
    ids: frozenset[str] = frozenset()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return by which kinds of detail it asks."""
        return tuple(sorted({"dob" if part.kind in OF_A_DATE else part.kind for part in self.parts}))

    @property
    def may_be_near(self) -> bool:
        """Tell whether something may be nearly what was typed: a name, a whole date of birth, a UPN."""
        return any(part.kind in ("name", "dob", "upn") for part in self.parts)

    def leave_out(self, part: QueryPart) -> "NoticeQuery":
        """Return it without this part."""
        return replace(self, parts=tuple(other for other in self.parts if other is not part))


def parse_query(typed: str, today: date) -> NoticeQuery:
    """Parse what a person means by this; with a comma, what stands before it is a surname. Raises Unusable."""
    if sign := find_hidden(typed):
        raise Unusable("find.not-understood", "hidden-sign", sign=sign)
    text = " ".join(typed.split()).strip(" ,;")
    if len(text) > MOST_TYPED:
        raise Unusable("find.too-much")
    parts: list[QueryPart] = []
    ids: set[str] = set()

    def take_out(pattern: re.Pattern[str], build: Callable[[str], QueryPart | None]) -> None:
        """Take what matches out of the text, unless nothing can be built of it."""

        def keep_part(match: re.Match[str]) -> str:
            part = build(match[0])
            if part is None:
                return match[0]
            parts.append(part)
            return " "

        nonlocal text
        text = pattern.sub(keep_part, text)

    take_out(UPN, lambda written: _build_part("upn", re.sub("[ -]", "", written).upper()))
    ids.update(match[0].lower() for match in REFERENCE.finditer(text) if len(match[0]) > 3 * 12 - 1)
    take_out(REFERENCE, _build_reference_part)
    take_out(POSTCODE, lambda written: _build_part("postcode", normalise_postcode(written)))
    take_out(DATE, _build_dob_part)
    take_out(PHONE, lambda written: _build_part("phone", normalise_phone(written)))
    take_out(ULN, lambda written: _build_part("uln", re.sub("[ -]", "", written)))
    take_out(DAY_OF_MONTH, lambda written: _build_day_part(written, today))
    take_out(WHOLE_YEAR, lambda written: _build_year_part(int(written), today))
    _refuse_numbers(text)
    # First what is told first of why a notice was found.
    parts[:0] = _build_name_parts(text)
    _check_parts(parts, typed)
    return NoticeQuery(tuple(parts), frozenset(ids))


def _build_part(kind: PartKind, *values: str) -> QueryPart:
    term_kind = "dob" if kind in OF_A_DATE else kind
    return QueryPart(kind, frozenset(Term(term_kind, value) for value in values))


def _build_reference_part(written: str) -> QueryPart:
    digits = re.sub(r"[ ….-]", "", written).lower()
    return QueryPart("reference", frozenset((build_reference(digits),)))


def _build_dob_part(written: str) -> QueryPart:
    return _build_part("dob", _parse_typed_day(written).isoformat())


def _parse_typed_day(written: str) -> date:
    if named := NAMED_MONTH.fullmatch(written):
        day, month, year = named.groups()
        whole = year if len(year) == 4 else str(datetime.strptime(year, "%y").year)  # noqa: DTZ007 - a year has no zone
        with suppress(ValueError):
            return read_day((day, month, whole))
    plain = re.sub("[ ./-]", "-" if re.match("[0-9]{4}", written) else "/", written)
    for form in DATES:
        with suppress(ValueError):
            return datetime.strptime(plain, form).date()  # noqa: DTZ007 - a day has no zone
    raise Unusable("find.not-understood", "date")


def _build_day_part(written: str, today: date) -> QueryPart | None:
    """Build a day without a year; None where the word is no month. Raises Unusable where the month has no such day."""
    match = DAY_OF_MONTH.fullmatch(written)
    if match is None:
        return None
    day, month = match["day"] or match["d"], match["month"] or match["m"]
    if not _list_days_in_years("1", month, today):
        return None
    if days := _list_days_in_years(day, month, today):
        return _build_part("day", *(born.isoformat() for born in days))
    raise Unusable("find.not-understood", "date")


def _list_days_in_years(day: str, month: str, today: date) -> list[date]:
    days = []
    for year in _list_years(today):
        with suppress(ValueError):
            days.append(read_day((day, month, str(year))))
    return days


def _build_year_part(year: int, today: date) -> QueryPart:
    if year not in _list_years(today):
        raise Unusable("find.not-understood", "year", first=today.year - MOST_YEARS, last=today.year)
    first = date(year, 1, 1)
    days = (first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days))
    return _build_part("year", *(day.isoformat() for day in days))


def _list_years(today: date) -> range:
    return range(today.year - MOST_YEARS, today.year + 1)


def _refuse_numbers(text: str) -> None:
    """Refuse a number that nothing above could read, and say what is wrong with it. Raises Unusable."""
    if "@" in text:
        raise Unusable("find.not-understood", "email")
    if not any(c.isdigit() for c in text):
        return
    if LIKE_A_DATE.search(text):
        raise Unusable("find.not-understood", "date")
    if upn := LIKE_A_UPN.search(text):
        raise Unusable("find.not-understood", "upn", length=len(upn[0]))
    if LIKE_A_POSTCODE.search(text):
        raise Unusable("find.not-understood", "postcode")
    raise Unusable("find.not-understood", "number")


def _check_parts(parts: list[QueryPart], typed: str) -> None:
    if len(parts) > MOST_PARTS:
        raise Unusable("find.too-much")
    if parts:
        return
    if FOR_ANY_LETTERS.search(typed):
        raise Unusable("find.too-little", "any-letters")
    raise Unusable("find.too-little", "initial" if normalise_name(typed) else "")


def _build_name_parts(text: str) -> Iterator[QueryPart]:
    sides = [side for side in text.split(",") if normalise_name(side)]
    either: Sequence[tuple[NameKind, ...]] = (NAME_KINDS,) * len(sides)
    if len(sides) == 2:
        either = (("surname",), ("forename",))
    for side, kinds in zip(sides, either, strict=True):
        for word in _split_words(side):
            terms = frozenset(Term(kind, written) for kind in kinds for written in word)
            yield QueryPart("name", terms, kinds, frozenset(word))


def _split_words(text: str) -> Iterator[set[str]]:
    """Yield each word, in the ways in which it may be written.

    An initial is written together with what follows, or passed over: O Brien is O'Brien, A Malik a Malik. Of a
    double-barrelled name the whole, written together, is found, or each part.
    """
    before = ""
    for word in re.split(r"[\s;]+", text):
        name = join_name(word)
        if name and not says_enough(name):
            before += name
        elif name:
            for part in [
                part_of_name for part_of_name in normalise_name(word).split() if says_enough(part_of_name)
            ] or [name]:
                yield {part, name, before + name}
            before = ""
