"""Is a child of ours the child for whom somebody searches? A strength from 0 to 1, and the reasons, which hold no word
of either.

Each element that was compared adds bits for or against (Fellegi and Sunter, 1969): how many times likelier it is seen
when both are one child than when they are two. Against them stands that any one child of so many here is hardly ever
the one. Names are weighed in `name_evidence`, dates in `dates_of_birth`; how much a name says depends on how many bear
it here (`rarity`). Each bit has its reason beside it, in published rates where there are any; what is assumed says so.

Twins share surname, home and day of birth. Where the forename is another they are shown only if the surname is so rare
that it must be the child, under another forename, or a twin; an officer sees which. Siblings born on other days stay
below any threshold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

from rapidfuzz.distance import OSA

from gateway.core.child import ComparedChild
from gateway.core.dates_of_birth import DOB_BITS, compare_dobs
from gateway.core.name_evidence import NameEvidence, weigh_names
from gateway.core.rarity import NameCounts

# A possible match, which an officer sees.
MATCH = 0.5
# Where something is as near as this, a person looks.
CAUTIOUS = 0.23
# A brother or sister whom the search names is known here.
FAMILY = 0.8
# No sibling, and no twin of another sex or UPN, is nearer than this.
SIBLING = 0.3
# Beside one who is so near, none who is less near than the other of the two.
SURE, CLEAR = 0.98, 0.9

UPN_SAME, UPN_SLIP, UPN_OTHER = 22.0, 9.0, -5.0
# One in two; wrong in some 0.3 of 100 records.
SEX_SAME, SEX_OTHER = 1.0, -3.0
# Some fifteen children live in one; but a whole family does.
POSTCODE = 7.0
# A slip in the date says less than it is given (`dates_of_birth`), for the sake of children of whom all else agrees.
# Where something else is another too, it says what it says.
SLIP_BESIDE = 2.0
SLIPS = frozenset(("dob-digit", "dob-year", "dob-month", "dob-near"))
OTHERS = frozenset(
    (
        *("upn-other", "sex-other", "surname-other", "surname-among-names"),
        *("forename-other", "forename-known-as"),
    )
)
# Beyond one in so many children: most searches are for a child who is not here at all.
AGAINST = 1.2


@dataclass(frozen=True, slots=True)
class ChildMatch:
    """How near a child of ours is, and why: codes of reasons, which `labels.name_match_reason` names."""

    strength: float
    reasons: tuple[str, ...]

    @property
    def is_family(self) -> bool:
        """Tell whether this is not the child, but a sibling whom the search names."""
        return "named-sibling" in self.reasons


def get_least_strength(matches: Iterable[ChildMatch]) -> float:
    """Return how near a child must be to be shown beside the nearest of all; siblings who are named push nobody out."""
    strongest = max((match.strength for match in matches if not match.is_family), default=0.0)
    return CLEAR if strongest >= SURE else MATCH


def is_shown(match: ChildMatch, least: float) -> bool:
    """Tell whether an officer sees this one. A named sibling is seen whoever else is."""
    return match.strength >= (MATCH if match.is_family else least)


Weighed = tuple[float, tuple[str, ...]]


def match_child(sought: ComparedChild, ours: ComparedChild, counts: NameCounts, pair_key: str) -> ChildMatch:
    """Compare. `pair_key`: `blocking.pair_count_key` of ours, under which its namesakes are counted."""
    upn, names = _weigh_upn(sought, ours), weigh_names(sought, ours, counts, pair_key)
    dob, sex, postcode = _weigh_dob(sought, ours), _weigh_sex(sought, ours), _weigh_postcode(sought, ours)
    weighed = (upn, dob, (names.bits, tuple(names.reasons)), sex, postcode)
    reasons = tuple(reason for _, some in weighed for reason in some)
    bits = sum(weight for weight, _ in weighed) - log2(max(counts.of, 2)) - AGAINST
    if not SLIPS.isdisjoint(reasons) and not OTHERS.isdisjoint(reasons):
        bits -= SLIP_BESIDE
    strength = 1 / (1 + 2.0 ** min(60.0, -bits / 2))
    if upn[0] > 0 or not names.forenames_differ or not names.surnames_agree:
        return ChildMatch(strength, reasons)
    return _judge_family(ChildMatch(strength, reasons), names)


def _judge_family(match: ChildMatch, names: NameEvidence) -> ChildMatch:
    """Judge one who shares the surname, and bears another forename."""
    if "dob" not in match.reasons:
        alike = "postcode" in match.reasons
        return ChildMatch(min(match.strength, SIBLING), (*match.reasons, "sibling")) if alike else match
    if {"upn-other", "sex-other"} & {*match.reasons}:
        return ChildMatch(min(match.strength, SIBLING), (*match.reasons, "sibling"))
    return ChildMatch(match.strength, (*match.reasons, "twin"))


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


def _weigh_sex(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    if not {sought.sex, ours.sex} <= {"F", "M"}:
        return 0, ()
    return (SEX_SAME, ()) if sought.sex == ours.sex else (SEX_OTHER, ("sex-other",))


def _weigh_postcode(sought: ComparedChild, ours: ComparedChild) -> Weighed:
    same = sought.postcode and sought.postcode == ours.postcode
    return (POSTCODE, ("postcode",)) if same else (0, ())
