"""Is a child of ours the child for whom somebody searches? A strength from 0 to 1, and the reasons, which hold no word
of either.

Each element that was compared adds bits for or against (Fellegi and Sunter, 1969): how many times likelier it is seen
when both are one child than when they are two. Against them stands that any one child of so many here is hardly ever
the one. How much a name says depends on how many bear it here. The bits were set by `benchmarks/matching.py`, on
another population than is reported.

Twins and siblings share surname, home and perhaps the day of birth; where the forename is another, and no UPN says that
it is the same child, they stay below any threshold for a match.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import log2

from rapidfuzz.distance import OSA

from gateway.core.names import Likeness, find_nearest

# A possible match, which an officer sees.
MATCH = 0.5
# Where something is as near as this, no machine says "no trace".
CAUTIOUS = 0.2
# A brother or sister whom the search names is known here.
FAMILY = 0.8
# No twin or sibling is nearer than this.
SIBLING = 0.3
# Beside one who is so near, none who is less near than the other of the two.
SURE, CLEAR = 0.98, 0.9

UPN_SAME, UPN_SLIP, UPN_OTHER = 22.0, 9.0, -5.0
DOB_BITS = {
    "dob": 12.5,
    "dob-swapped": 10.0,
    "dob-digit": 7.0,
    "dob-year": 6.0,
    "dob-month": 2.5,
    "dob-estimated": 4.0,
    "dob-other": -9.0,
}
# Of what two names say, where they are not the same.
LOSS = {
    Likeness.SAME: 0.0,
    Likeness.PART: 1.0,
    Likeness.NICKNAME: 1.5,
    Likeness.SOUND: 1.5,
    Likeness.SLIP: 2.5,
}
# Losses too.
KNOWN_AS, SWAPPED = 1.5, 1.0
# What both names together may say.
RAREST, COMMONEST = 14.0, 5.0
ONE_NAME, INITIAL, SURNAME_ONLY, FORENAME_ONLY, NEITHER = 6.0, 6.0, -6.0, -1.0, -16.0
SEX_SAME, SEX_OTHER = 1.0, -3.0
POSTCODE = 7.0
# Beyond one in so many children: most searches are for a child who is not here at all.
AGAINST = 1.5
# Of an estimated date of birth.
NEAR_DAYS = 400


@dataclass(frozen=True, slots=True)
class ComparedChild:
    """A child as it is compared: names as `names.normalise_name` writes them, UPNs and postcode in capitals without
    spaces.
    """

    # Or the only name.
    surname: str
    forename: str
    # Former, preferred.
    other_surnames: tuple[str, ...]
    # Preferred.
    other_forenames: tuple[str, ...]
    middle_names: tuple[str, ...]
    dob: date
    dob_estimated: bool
    sex: str
    # The present one first, or empty in its place; then former ones.
    upns: tuple[str, ...]
    postcode: str

    @property
    def surnames(self) -> tuple[str, ...]:
        """Return every surname, the present one first."""
        return (self.surname, *self.other_surnames)

    @property
    def forenames(self) -> tuple[str, ...]:
        """Return every forename but middle names, the present one first."""
        return tuple(name for name in (self.forename, *self.other_forenames) if name)


@dataclass(frozen=True, slots=True)
class ChildMatch:
    """How near a child of ours is, and why: codes of reasons, which `labels.name_match_reason` names."""

    strength: float
    reasons: tuple[str, ...]


def get_least_strength(strongest: float) -> float:
    """Return how near a child must be to be shown beside the nearest of all."""
    return CLEAR if strongest >= SURE else MATCH


Weighed = tuple[float, tuple[str, ...]]


def match_child(sought: ComparedChild, ours: ComparedChild, *, namesakes: int, of: int) -> ChildMatch:
    """Compare. `namesakes`: how many children here bear names that sound as ours do, of so many."""
    upn, names = _weigh_upn(sought, ours), _weigh_names(sought, ours, _name_rarity(namesakes, of))
    weighed = (upn, _weigh_dob(sought, ours), names, _weigh_sex(sought, ours), _weigh_postcode(sought, ours))
    bits = sum(weight for weight, _ in weighed) - log2(max(of, 2)) - AGAINST
    reasons = tuple(reason for _, some in weighed for reason in some)
    strength = 1 / (1 + 2.0 ** min(60.0, -bits / 2))
    if upn[0] <= 0 and _is_sibling(reasons):
        return ChildMatch(min(strength, SIBLING), (*reasons, "sibling"))
    return ChildMatch(strength, reasons)


def _name_rarity(namesakes: int, of: int) -> float:
    return min(RAREST, max(COMMONEST, log2(max(of, 2) / max(namesakes, 1))))


def _is_sibling(reasons: tuple[str, ...]) -> bool:
    alike = any(reason.startswith("surname") and reason != "surname-other" for reason in reasons)
    return alike and "forename-other" in reasons and ("dob" in reasons or "postcode" in reasons)


def _weigh_upn(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    theirs, known = [u for u in sought.upns if u], [u for u in ours.upns if u]
    if not theirs or not known:
        return 0, ()
    if sought.upns[0] and sought.upns[0] == ours.upns[0]:
        return UPN_SAME, ("upn",)
    if {*theirs} & {*known}:
        return UPN_SAME, ("upn-former",)
    if any(OSA.distance(sought_upn, other, score_cutoff=1) == 1 for sought_upn in theirs for other in known):
        return UPN_SLIP, ("upn-slip",)
    temporary = any(upn[-1].isalpha() for upn in (*theirs, *known))
    return (0 if temporary else UPN_OTHER), ("upn-other",)


def _weigh_dob(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    reason = compare_dobs(sought.dob, ours.dob, estimated=sought.dob_estimated or ours.dob_estimated)
    return DOB_BITS[reason], (reason,)


def compare_dobs(first: date, other: date, *, estimated: bool) -> str:
    """Return the reason that says how two dates of birth compare."""
    if first == other:
        return "dob-estimated" if estimated else "dob"
    if (first.day, first.month, first.year) == (other.month, other.day, other.year):
        return "dob-swapped"
    if OSA.distance(f"{first:%d%m%Y}", f"{other:%d%m%Y}", score_cutoff=1) == 1:
        return "dob-digit"
    if (first.day, first.month) == (other.day, other.month) and abs(first.year - other.year) == 1:
        return "dob-year"
    if estimated and abs((first - other).days) <= NEAR_DAYS:
        return "dob-estimated"
    return "dob-month" if (first.month, first.year) == (other.month, other.year) else "dob-other"


def _weigh_names(sought: ComparedChild, ours: ComparedChild, rarity: float) -> Weighed:
    if not sought.forenames or not ours.forenames:
        return _weigh_one_name(sought, ours)
    surname, surname_reason = _compare_surnames(sought, ours)
    forename, forename_reason = _compare_forenames(sought, ours)
    crossed = _crossed_loss(sought, ours)
    if crossed is not None and min(surname, forename) < Likeness.SLIP:
        return rarity - crossed - SWAPPED, ("names-swapped",)
    reasons = (surname_reason, forename_reason)
    lost = sum(KNOWN_AS for reason in reasons if reason.endswith("known-as"))
    if surname >= Likeness.SLIP and forename >= Likeness.SLIP:
        return rarity - LOSS[surname] - LOSS[forename] - lost, reasons
    if surname >= Likeness.SLIP:
        return (INITIAL if forename is Likeness.INITIAL else SURNAME_ONLY) - LOSS[surname], reasons
    if forename >= Likeness.SLIP:
        return FORENAME_ONLY - LOSS[forename], reasons
    return NEITHER, reasons


def _weigh_one_name(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    near = find_nearest((*sought.surnames, *sought.forenames), (*ours.surnames, *ours.forenames))
    if near < Likeness.SLIP:
        return NEITHER, ("one-name",)
    return ONE_NAME - LOSS[near], ("one-name", _likeness_reason("surname", near))


def _compare_surnames(sought: ComparedChild, ours: ComparedChild) -> tuple[Likeness, str]:
    first, any_of_them = find_nearest([sought.surname], [ours.surname]), find_nearest(sought.surnames, ours.surnames)
    if any_of_them > first and any_of_them is Likeness.SAME:
        return any_of_them, "surname-known-as"
    nearest_likeness = any_of_them if any_of_them is not Likeness.NICKNAME else Likeness.SOUND
    return nearest_likeness, _likeness_reason("surname", nearest_likeness)


def _compare_forenames(sought: ComparedChild, ours: ComparedChild) -> tuple[Likeness, str]:
    """Compare forenames. Middle names count only beside a forename: brothers may share one."""
    first = find_nearest(sought.forenames[:1], ours.forenames[:1])
    further = max(
        find_nearest(sought.forenames, (*ours.forenames, *ours.middle_names)),
        find_nearest(sought.middle_names, ours.forenames),
    )
    if further > first and further is Likeness.SAME:
        return further, "forename-known-as"
    return max(first, further), _likeness_reason("forename", max(first, further))


def _crossed_loss(sought: ComparedChild, ours: ComparedChild) -> float | None:
    """Return what is lost where the surname of each is the forename of the other; None where it is not."""
    surname_likeness, other = (
        find_nearest(sought.surnames, ours.forenames),
        find_nearest(sought.forenames, ours.surnames),
    )
    return LOSS[surname_likeness] + LOSS[other] if min(surname_likeness, other) >= Likeness.SLIP else None


SAID: Mapping[Likeness, str] = {
    Likeness.OTHER: "-other",
    Likeness.INITIAL: "-initial",
    Likeness.SLIP: "-slip",
    Likeness.SOUND: "-sound",
    Likeness.NICKNAME: "-nickname",
    Likeness.PART: "-part",
    Likeness.SAME: "",
}


# A surname is never short for another, and an initial of one says nothing.
OF_SURNAMES = {Likeness.INITIAL: Likeness.OTHER, Likeness.NICKNAME: Likeness.SOUND}


def _likeness_reason(name: str, degree: Likeness) -> str:
    return name + SAID[OF_SURNAMES.get(degree, degree) if name == "surname" else degree]


def _weigh_sex(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    if not {sought.sex, ours.sex} <= {"F", "M"}:
        return 0, ()
    return (SEX_SAME, ()) if sought.sex == ours.sex else (SEX_OTHER, ("sex-other",))


def _weigh_postcode(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    same = sought.postcode and sought.postcode == ours.postcode
    return (POSTCODE, ("postcode",)) if same else (0, ())
