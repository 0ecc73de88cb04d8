"""A name taken apart, and how near two parts are.

Cultures divide names in different places: the father's name stands in the middle or at the end, Singh and Kaur are
surnames or are not, a middle name slips into the surname. So names are compared part by part, wherever a part stands.

A part has a stem, which is what different papers agree on: without Al-, O' and Mc, without the ending that says whether
a woman bears it (Kovacova and Kovac, Kowalska and Kowalski), and with one spelling of Abdul-. Its sounds are those of
the stem, and of the stem as Somali is read (Xasan, Cabdi and Jaamac are Hassan, Abdi and Jama).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA, JaroWinkler

from gateway.core.name_forms import are_forms
from gateway.core.names import ALIKE, REMEMBERED, Likeness, fold_letters, name_sound

# Written, joined or left out: they say nothing by themselves.
_PARTICLES = "al el ul ud de da do dos das di du la le van von der den bin bint ibn mac mc o ni nic san st y e"
# Parts that a whole people bears, or half of it: alone they are no likeness.
_SHARED = """muhammad mohammed mohamed mohammad mohamad muhammed mohd md syed sayed abdul abdi singh kaur begum bibi
khatun khatoon khanom khanum akhtar akhter akthar akther akter sultana bano banu nessa uddin ullah miah thi"""
# Written where there is no name yet, or none is known.
_NO_NAME = """baby infant unknown unborn newborn twin boy girl male female tbc tba na nfn fnu lnu notknown babyboy
babygirl nonegiven notgiven nosurname noforename"""
PARTICLES, SHARED, NO_NAME = (frozenset(words.split()) for words in (_PARTICLES, _SHARED, _NO_NAME))
# Joined with what follows.
SERVANT = ("abd", "abdul", "abdal", "abdel", "abdur")
_ABD = re.compile("^c?abd(?:ul|el|al|ur|ir|i|u|e)(?=[a-z]{4})")
_FIRST = re.compile("^(?:al|el)(?=[a-z]{5})|^ma?c(?=[a-z]{4})|^o(?=[bcdfghjklmnpqrstvwxz][a-z]{4})")
_ENDS = (
    (re.compile("(?<=[a-z]{2})(?:skaya|skaia|skaja|skiy|skyi|skyy|skii|sky|ska)$"), "ski"),
    (re.compile("(?<=[a-z]{2})cka$"), "cki"),
    (re.compile("(?<=[a-z]{2})dzka$"), "dzki"),
    (re.compile("(?<=[a-z]{3})(?:ova|ov|off|ow)$"), ""),
    (re.compile("(?<=[a-z]{3})(?:eva|ev|yev|yeva|iev|ieva)$"), ""),
    (re.compile("(?<=[a-z]{3})(?:wicz|vich|vych|vitch|vic|wich)$"), "vic"),
)
_SOMALI = re.compile("x|^c(?=[aeiou])|aa|ee|ii|oo|uu|(?<=[aeiou])c$")
_NOT_SOMALI = frozenset(("isaac", "alex", "alexander", "felix", "max", "maxim", "roxana"))
# Letters: what was cut off may not leave less.
CUT = 5
# Letters: in a shorter name one letter is no slip, and in this long a name two may be.
SHORT, LONG = 3, 6


@lru_cache(REMEMBERED)
def split_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a name as `names.normalise_name` writes it, without particles and what is no name."""
    words = name.split()
    if not words or "".join(words) in NO_NAME:
        return ()
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in SERVANT:
            joined[-1] += word
        else:
            joined.append(word)
    parts = tuple(word for word in joined if word not in PARTICLES and word not in NO_NAME and len(word) > 1)
    return parts or tuple(word for word in words if word not in NO_NAME)


def list_parts(names: Iterable[str]) -> tuple[str, ...]:
    """Return the parts of all these names, each once."""
    return tuple(dict.fromkeys(part for name in names for part in split_parts(name)))


@lru_cache(REMEMBERED)
def find_stem(part: str) -> str:
    """Return what different papers agree on."""
    stem = _FIRST.sub("", _ABD.sub("abd", part))
    for end, instead in _ENDS:
        shorter, times = end.subn(instead, stem)
        if times:
            return shorter
    return stem


@lru_cache(REMEMBERED)
def list_sounds(part: str) -> tuple[str, ...]:
    """Return how a part sounds, as English is read and, where it looks so, as Somali is."""
    stem = find_stem(part)
    return tuple(dict.fromkeys((name_sound(stem), name_sound(_read_as_somali(stem)))))


@lru_cache(REMEMBERED)
def _read_as_somali(part: str) -> str:
    if part in _NOT_SOMALI or not _SOMALI.search(part):
        return part
    read = re.sub("^c(?=[aeiou])|(?<=[aeiou])c$", "", part.replace("x", "h"))
    return re.sub("([aeiou])\\1", "\\1", read) or part


@lru_cache(REMEMBERED * 4)
def compare_parts(part: str, other: str) -> Likeness:
    """Return how near two parts are."""
    if part == other:
        return Likeness.SAME
    if len(part) == 1 or len(other) == 1:
        return Likeness.INITIAL if part[0] == other[0] else Likeness.OTHER
    stem, other_stem = find_stem(part), find_stem(other)
    if stem == other_stem or _sounds_alike(stem, other_stem):
        return Likeness.SOUND
    if are_forms(part, other) or _is_cut(stem, other_stem):
        return Likeness.NICKNAME
    return max(_compare_letters(part, other), _compare_letters(_fold_more(stem), _fold_more(other_stem)))


def _fold_more(stem: str) -> str:
    """Write V for W too, which many languages do not tell apart, and English does."""
    return fold_letters(stem).replace("w", "v")


@lru_cache(REMEMBERED)
def is_like_any(part: str, others: tuple[str, ...]) -> bool:
    """Tell whether a part is near any of these words."""
    return any(compare_parts(part, other) is not Likeness.OTHER for other in others if other)


def _sounds_alike(stem: str, other: str) -> bool:
    if not {*list_sounds(stem)} & {*list_sounds(other)}:
        return False
    read, other_read = _read_as_somali(stem), _read_as_somali(other)
    written = ((stem, other), (read, other_read), (fold_letters(stem), fold_letters(other)))
    return any(JaroWinkler.similarity(*pair) >= ALIKE for pair in written)


def _is_cut(part: str, other: str) -> bool:
    shorter, longer = sorted((part, other), key=len)
    return len(shorter) >= CUT and longer.startswith(shorter)


def _compare_letters(part: str, other: str) -> Likeness:
    shortest = min(len(part), len(other))
    distance = OSA.distance(part, other, score_cutoff=2)
    if distance <= 1 and shortest >= SHORT:
        return Likeness.SLIP
    return Likeness.NEAR if distance == 2 and shortest >= LONG and part[0] == other[0] else Likeness.OTHER
