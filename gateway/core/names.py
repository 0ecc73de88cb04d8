"""What people are called, and whether two names may be one: spelling, sound, nicknames, romanisations.

No I/O of its own.

Nicknames are the package `nicknames` (Apache-2.0), which reads its own list once. Sounds are Metaphone (`jellyfish`),
folded where romanisations differ freely: Mohammed, Muhammad and Mohamad have one sound, as have Yusuf and Youssef,
Zainab and Zaynab.
"""

import re
import unicodedata
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from jellyfish import metaphone
from rapidfuzz.distance import OSA, JaroWinkler

if TYPE_CHECKING:
    from nicknames import NickNamer

LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ı": "i"})
# Written as apostrophes are, or to stretch a word, and no letters whatever Unicode calls them: right and left quotes,
# primes, the modifier letters of romanised Arabic and Hebrew and of Hawaiian, saltillo, the Hebrew and Armenian marks,
# tatweel.
SIGNS = dict.fromkeys(
    (
        *map(ord, ".'`\u00b4\u05f3\u05f4\u055a\u0640\u07fa\u02ec\u02ee\ua78b\ua78c\uff07\u2018\u2019\u201a\u201b"),
        *range(0x02B9, 0x02C2),
        *range(0x02C6, 0x02D2),
        *range(0x2032, 0x2038),
    )
)
# Before the sound: what one romanisation writes and another does not.
FOLDED = (
    ("oleks", "aleks"),
    ("x", "ks"),
    ("ph", "f"),
    ("kh", "k"),
    ("gh", "g"),
    ("dh", "d"),
    ("bh", "b"),
    ("q", "k"),
    ("dj", "j"),
)
# In a sound, after its first letter.
FREELY = re.compile("(?<=.)[AEIOUYHW]")
# Jaro-Winkler: names of one sound that look less alike than this are two names.
ALIKE = 0.75
# Letters: in a shorter name one letter is no slip.
SHORT = 4
# Letters: in a name as long as this, two slips may stand.
LONG = 8
# Names.
REMEMBERED = 65_536


class Likeness(IntEnum):
    """How near two names are, from the farthest."""

    OTHER = 0
    INITIAL = 1
    # Two letters wrong in a name that begins alike.
    NEAR = 2
    # One letter wrong, missing, too many, or two in the wrong order.
    SLIP = 3
    SOUND = 4
    NICKNAME = 5
    # Of a double-barrelled name.
    PART = 6
    SAME = 7


@lru_cache(REMEMBERED)
def normalise_name(name: str) -> str:
    """Write a name in small letters without accents; its parts with one space between them, whatever stood there."""
    # Some letters are capitals only once they are taken apart, such as the raised A of U+1D2C.
    folded = unicodedata.normalize("NFKD", name.translate(SIGNS)).casefold().translate(LETTERS)
    letters = (c for c in unicodedata.normalize("NFKD", folded).translate(SIGNS) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalpha() else " " for c in letters).split())


@lru_cache(REMEMBERED)
def fold_letters(name: str) -> str:
    """Write a name in one word, with one of the spellings that romanisations use for one sound."""
    folded = name.replace(" ", "")
    for written, read in FOLDED:
        folded = folded.replace(written, read)
    return folded


@lru_cache(REMEMBERED)
def name_sound(name: str) -> str:
    """Return how a name sounds, whoever romanised it. Names that sound alike may be one; most are not."""
    folded = fold_letters(name)
    if not folded.isascii():
        return folded
    heard = FREELY.sub("", metaphone(folded))
    first = "A" if heard[:1] in "AEIOU" else heard[:1]
    return first + heard[1:]


@cache
def _read_nicknames() -> "NickNamer":
    # Only here, for few commands compare names.
    from nicknames import NickNamer

    return NickNamer()


@lru_cache(REMEMBERED)
def list_other_names(name: str) -> frozenset[str]:
    """Return what whoever bears this name may be called too."""
    known = _read_nicknames()
    return frozenset(known.nicknames_of(name)) | frozenset(known.canonicals_of(name))


@lru_cache(REMEMBERED)
def compare_names(name: str, other: str) -> Likeness:
    """Return how near two names are, both as `normalise_name` writes them."""
    if name.replace(" ", "") == other.replace(" ", ""):
        return Likeness.SAME
    if len(name) == 1 or len(other) == 1:
        return Likeness.INITIAL if name[0] == other[0] else Likeness.OTHER
    if _share_a_part(name, other):
        return Likeness.PART
    # Or both are short for a third.
    if list_other_names(name) & {other, *list_other_names(other)}:
        return Likeness.NICKNAME
    if name_sound(name) == name_sound(other) and JaroWinkler.similarity(name, other) >= ALIKE:
        return Likeness.SOUND
    return Likeness.SLIP if _is_slip(name, other) else Likeness.OTHER


def _share_a_part(name: str, other: str) -> bool:
    return (" " in name or " " in other) and any(len(part) > 2 for part in {*name.split()} & {*other.split()})


def _is_slip(name: str, other: str) -> bool:
    """Tell whether one letter differs, or two in a long name that begins alike. Some of these are two names."""
    shortest = min(len(name), len(other))
    distance = OSA.distance(name, other, score_cutoff=2)
    dropped = len(name) != len(other)
    return (distance == 1 and shortest >= (SHORT - 1 if dropped else SHORT)) or (
        distance == 2 and shortest >= LONG and name[0] == other[0]
    )
