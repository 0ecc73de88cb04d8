"""What people are called, and whether two names may be one: spelling, sound, nicknames, romanisations. No I/O of its own.

Nicknames are the package `nicknames` (Apache-2.0), which reads its own list once. Sounds are Metaphone (`jellyfish`), folded where
romanisations differ freely: Mohammed, Muhammad and Mohamad have one sound, as have Yusuf and Youssef, Zainab and Zaynab.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from jellyfish import metaphone
from rapidfuzz.distance import OSA, JaroWinkler

if TYPE_CHECKING:
    from nicknames import NickNamer

LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ı": "i"})
# Written as apostrophes are, or to stretch a word, and no letters whatever Unicode calls them: right and left quotes, primes, the
# modifier letters of romanised Arabic and Hebrew and of Hawaiian, saltillo, the Hebrew and Armenian marks, tatweel.
SIGNS = dict.fromkeys(
    (
        *map(ord, ".'`\u00b4\u05f3\u05f4\u055a\u0640\u07fa\u02ec\u02ee\ua78b\ua78c\uff07\u2018\u2019\u201a\u201b"),
        *range(0x02B9, 0x02C2),
        *range(0x02C6, 0x02D2),
        *range(0x2032, 0x2038),
    )
)
FOLDED = (  # before the sound: what one romanisation writes and another does not
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
FREELY = re.compile("(?<=.)[AEIOUYHW]")  # in a sound, after its first letter
ALIKE = 0.75  # Jaro-Winkler: names of one sound that look less alike than this are two names
SHORT = 4  # letters: in a shorter name one letter is no slip
LONG = 8  # letters: in a name as long as this, two slips may stand
REMEMBERED = 65_536  # names


class Likeness(IntEnum):
    """How near two names are, from the farthest."""

    OTHER = 0
    INITIAL = 1
    SLIP = 2  # one letter wrong, missing, too many, or two in the wrong order
    SOUND = 3
    NICKNAME = 4
    PART = 5  # of a double-barrelled name
    SAME = 6


@lru_cache(REMEMBERED)
def normal(name: str) -> str:
    """A name in small letters without accents; its parts with one space between them, whatever stood there."""
    # Some letters are capitals only once they are taken apart, such as the raised A of U+1D2C.
    folded = unicodedata.normalize("NFKD", name.translate(SIGNS)).casefold().translate(LETTERS)
    letters = (c for c in unicodedata.normalize("NFKD", folded).translate(SIGNS) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalpha() else " " for c in letters).split())


@lru_cache(REMEMBERED)
def sound(name: str) -> str:
    """How a name sounds, whoever romanised it. Names that sound alike may be one; most are not."""
    folded = name.replace(" ", "")
    for written, read in FOLDED:
        folded = folded.replace(written, read)
    if not folded.isascii():
        return folded
    heard = FREELY.sub("", metaphone(folded))
    first = "A" if heard[:1] in "AEIOU" else heard[:1]
    return first + heard[1:]


@cache
def _nicknames() -> "NickNamer":
    # Only here, for few commands compare names.
    from nicknames import NickNamer

    return NickNamer()


@lru_cache(REMEMBERED)
def also(name: str) -> frozenset[str]:
    """What whoever bears this name may be called too."""
    known = _nicknames()
    return frozenset(known.nicknames_of(name)) | frozenset(known.canonicals_of(name))


def parts(names: Sequence[str]) -> set[str]:
    """These names, and the parts of those that are double-barrelled."""
    return {part for name in names if name for part in (name, *name.split())}


@lru_cache(REMEMBERED)
def likeness(one: str, other: str) -> Likeness:
    """How near two names are, both as `normal` writes them."""
    if one.replace(" ", "") == other.replace(" ", ""):
        return Likeness.SAME
    if len(one) == 1 or len(other) == 1:
        return Likeness.INITIAL if one[0] == other[0] else Likeness.OTHER
    if _share_a_part(one, other):
        return Likeness.PART
    if also(one) & {other, *also(other)}:  # or both are short for a third
        return Likeness.NICKNAME
    if sound(one) == sound(other) and JaroWinkler.similarity(one, other) >= ALIKE:
        return Likeness.SOUND
    return Likeness.SLIP if _a_slip(one, other) else Likeness.OTHER


def _share_a_part(one: str, other: str) -> bool:
    return (" " in one or " " in other) and any(len(part) > 2 for part in {*one.split()} & {*other.split()})


def _a_slip(one: str, other: str) -> bool:
    """One letter, or two in a long name that begins as the other does. Some are two names, as Jayden and Hayden: no rule tells."""
    shortest = min(len(one), len(other))
    distance = OSA.distance(one, other, score_cutoff=2)
    dropped = len(one) != len(other)
    return (distance == 1 and shortest >= (SHORT - 1 if dropped else SHORT)) or (
        distance == 2 and shortest >= LONG and one[0] == other[0]
    )


def nearest(some: Sequence[str], others: Sequence[str]) -> Likeness:
    """The nearest of any of these names to any of those."""
    return max((likeness(one, other) for one in some for other in others), default=Likeness.OTHER)
