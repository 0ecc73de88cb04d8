"""What the names of two children say: every part of every name of one is held against every part of the other's.

The pairs that say most are taken, each part once. A pair says how rare the part is here (`rarity`), less what it costs
that the two are not the same letter by letter, or stand in different places. What no pair explains counts against:

- In 13 of 100 pairs of records of one child the forename differs, in 5.6 the surname, and of those 95 of 100 another
  surname altogether (Lam, Harron and others 2024, ALSPAC, 13,281 children). So another surname costs log2(0.053), 4.2
  bits. Of the 13, 3 are assumed to be another forename altogether; it costs 4 bits, not 5, for such children would be
  lost in silence. The others are forms, spellings, and middle names.
- Two records of one child that both have middle names hardly ever share none: 1 in 6 is assumed, for names are left out
  and cut. A middle name that agrees says little, for few are given, and to whole peoples the same.
- A name that half of a people bears (Singh, Begum, Muhammad) says only that a child is of that people where the rest of
  the name says it too, and as a surname it gives way to a family name.
- What a loss in likeness costs is assumed. It is small, for the count of a part is already that of all who would agree
  so loosely.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from gateway.core.child import ComparedChild
from gateway.core.name_parts import SHARED, compare_parts, list_parts, split_parts
from gateway.core.names import REMEMBERED, Likeness
from gateway.core.rarity import RAREST, NameCounts

LOSS = {
    Likeness.SAME: 0.0,
    Likeness.PART: 0.0,
    Likeness.SOUND: 1.5,
    Likeness.NICKNAME: 2.0,
    Likeness.SLIP: 3.0,
    Likeness.NEAR: 4.5,
}
SURNAME_OTHER, FORENAME_OTHER, FORENAME_MISSING, MIDDLE_OTHER = -4.2, -4.0, -1.0, -2.5
# One of the two surnames is a title, which gives way to a family name sooner than another name does.
TITLE_OTHER = -2.5
# Where no part agrees, a date is not enough, however few children are here.
NEITHER = -16.0
# Both have a further part, and these are two.
REST_OTHER = {"S": -2.5, "F": -4.0}
PART_LOST, KNOWN_AS = 0.5, 2.5
# All that agrees of the forename is a name that half of a people bears; one has another beside it.
SHARED_ALONE = 2.5
# Of a middle name that agrees with a middle name: a family gives one to each child.
MIDDLE_SAME = 3.0
# Of a forename of which the first letter is all there is: one in fourteen begins so.
INITIAL = 3.0
# Of a name that half of a people bears: as surname, and where it says only that a child is of that people.
SHARED_PART, SHARED_BESIDE = 6.0, 0.5


class Place(StrEnum):
    """Where a part stands."""

    SURNAME = "S"
    FORENAME = "F"
    MIDDLE = "M"
    # Of a child who has one name only.
    ONLY = "O"


# What it costs that a part stands in another place.
_MOVED = {
    (Place.FORENAME, Place.MIDDLE): KNOWN_AS,
    (Place.SURNAME, Place.MIDDLE): 2.0,
    (Place.SURNAME, Place.FORENAME): 2.0,
    (Place.SURNAME, Place.ONLY): 0.0,
    (Place.FORENAME, Place.ONLY): 0.5,
    (Place.MIDDLE, Place.ONLY): 2.0,
}
MOVED = _MOVED | {(other, first): cost for (first, other), cost in _MOVED.items()}


@dataclass(frozen=True, slots=True)
class _PlacedPart:
    text: str
    place: Place
    # Of the name that is used now, not of a former or preferred one.
    present: bool


@dataclass(frozen=True, slots=True)
class _PartPair:
    bits: float
    sought: _PlacedPart
    ours: _PlacedPart
    likeness: Likeness


@dataclass(slots=True)
class NameEvidence:
    """What the names say, and the codes of the reasons."""

    bits: float = 0.0
    reasons: list[str] = field(default_factory=list)
    surnames_agree: bool = False
    forenames_differ: bool = False


def weigh_names(sought: ComparedChild, ours: ComparedChild, counts: NameCounts, pair_key: str) -> NameEvidence:
    """Weigh all names of two children. `pair_key`: under which it is counted who bears both names of ours."""
    theirs, known = _place_parts(sought), _place_parts(ours)
    theirs, known = _join_where_same(theirs, known)
    pairs = _choose_pairs(theirs, known, counts)
    return _judge_pairs(theirs, known, pairs, counts.weigh_pair(pair_key))


# The child who is sought is compared with each of ours.
@lru_cache(REMEMBERED // 64)
def _place_parts(child: ComparedChild) -> tuple[_PlacedPart, ...]:
    surnames = split_parts(child.surname)
    forenames = split_parts(child.forename)
    surname_place = Place.SURNAME if child.forename else Place.ONLY
    placed = [
        *(_PlacedPart(part, surname_place, True) for part in surnames),
        *(_PlacedPart(part, surname_place, False) for part in list_parts(child.other_surnames)),
        *(_PlacedPart(part, Place.FORENAME, True) for part in forenames),
        *(_PlacedPart(part, Place.FORENAME, False) for part in list_parts(child.other_forenames)),
        *(_PlacedPart(part, Place.MIDDLE, True) for part in list_parts(child.middle_names) if part not in forenames),
    ]
    seen: dict[tuple[str, Place], _PlacedPart] = {}
    for part in placed:
        seen.setdefault((part.text, part.place), part)
    return tuple(seen.values())


def _join_where_same(
    theirs: tuple[_PlacedPart, ...], known: tuple[_PlacedPart, ...]
) -> tuple[tuple[_PlacedPart, ...], tuple[_PlacedPart, ...]]:
    """Join what one writes in one word and the other in two, such as Annamaria."""
    for place in (Place.SURNAME, Place.FORENAME):
        first, other = (_present(some, place) for some in (theirs, known))
        if len(first) != len(other) and _are_one_word(first, other):
            theirs, known = _join(theirs, first), _join(known, other)
    return theirs, known


def _are_one_word(some: Sequence[_PlacedPart], others: Sequence[_PlacedPart]) -> bool:
    words = ["".join(part.text for part in parts) for parts in (some, others)]
    # A name of which half was left out is compared part by part.
    texts = [{part.text for part in parts} for parts in (some, others)]
    if texts[0] <= texts[1] or texts[1] <= texts[0]:
        return False
    return all(words) and compare_parts(*words) in (Likeness.SAME, Likeness.SOUND, Likeness.SLIP, Likeness.NEAR)


def _present(parts: Iterable[_PlacedPart], place: Place) -> tuple[_PlacedPart, ...]:
    return tuple(part for part in parts if part.place is place and part.present)


def _join(parts: tuple[_PlacedPart, ...], some: tuple[_PlacedPart, ...]) -> tuple[_PlacedPart, ...]:
    whole = _PlacedPart("".join(part.text for part in some), some[0].place, True)
    return (whole, *(part for part in parts if part not in some))


def _choose_pairs(theirs: Sequence[_PlacedPart], known: Sequence[_PlacedPart], counts: NameCounts) -> list[_PartPair]:
    """Choose the pairs that say most, each part once."""
    every = [pair for first in theirs for other in known if (pair := _pair_parts(first, other, counts))]
    every.sort(key=lambda pair: -pair.bits)
    chosen: list[_PartPair] = []
    for pair in every:
        if not any(pair.sought is taken.sought or pair.ours is taken.ours for taken in chosen):
            chosen.append(pair)
    return chosen


def _pair_parts(first: _PlacedPart, other: _PlacedPart, counts: NameCounts) -> _PartPair | None:
    likeness = compare_parts(first.text, other.text)
    if likeness is Likeness.OTHER:
        return None
    moved = first.place is not other.place
    if likeness is Likeness.INITIAL:
        # An initial of a surname says nothing.
        tells = not moved and first.place is Place.FORENAME
        return _PartPair(INITIAL, first, other, likeness) if tells else None
    if moved and likeness < Likeness.SOUND:
        return None
    bits = counts.weigh_part(first.text, other.text, likeness)
    if {first.text, other.text} & SHARED:
        if moved or first.place is Place.MIDDLE:
            return _PartPair(min(bits, SHARED_BESIDE), first, other, likeness)
        bits = min(bits, SHARED_PART if first.place is Place.SURNAME else bits)
    bits -= LOSS[likeness] + (MOVED[first.place, other.place] if moved else 0.0)
    return _PartPair(bits, first, other, likeness)


def _judge_pairs(
    theirs: Sequence[_PlacedPart], known: Sequence[_PlacedPart], pairs: list[_PartPair], most: float
) -> NameEvidence:
    pairs = _drop_shared(theirs, known, pairs)
    evidence = NameEvidence()
    middle = [pair for pair in pairs if pair.sought.place is pair.ours.place is Place.MIDDLE]
    placed = [pair for pair in pairs if pair.sought.place is pair.ours.place and pair not in middle]
    moved = [pair for pair in pairs if pair.sought.place is not pair.ours.place]
    evidence.bits = min(RAREST, min(most, sum(pair.bits for pair in placed)) + sum(pair.bits for pair in moved))
    evidence.bits += min(MIDDLE_SAME, sum(max(0.0, pair.bits) for pair in middle))
    _judge_surnames(evidence, theirs, known, pairs)
    _judge_forenames(evidence, theirs, known, pairs)
    if not middle and _have(theirs, Place.MIDDLE) and _have(known, Place.MIDDLE):
        taken = [pair for pair in pairs if Place.MIDDLE in (pair.sought.place, pair.ours.place)]
        evidence.bits += 0 if taken else MIDDLE_OTHER
    if not pairs:
        evidence.bits = NEITHER
    return evidence


def _have(parts: Iterable[_PlacedPart], *places: Place) -> bool:
    return any(part.place in places for part in parts)


def _rest(parts: Iterable[_PlacedPart], taken: Iterable[_PlacedPart], place: Place) -> list[_PlacedPart]:
    """Return what no pair explains of the present names in this place; what a people shares explains itself."""
    used = list(taken)
    return [
        part
        for part in parts
        if part.place is place and part.present and part.text not in SHARED and all(part is not first for first in used)
    ]


def _drop_shared(
    theirs: Sequence[_PlacedPart], known: Sequence[_PlacedPart], pairs: list[_PartPair]
) -> list[_PartPair]:
    """Leave out a forename that half of a people bears, where each has another beside it and these are two."""
    both = [[pair.sought for pair in pairs], [pair.ours for pair in pairs]]
    if not (_rest(theirs, both[0], Place.FORENAME) and _rest(known, both[1], Place.FORENAME)):
        return pairs
    return [
        pair
        for pair in pairs
        if not (pair.sought.place is pair.ours.place is Place.FORENAME and {pair.sought.text, pair.ours.text} & SHARED)
    ]


def _judge_surnames(
    evidence: NameEvidence, theirs: Sequence[_PlacedPart], known: Sequence[_PlacedPart], pairs: Sequence[_PartPair]
) -> None:
    both = (Place.SURNAME, Place.ONLY)
    if not (_have(theirs, *both) and _have(known, *both)):
        return
    if _have(theirs, Place.ONLY) or _have(known, Place.ONLY):
        evidence.reasons.append("one-name")
    same = [pair for pair in pairs if pair.sought.place in both and pair.ours.place in both]
    if same:
        evidence.surnames_agree = True
        best = max(same, key=lambda pair: pair.likeness)
        rests = (
            _rest(theirs, [pair.sought for pair in pairs], Place.SURNAME),
            _rest(known, [pair.ours for pair in pairs], Place.SURNAME),
        )
        evidence.reasons.append(_name_surname(best, any(rests)))
        evidence.bits += REST_OTHER["S"] if all(rests) else -PART_LOST if any(rests) else 0.0
        return
    if any(Place.SURNAME in (pair.sought.place, pair.ours.place) for pair in pairs):
        crossed = {(pair.sought.place, pair.ours.place) for pair in pairs} >= {
            (Place.SURNAME, Place.FORENAME),
            (Place.FORENAME, Place.SURNAME),
        }
        evidence.reasons.append("names-swapped" if crossed else "surname-among-names")
        return
    evidence.bits += TITLE_OTHER if _bears_title(theirs) or _bears_title(known) else SURNAME_OTHER
    evidence.reasons.append("surname-other")


def _bears_title(parts: Sequence[_PlacedPart]) -> bool:
    """Tell whether what stands as surname is no name of a family."""
    surnames = _present(parts, Place.SURNAME)
    return bool(surnames) and all(part.text in SHARED for part in surnames)


def _name_surname(pair: _PartPair, rest: bool) -> str:
    if pair.likeness is Likeness.SAME:
        if not (pair.sought.present and pair.ours.present):
            return "surname-known-as"
        return "surname-part" if rest else "surname"
    return {Likeness.SLIP: "surname-slip", Likeness.NEAR: "surname-slip"}.get(pair.likeness, "surname-sound")


def _judge_forenames(
    evidence: NameEvidence, theirs: Sequence[_PlacedPart], known: Sequence[_PlacedPart], pairs: Sequence[_PartPair]
) -> None:
    if not (_have(theirs, Place.FORENAME) and _have(known, Place.FORENAME)):
        if not (_have(theirs, Place.ONLY) or _have(known, Place.ONLY)):
            evidence.bits += FORENAME_MISSING
            evidence.reasons.append("forename-missing")
        return
    same = [pair for pair in pairs if pair.sought.place is pair.ours.place is Place.FORENAME]
    if same:
        best = max(same, key=lambda pair: pair.likeness)
        rests = (
            _rest(theirs, [pair.sought for pair in pairs], Place.FORENAME),
            _rest(known, [pair.ours for pair in pairs], Place.FORENAME),
        )
        evidence.reasons.append(_name_forename(best, any(rests)))
        evidence.bits += REST_OTHER["F"] if all(rests) else -PART_LOST if any(rests) else 0.0
        if any(rests) and all({pair.sought.text, pair.ours.text} & SHARED for pair in same):
            evidence.bits -= SHARED_ALONE
        return
    if any({pair.sought.place, pair.ours.place} == {Place.FORENAME, Place.MIDDLE} for pair in pairs):
        evidence.reasons.append("forename-known-as")
        return
    if "names-swapped" in evidence.reasons or any(
        Place.FORENAME in (pair.sought.place, pair.ours.place) and Place.ONLY in (pair.sought.place, pair.ours.place)
        for pair in pairs
    ):
        return
    evidence.bits += FORENAME_OTHER
    evidence.forenames_differ = True
    evidence.reasons.append("forename-other")


def _name_forename(pair: _PartPair, rest: bool) -> str:
    if pair.likeness is Likeness.SAME:
        if not (pair.sought.present and pair.ours.present):
            return "forename-known-as"
        return "forename-part" if rest else "forename"
    return {
        Likeness.SLIP: "forename-slip",
        Likeness.NEAR: "forename-slip",
        Likeness.INITIAL: "forename-initial",
        Likeness.NICKNAME: "forename-nickname",
    }.get(pair.likeness, "forename-sound")
