"""What gives a place away in text that a person typed, and the words of somebody who is hiding. No I/O.

It is read as a person would read it: small letters or capitals, with or without the space in a postcode, Rd for Road. It finds too
much rather than too little, for an officer only looks once more.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, TypeVar

from schemas.layout import Slot, is_ours, slots
from schemas.message import Address, Contact, School
from schemas.shapes import Text

T = TypeVar("T")

HIDDEN = "(hidden)"  # stands where a text was that gives a place away
SHORTEST = 4  # letters and digits of a value: with fewer it stands in too many other texts
REMEMBERED = 4_096  # texts
SEPARATORS = r"[\s.,/_-]{0,3}"

POSTCODE = re.compile(rf"(?<![a-z0-9])[a-z]{{1,2}}[\s]?[0-9][a-z0-9]?{SEPARATORS}[0-9]\s?[a-z]\s?[a-z](?![a-z0-9])")
WAYS = "road|rd|street|str|st|avenue|ave|lane|ln|crescent|cres|terrace|close|drive|way|gardens|gdns|place|grove|court|walk|row|square|mews|hill|rise|heol|stryd|ffordd"
NO_STREET = "weeks?|days?|months?|years?|hours?|times?|a|an|the|for|no|of|to|in|at|on|by|and|or|this|that|same|next|main|your|our|her|his|their|across"
NUMBERED = re.compile(rf"(?<![a-z0-9])[0-9]{{1,4}}[a-z]?,? (?:(?!(?:{NO_STREET}) )[a-z']+ ){{1,3}}(?:{WAYS})(?![a-z])")
NAMED = re.compile(rf"(?<![a-z])(?!(?:{NO_STREET}) )[a-z']{{3,}} (?:road|street|avenue|lane|crescent|terrace)(?![a-z])")
DAY = re.compile(r"(?<![0-9])[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?![0-9])")
TELEPHONE = re.compile(r"(?<![0-9a-z])(?:\+|00|0)(?:[ ()-]{0,2}[0-9]){9,13}(?![0-9a-z])")
ELSEWHERE = re.compile(
    r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://|www\.|///\s?[a-z]+\.[a-z]+\.[a-z]+|(?<![0-9.])-?[0-9]{1,2}\.[0-9]{3,}, ?-?[0-9]{1,3}\.[0-9]{3,}"
)
A_SCHOOL = re.compile(
    r"\b[A-Z][\w'’.]+ (?:[A-Z][\w'’.]+ ){0,4}(?:School|Academy|College|Nursery|Primary|Infants|Juniors|Ysgol)\b"
)
NO_NAME = re.compile(
    r"(?:The|Her|His|Their|Our|Your|This|That|Primary|Secondary|Nursery|Infant|Junior|High|Special|No|New|Old|Last|Previous|Current|Public|Private|Independent|State|Boarding|After|Home|Any|Each|Every) "
)
HIDING = re.compile(
    r"(?<![a-z])(?:refuges?|lloches|women'?s[ -]aid|safe[ -]?houses?|dv|safe[ -]accommodation|(?:domestic|family)[ -](?:abuse|violence)"
    r"|witness[ -]protection|protected[ -](?:person|address|witness)|non[ -]?molestation|occupation[ -]order|prohibited[ -]steps"
    r"|restraining[ -]order|injunctions?|hono[u]?r[ -]based|forced[ -]marriages?|marac|stalk(?:ed|ing|er)|traffick(?:ed|ing)"
    r"|fled|fleeing|in[ -]hiding|(?:secret|confidential|withheld|undisclosed|safe)[ -]address"
    r"|address (?:is |must be |to be |kept )?(?:secret|confidential|withheld|undisclosed)"
    r"|adopt(?:ed|ion|ive|ers?)"
    r"|(?:do not|don'?t|must not|never|not to be|cannot be) (?:be )?(?:share|shared|disclose|disclosed|tell|told|pass|passed|reveal|revealed|know))"
    r"(?![a-z])"
)  # fmt: skip
SPELT = {  # how the parts of an address are shortened
    "rd": "road", "st": "street", "str": "street", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close", "dr": "drive",
    "ct": "court", "pl": "place", "cres": "crescent", "gdns": "gardens", "gdn": "gardens", "sq": "square", "terr": "terrace",
    "ter": "terrace", "hse": "house", "apt": "flat", "saint": "street",
}  # fmt: skip


@lru_cache(REMEMBERED)
def plain(text: str) -> str:
    """Write a text in small letters, without what cannot be seen, with one space where there were more."""
    if text.isascii():
        return " ".join(text.casefold().split())
    letters = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join("".join(c for c in letters if unicodedata.category(c) != "Cf").split())


def gives_place_away(text: str, withheld: Collection[str] = (), *, known: Collection[str] = ()) -> bool:
    """Tell whether it holds a postcode, a street, a way to reach somebody, or one of the values that are withheld.

    `known` are numbers and addresses of officers, which may stand anywhere.
    """
    said = plain(text)
    for one in known:
        said = said.replace(plain(one), " ")
    said = DAY.sub(" ", said)
    if any(pattern.search(said) for pattern in (POSTCODE, NUMBERED, NAMED, TELEPHONE, ELSEWHERE)):
        return True
    words = f" {_words(said)} "
    return any(f" {value} " in words for value in _values(frozenset(withheld)))


def names_school(text: str) -> bool:
    """Tell whether a school stands in it by its name."""
    said = unicodedata.normalize("NFKC", text)
    return any(not NO_NAME.fullmatch(f"{found[0].rsplit(' ', 1)[0]} ") for found in A_SCHOOL.finditer(said))


def speaks_of_hiding(text: str) -> bool:
    """Tell whether it holds a word of those who hide, or asks that nothing be told."""
    return HIDING.search(plain(text)) is not None


def _words(said: str) -> str:
    """The words alone, each written out."""
    return " ".join(SPELT.get(word, word) for word in re.sub(r"[^\w\s]", " ", said.replace("'", "")).split())


@lru_cache(64)
def _values(withheld: frozenset[str]) -> frozenset[str]:
    """Each value as words, and without the number before it: who names the street has named the place."""
    found = set()
    for value in withheld:
        words = _words(plain(value))
        found |= {words, re.sub(r"^(?:flat )?[0-9]+[a-z]? ", "", words)}
    return frozenset(one for one in found if sum(c.isalnum() for c in one) >= SHORTEST and any(map(str.isalpha, one)))


def withheld_values(value: object) -> Iterator[str]:
    """Give what an address, a school or a contact says that must not stand elsewhere where it is withheld.

    Not the name of a contact: a mother bears her child's; nor a country.
    """
    if isinstance(value, Address | School):
        yield from (text for path, text in texts(value, everything=True) if not path.endswith("/Country"))
    elif isinstance(value, Contact):
        yield from filter(None, (value.phone_no, value.email))
    elif isinstance(value, tuple):
        for one in value:
            yield from withheld_values(one)


def texts(value: object, path: str = "", *, everything: bool = False) -> Iterator[tuple[str, str]]:
    """Give every text within a value of one of our classes that a person wrote freely, with the path of its element.

    `everything`: also what has a form of its own, such as telephone numbers.
    """
    cls: type = type(value)
    for slot, ours in _with_text(cls, everything):
        inner = getattr(value, slot.field)
        if inner is None:
            continue
        at = f"{path}/{slot.element}"
        for one in inner if slot.repeated else (inner,):
            if ours:
                yield from texts(one, at, everything=everything)
            else:
                yield at, one


@cache
def _with_text(cls: type, everything: bool) -> tuple[tuple[Slot, bool], ...]:
    """The fields that are text, and those within which there may be some."""
    return tuple(
        (slot, is_ours(slot.kind))
        for slot in slots(cls)
        if is_ours(slot.kind) or (isinstance(slot.shape, Text) and (everything or slot.shape.pattern is None))
    )


def without_giveaways(value: T) -> T:
    """Give the same value, with `HIDDEN` in the place of each free text that gives a place away."""
    changed: dict[str, Any] = {}
    cls: type = type(value)
    for slot in slots(cls):
        inner = getattr(value, slot.field)
        if is_ours(slot.kind):
            new = tuple(map(without_giveaways, inner)) if slot.repeated else inner and without_giveaways(inner)
        elif isinstance(slot.shape, Text) and slot.shape.pattern is None and slot.shape.longest > len(HIDDEN):
            new = tuple(map(_hidden, inner)) if slot.repeated else inner and _hidden(inner)
        else:
            continue
        if new != inner:
            changed[slot.field] = new
    return replace(value, **changed) if changed else value  # type: ignore[type-var]  # one of our dataclasses


def _hidden(text: str) -> str:
    return HIDDEN if gives_place_away(text) else text
