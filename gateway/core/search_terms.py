"""By which terms a message can be found, and which of them a person means by what they type. No I/O.

    upn, uln         of the child, former ones too; the UPNs of brothers and sisters whom it names
    surname          the present, preferred and former one; each part of a double-barrelled name, and the whole, written
    together forename         the same of forename, middle names, and what the child is called ...-sound        how each
    of these sounds, for who asks for names alike dob              the date of birth reference        the last twelve
    characters of MessageId and ConversationId, as lists show them

Of a phone-only child nothing can be found but the reference. A surname and a date together are no term of their own: a
date has so few messages that asking each of them for the name costs less than one more mark in every message
(`benchmarks/find.py`).
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from gateway.core.blocking import swap_day_and_month
from gateway.core.days import read_day
from gateway.core.names import list_other_names, name_sound, normalise_name
from gateway.errors import Unusable
from schemas.hidden_signs import find_hidden
from schemas.message import RESTRICTIONS, Child, Message, Sibling

# Characters of an id: its last group.
TAIL = 12
# Characters: longer than any name with a date.
MOST_TYPED = 200
# Words, dates and numbers.
MOST_PARTS = 10
REFERENCE = re.compile(
    r"(?<![^\s,;])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|…[0-9a-f]{12}|(?=[a-f]*[0-9])[0-9a-f]{12})(?![^\s,;])",
    re.IGNORECASE,
)
UPN = re.compile(r"(?<![^\s,;])[A-Z][0-9]{11}[0-9A-Z](?![^\s,;])", re.IGNORECASE)
ULN = re.compile(r"(?<![^\s,;])[0-9]{10}(?![^\s,;])")
DATE = re.compile(
    r"(?<![^\s,;])(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{1,2}(?:st|nd|rd|th)?[ ./-]+[a-z]{3,10}[., /-]+(?:[0-9]{4}|[0-9]{2}))(?![^\s,;])",
    re.IGNORECASE,
)
NAMED_MONTH = re.compile(r"([0-9]{1,2}(?:st|nd|rd|th)?)[ ./-]+([a-z]+)[., /-]+([0-9]+)", re.IGNORECASE)
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y")


class Term(NamedTuple):
    """One thing by which a message can be found."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class NoticeQuery:
    """What a person typed, as it was understood: each part must be met, by any of its terms."""

    parts: tuple[frozenset[Term], ...] = field(repr=False)
    # Name, dob, upn, uln, reference.
    kinds: tuple[str, ...]
    # References that were typed whole.
    ids: frozenset[str] = frozenset()


def list_terms(message: Message) -> set[Term]:
    """Return by which terms this message can be found."""
    head = message.header
    all_terms = {_reference_term(head.message_id), _reference_term(head.conversation_id)}
    if message.restriction != RESTRICTIONS[-1]:
        for child in message.list_all(Child):
            all_terms.update(_child_terms(child))
        all_terms.update(Term("upn", sibling.upn) for sibling in message.list_all(Sibling) if sibling.upn)
    return all_terms


def _reference_term(written: str) -> Term:
    return Term("reference", written[-TAIL:])


def _child_terms(child: Child) -> Iterator[Term]:
    yield from (Term("upn", upn) for upn in (child.upn, *child.former_upn) if upn)
    if child.unique_learner_number:
        yield Term("uln", child.unique_learner_number)
    yield Term("dob", child.dob.isoformat())
    yield from _name_terms("surname", (child.surname, child.preferred_surname, child.former_surname))
    yield from _name_terms("forename", (child.forename, child.middle_names, child.preferred_forename))


def _name_terms(kind: str, names: Iterable[str | None]) -> Iterator[Term]:
    for name in filter(None, names):
        parts = normalise_name(name).split()
        for part in {*parts, _join_name(name), *(map(_join_name, name.split()) if len(parts) > 2 else ())}:
            if _says_enough(part):
                yield Term(kind, part)
                yield _sound_term(kind, part)


def _join_name(name: str) -> str:
    return normalise_name(name).replace(" ", "")


def _sound_term(kind: str, name: str) -> Term:
    return Term(f"{kind}-sound", name_sound(name))


def _says_enough(name: str) -> bool:
    """Tell whether a name says enough: an initial does not; a letter that is a whole word in its script does."""
    return len(name) > 1 or not name.isascii()


def parse_query(typed: str, *, alike: bool = False) -> NoticeQuery:
    """Parse what a person means by this; with a comma, what stands before it is a surname. Raises Unusable.

    `alike`: also names that sound alike or are short for each other, and dates with day and month swapped.
    """
    if sign := find_hidden(typed):
        raise Unusable("find.not-understood", "hidden-sign", sign=sign)
    text = " ".join(typed.split()).strip(" ,;")
    if len(text) > MOST_TYPED:
        raise Unusable("find.too-much")
    # People group its digits.
    if UPN.fullmatch(together := text.replace(" ", "")):
        text = together
    text, ids = _take_out(REFERENCE, text)
    text, upns = _take_out(UPN, text)
    text, ulns = _take_out(ULN, text)
    text, dates = _take_out(DATE, text)
    names = list(_typed_name_terms(text, alike))
    parts = [
        *(frozenset((Term("upn", text_part.upper()),)) for text_part in upns),
        *(frozenset((_reference_term(text_part.lower()),)) for text_part in ids),
        *(frozenset((Term("uln", text_part),)) for text_part in ulns),
        *(_dob_terms(text_part, alike) for text_part in dates),
        *names,
    ]
    _check_parts(parts)
    parts_by_kind = {"upn": upns, "reference": ids, "uln": ulns, "dob": dates, "name": names}
    whole = frozenset(text_part.lower() for text_part in ids if "-" in text_part)
    return NoticeQuery(tuple(parts), tuple(sorted(kind for kind, some in parts_by_kind.items() if some)), whole)


def _check_parts(parts: list[frozenset[Term]]) -> None:
    if not parts:
        raise Unusable("find.too-little")
    if len(parts) > MOST_PARTS:
        raise Unusable("find.too-much")


def _not_understood_error() -> Unusable:
    return Unusable("find.not-understood")


def _take_out(pattern: re.Pattern[str], text: str) -> tuple[str, list[str]]:
    """Return the text without what the pattern matches, and that."""
    return pattern.sub(" ", text), [match.group() for match in pattern.finditer(text)]


def _dob_terms(written: str, alike: bool) -> frozenset[Term]:
    born = _parse_typed_day(written)
    days = {born, swap_day_and_month(born) or born} if alike else {born}
    return frozenset(Term("dob", day.isoformat()) for day in days)


def _parse_typed_day(written: str) -> date:
    if named := NAMED_MONTH.fullmatch(written):
        day, month, year = named.groups()
        whole = year if len(year) == 4 else str(datetime.strptime(year, "%y").year)  # noqa: DTZ007 - a year has no zone
        with suppress(ValueError):
            return read_day((day, month, whole))
    plain = written if re.match("[0-9]{4}-", written) else re.sub("[.-]", "/", written)
    for form in DATES:
        with suppress(ValueError):
            return datetime.strptime(plain, form).date()  # noqa: DTZ007 - a day has no zone
    raise _not_understood_error()


def _typed_name_terms(text: str, alike: bool) -> Iterator[frozenset[Term]]:
    # Of a date or a number that nothing above could read.
    if any(c.isdigit() for c in text):
        raise _not_understood_error()
    sides = [side for side in text.split(",") if normalise_name(side)]
    kinds = (("surname",), ("forename",)) if len(sides) == 2 else (("surname", "forename"),) * len(sides)
    for side, either in zip(sides, kinds, strict=True):
        for word in _split_words(side):
            if alike:
                yield frozenset(
                    _sound_term(kind, written) for kind in either for written in _list_names_meant(kind, word)
                )
            else:
                yield frozenset(Term(kind, written) for kind in either for written in word)


def _list_names_meant(kind: str, word: set[str]) -> set[str]:
    """Return the names that are meant: a surname is what it is, and who has a forename may be called otherwise too."""
    return word | {other for name in word for other in list_other_names(name)} if kind == "forename" else word


def _split_words(text: str) -> Iterator[set[str]]:
    """Yield each word, in the ways in which it may be written.

    An initial is written together with what follows, or passed over: O Brien is O'Brien, A Malik a Malik. Of a
    double-barrelled name the whole, written together, is found, or each part.
    """
    before = ""
    for word in re.split(r"[\s;]+", text):
        name = _join_name(word)
        if name and not _says_enough(name):
            before += name
        elif name:
            for part in [
                part_of_name for part_of_name in normalise_name(word).split() if _says_enough(part_of_name)
            ] or [name]:
                yield {part, name, before + name}
            before = ""
