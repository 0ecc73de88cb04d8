"""Which names are spelt nearly as a person typed one into Find, or sound as it does. No I/O.

How near two names are to each other is decided elsewhere for other ends: `name_parts` for the matching of searches, and
`names.compare_names` for what a notice says twice.

The index knows a name only by marks of its spelling and of its sound (`search_terms`). So a search for names that are
nearly alike makes every spelling that may be meant, and asks for the marks of all of them: nothing more of a name need
stand in the index, and it betrays no more than before.

    edits          one letter wrong, missing, too many, or two in the wrong order (Damerau, 1964)
    respellings    one or two groups of letters written as another language writes that sound: the groups are those of
                   Daitch and Mokotoff (1985), whose table says which are coded alike
    sounds         how the name sounds (`names.name_sound`), and any sound that one edit makes of it; how each
                   respelling sounds
    other names    short and long forms of a forename (`names.list_other_names`)

Far too much is found so. Each notice is therefore opened by the machine, and stays only where the names are as near as
`judge_name` asks.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from rapidfuzz.distance import JaroWinkler

from gateway.core.names import list_other_names, name_sound

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Of `names.name_sound`.
SOUNDS = "0ABFHJKLMNPRSTWXY"
# Letters: in a shorter name no letter is a slip.
SHORTEST = 3
# Letters: a name of no more than three has one letter too few or too many, but no other one.
SHORT = 3
# Letters: of what is longer than a name, nothing is near.
LONGEST = 40
# Ways to write a name; those with one group written otherwise come first.
MOST_RESPELLINGS = 5_000
# Each line is one code, as it is in the middle of a word: 1, 3, 4, 5, 7, 43, 54, 94. A group with two codes, which
# readers sound in two ways, stands twice. Groups that are 2 at the beginning of a word are 4 within it.
GROUPS = (
    "j y",
    "d dt t th",
    "c ch cs csz cz czs drs drz ds dsh dsz dz dzh dzs j rs rz s sc sch schtch schtsch schtsh sh shch shtch shtsh"
    " stch strs strz stsch stsh sz szcs szcz tc tch trs trz ts tsch tsh tts ttsz ttch ttsch tz ttz tzs tsz z zdz zdzh"
    " zh zhdzh zs zsch zsh",
    "c ch ck g h k kh q",
    "b f fb p pf ph v w",
    "schd scht sd shd sht st szd szt zd zhd",
    "chs ks x",
    "rs rz",
)
# Pairs of groups that are written otherwise at the same time, of two places in a name; more would be mostly nonsense.
MOST_PAIRS = 500
# Jaro-Winkler: names of sounds that are only near look no less alike than this.
NEAR_SOUND, RESPELT_SOUND = 0.8, 0.75
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class NearNames:
    """Names that may be meant by one that was typed."""

    name: str = field(repr=False)
    edits: frozenset[str] = field(repr=False)
    respellings: frozenset[str] = field(repr=False)
    other_names: frozenset[str] = field(repr=False)
    sound: str = field(repr=False)
    other_sounds: frozenset[str] = field(repr=False)
    near_sounds: frozenset[str] = field(repr=False)
    respelt_sounds: frozenset[str] = field(repr=False)

    @property
    def close_sounds(self) -> frozenset[str]:
        """Return the sounds of the name itself, and of its other forms."""
        return self.other_sounds | {self.sound}

    @property
    def far_sounds(self) -> frozenset[str]:
        """Return the sounds that are only near."""
        return (self.near_sounds | self.respelt_sounds) - {self.sound}


def _list_groups() -> tuple[re.Pattern[str], Mapping[str, Sequence[str]]]:
    by_group: dict[str, set[str]] = {}
    for written in GROUPS:
        alike = written.split()
        for group in alike:
            by_group.setdefault(group, set()).update(alike)
    longest_first = sorted(by_group, key=lambda group: (-len(group), group))
    others = {group: sorted(alike - {group}) for group, alike in by_group.items()}
    return re.compile("|".join([*longest_first, "."])), others


GROUP, WRITTEN_ALIKE = _list_groups()


@lru_cache(REMEMBERED)
def list_near_names(name: str) -> NearNames:
    """List what may be meant by a name, as `names.normalise_name` writes it, without spaces."""
    may_be_near = SHORTEST <= len(name) <= LONGEST
    respellings = frozenset(islice(_respell(name), MOST_RESPELLINGS)) if may_be_near and name.isascii() else frozenset()
    other_names = list_other_names(name)
    sound = name_sound(name)
    return NearNames(
        name,
        frozenset(_edit_name(name)) if may_be_near else frozenset(),
        respellings,
        other_names,
        sound,
        frozenset(map(name_sound, other_names)),
        frozenset(_edit(sound, SOUNDS)) if may_be_near and sound.isascii() and len(name) > SHORT else frozenset(),
        frozenset(map(name_sound, respellings)),
    )


def _edit_name(name: str) -> Iterator[str]:
    for edited in _edit(name, LETTERS):
        if len(edited) >= SHORTEST and (
            len(edited) != len(name) or len(name) > SHORT or sorted(edited) == sorted(name)
        ):
            yield edited


def _edit(text: str, signs: str) -> Iterator[str]:
    """Yield what one slip makes of this."""
    for at in range(len(text) + 1):
        before, after = text[:at], text[at:]
        yield from (before + sign + after for sign in signs)
        if after:
            yield before + after[1:]
            yield from (before + sign + after[1:] for sign in signs if sign != after[0])
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def _respell(name: str) -> Iterator[str]:
    groups = GROUP.findall(name)
    places = [at for at, group in enumerate(groups) if group in WRITTEN_ALIKE]
    for at in places:
        yield from _write_otherwise(groups, (at,))
    for number, at in enumerate(places):
        for second in places[number + 1 :]:
            if len(WRITTEN_ALIKE[groups[at]]) * len(WRITTEN_ALIKE[groups[second]]) <= MOST_PAIRS:
                yield from _write_otherwise(groups, (at, second))


def _write_otherwise(groups: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    """Yield the name with the groups at these places written in each other way."""
    if not places:
        yield "".join(groups)
        return
    at, *others = places
    for group in WRITTEN_ALIKE[groups[at]]:
        yield from _write_otherwise([*groups[:at], group, *groups[at + 1 :]], others)


def judge_name(typed: str, name: str, *, is_forename: bool) -> tuple[str, float] | None:
    """Judge how a name is near what was typed, and how far: from 0, the same, to 3. None: it is another name."""
    if typed == name:
        return "", 0.0
    near, looks = list_near_names(typed), JaroWinkler.similarity(typed, name)
    sound, far = name_sound(name), 1 - looks
    if is_forename and (name in near.other_names or sound in near.other_sounds):
        return "nickname", 0.5 + far / 10
    if sound == near.sound:
        return "sound", 0.5 + far
    if name in near.edits:
        return "slip", 1 + far
    if name in near.respellings or (sound in near.respelt_sounds and looks >= RESPELT_SOUND):
        return "sound", 1 + far
    return ("slip", 2 + far) if sound in near.near_sounds and looks >= NEAR_SOUND else None


def judge_names(typed: Collection[str], names: Collection[str], *, is_forename: bool) -> tuple[str, float] | None:
    """Judge the nearest of these names to any way in which one was typed."""
    judged = (judge_name(word, name, is_forename=is_forename) for word in typed for name in names)
    return min((nearness for nearness in judged if nearness), key=lambda nearness: nearness[1], default=None)
