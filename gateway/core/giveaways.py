"""What gives a place away in text that a person typed, and the words of somebody who is hiding. No I/O.

It is read as a person would read it: small letters or capitals, with or without the space in a postcode, Rd for Road.
It finds too much rather than too little, for an officer only looks once more.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, TypeVar

from schemas.layout import Slot, is_ours, list_slots
from schemas.message import Address, Contact, School
from schemas.shapes import Text

T = TypeVar("T")

# Stands where a text was that gives a place away.
HIDDEN = "(hidden)"
# Letters and digits of a value: with fewer it stands in too many other texts.
SHORTEST = 4
# Texts.
REMEMBERED = 4_096
SEPARATORS = r"[\s.,/_-]{0,3}"

POSTCODE = re.compile(rf"(?<![a-z0-9])[a-z]{{1,2}}[\s]?[0-9][a-z0-9]?{SEPARATORS}[0-9]\s?[a-z]\s?[a-z](?![a-z0-9])")
WAYS = "road|rd|street|str|st|avenue|ave|lane|ln|crescent|cres|terrace|close|drive|way|gardens|gdns|place|grove|court|walk|row|square|mews|hill|rise|heol|stryd|ffordd"
NO_STREET = "weeks?|days?|months?|years?|hours?|times?|a|an|the|for|no|of|to|in|at|on|by|and|or|this|that|same|next|main|your|our|her|his|their|across"
NUMBERED = re.compile(rf"(?<![a-z0-9])[0-9]{{1,4}}[a-z]?,? (?:(?!(?:{NO_STREET}) )[a-z']+ ){{1,3}}(?:{WAYS})(?![a-z])")
NAMED = re.compile(rf"(?<![a-z])(?!(?:{NO_STREET}) )[a-z']{{3,}} (?:road|street|avenue|lane|crescent|terrace)(?![a-z])")
DAY = re.compile(r"(?<![0-9])[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?![0-9])")
TELEPHONE = re.compile(r"(?<![0-9a-z])(?:\+|00|0)(?:[ ()-]{0,2}[0-9]){9,13}(?![0-9a-z])")
ELSEWHERE = re.compile(
    r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://|www\.|///\s?[a-z]+\.[a-z]+\.[a-z]+|(?<![0-9.])-?[0-9]{1,2}\.[0-9]{3,},"
    r" ?-?[0-9]{1,3}\.[0-9]{3,}"
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
# How the parts of an address are shortened.
SPELT = {
    "rd": "road", "st": "street", "str": "street", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close", "dr": "drive",
    "ct": "court", "pl": "place", "cres": "crescent", "gdns": "gardens", "gdn": "gardens", "sq": "square", "terr": "terrace",
    "ter": "terrace", "hse": "house", "apt": "flat", "saint": "street",
}  # fmt: skip


@lru_cache(REMEMBERED)
def normalise_text(text: str) -> str:
    """Write a text in small letters, without what cannot be seen, with one space where there were more."""
    if text.isascii():
        return " ".join(text.casefold().split())
    letters = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join("".join(c for c in letters if unicodedata.category(c) != "Cf").split())


def gives_place_away(text: str, withheld: Collection[str] = (), *, known: Collection[str] = ()) -> bool:
    """Tell whether it holds a postcode, a street, a way to reach somebody, or one of the values that are withheld.

    `known` are numbers and addresses of officers, which may stand anywhere.
    """
    plain_text = normalise_text(text)
    for officer_text in known:
        plain_text = plain_text.replace(normalise_text(officer_text), " ")
    plain_text = DAY.sub(" ", plain_text)
    if any(pattern.search(plain_text) for pattern in (POSTCODE, NUMBERED, NAMED, TELEPHONE, ELSEWHERE)):
        return True
    words = f" {_spell_out(plain_text)} "
    return any(f" {value} " in words for value in _withheld_words(frozenset(withheld)))


def names_school(text: str) -> bool:
    """Tell whether a school stands in it by its name."""
    composed = unicodedata.normalize("NFKC", text)
    return any(not NO_NAME.fullmatch(f"{match[0].rsplit(' ', 1)[0]} ") for match in A_SCHOOL.finditer(composed))


def speaks_of_hiding(text: str) -> bool:
    """Tell whether it holds a word of those who hide, or asks that nothing be told."""
    return HIDING.search(normalise_text(text)) is not None


def _spell_out(plain_text: str) -> str:
    """Spell the words out, without signs."""
    return " ".join(SPELT.get(word, word) for word in re.sub(r"[^\w\s]", " ", plain_text.replace("'", "")).split())


@lru_cache(64)
def _withheld_words(withheld: frozenset[str]) -> frozenset[str]:
    """Return each value as words, and without the number before it: who names the street has named the place."""
    phrases = set()
    for value in withheld:
        words = _spell_out(normalise_text(value))
        phrases |= {words, re.sub(r"^(?:flat )?[0-9]+[a-z]? ", "", words)}
    return frozenset(
        phrase for phrase in phrases if sum(c.isalnum() for c in phrase) >= SHORTEST and any(map(str.isalpha, phrase))
    )


def list_withheld_values(value: object) -> Iterator[str]:
    """Give what an address, a school or a contact says that must not stand elsewhere where it is withheld.

    Not the name of a contact: a mother bears her child's; nor a country.
    """
    if isinstance(value, Address | School):
        yield from (text for path, text in list_texts(value, everything=True) if not path.endswith("/Country"))
    elif isinstance(value, Contact):
        yield from filter(None, (value.phone_no, value.email))
    elif isinstance(value, tuple):
        for item in value:
            yield from list_withheld_values(item)


def list_texts(value: object, path: str = "", *, everything: bool = False) -> Iterator[tuple[str, str]]:
    """Give every text within a value of one of our classes that a person wrote freely, with the path of its element.

    `everything`: also what has a form of its own, such as telephone numbers.
    """
    cls: type = type(value)
    for slot, ours in _list_text_slots(cls, everything):
        inner = getattr(value, slot.field)
        if inner is None:
            continue
        at = f"{path}/{slot.element}"
        for item in inner if slot.repeated else (inner,):
            if ours:
                yield from list_texts(item, at, everything=everything)
            else:
                yield at, item


@cache
def _list_text_slots(cls: type, everything: bool) -> tuple[tuple[Slot, bool], ...]:
    """List the fields that are text, and those within which there may be some."""
    return tuple(
        (slot, is_ours(slot.kind))
        for slot in list_slots(cls)
        if is_ours(slot.kind) or (isinstance(slot.shape, Text) and (everything or slot.shape.pattern is None))
    )


def hide_giveaways(value: T) -> T:
    """Give the same value, with `HIDDEN` in the place of each free text that gives a place away."""
    changed: dict[str, Any] = {}
    cls: type = type(value)
    for slot in list_slots(cls):
        inner = getattr(value, slot.field)
        if is_ours(slot.kind):
            new = tuple(map(hide_giveaways, inner)) if slot.repeated else inner and hide_giveaways(inner)
        elif isinstance(slot.shape, Text) and slot.shape.pattern is None and slot.shape.longest > len(HIDDEN):
            new = tuple(map(_hide_giveaway, inner)) if slot.repeated else inner and _hide_giveaway(inner)
        else:
            continue
        if new != inner:
            changed[slot.field] = new
    return replace(value, **changed) if changed else value  # type: ignore[type-var]  # one of our dataclasses


def _hide_giveaway(text: str) -> str:
    return HIDDEN if gives_place_away(text) else text
