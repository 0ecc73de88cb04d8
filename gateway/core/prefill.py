"""What a notice that is begun is filled in with: from a notice that lies here, for a sibling, or from a child of ours.

What is filled in is text under the names of the fields, as if it had been typed (`composition`). Which fields these are
is remembered until an officer has looked at each. No I/O.

A restriction is never dropped: what is phone-only is taken over as such, and nothing else of it; where the address is
withheld, nothing of a place. What another authority decided is decided here anew: who did, and until when.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gateway.core.child import ComparedChild
from gateway.core.composition import Said, find_level, is_empty
from gateway.core.safeguards import NEW_IDENTITY
from schemas.rules import WITHHELD

# Of the restriction: what holds wherever the child is, and what was decided about it.
RESTRAINED, DECIDED = ("level", "reason"), ("decided_by", "decided_on", "review_on")
# Of a notice about the same child.
ABOUT_CHILD = ("child", "sibling", "school")
# Of a child whose former names lead to who it was.
FORMER = ("former_surname", "former_upn")
# Of a notice about a brother or sister. What was found out, needed or decided about the child is its own.
SHARED = (
    *("moved_on", "certainty", "destination_address", "previous_address", "destination_school", "contact", "school"),
    *("last_seen_on", "reply_by"),
)
# Of a school: the days are those of the child who went there.
SCHOOL = ("lea", "estab", "school_name")
# Of a child, and of the same as a sibling.
NAMED = ("surname", "forename", "dob", "upn")


class FilledFrom(StrEnum):
    """From what a notice was filled in."""

    RECEIVED = "received"
    SENT = "sent"
    SIBLING = "sibling"
    PUPIL_INDEX = "pupil-index"


@dataclass(frozen=True, slots=True)
class FilledIn:
    """Which fields were filled in and from what, as long as no officer has looked at them."""

    source: FilledFrom | None = None
    # With dots between the names; a list is one.
    paths: frozenset[str] = frozenset()

    def check_off(self, paths: Collection[str]) -> "FilledIn":
        """Return what is still to be looked at when somebody has looked at these."""
        return replace(self, paths=self.paths - frozenset(paths))

    def has_any(self, paths: Collection[str]) -> bool:
        """Tell whether any of these is still to be looked at."""
        return not self.paths.isdisjoint(paths)


NOTHING_FILLED = FilledIn()


def fill_in(source: FilledFrom, body: Said, to: Said) -> FilledIn:
    """Return that all of this was filled in."""
    return FilledIn(source, frozenset((*_list_paths(body), *(("to",) if not is_empty(to) else ()))))


def _list_paths(typed: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name, value in typed.items():
        if isinstance(value, Mapping):
            yield from _list_paths(value, f"{at}{name}.")
        elif not is_empty(value):
            yield f"{at}{name}"


def fill_from_notice(typed: Said, source: FilledFrom) -> Said:
    """Return what a new notice about the same child takes over of one that was sent, or came."""
    restriction = _take_restriction(typed, *(DECIDED if source is FilledFrom.SENT else ()))
    level = find_level(typed)
    if level == "phone-only":
        return {"restriction": restriction}
    names = [name for name in ABOUT_CHILD if level in (None, "none") or name not in WITHHELD]
    taken = {name: typed[name] for name in names if not is_empty(typed.get(name))}
    if "sibling" in taken:
        # The cases of the others were opened with whoever had that notice.
        taken["sibling"] = [_take_fields(sibling, NAMED) for sibling in taken["sibling"]]
    if "child" in taken and restriction.get("reason") in NEW_IDENTITY:
        taken["child"] = {name: value for name, value in taken["child"].items() if name not in FORMER}
    # Where there is none, it is decided anew, not taken over.
    return taken | ({"restriction": restriction} if level not in (None, "none") else {})


def _take_restriction(typed: Said, *more: str) -> Said:
    return _take_fields(typed.get("restriction") or {}, (*RESTRAINED, *more)) | {"level": find_level(typed) or "none"}


def _take_fields(typed: Mapping[str, Any], names: Collection[str]) -> Said:
    return {name: typed[name] for name in names if not is_empty(typed.get(name))}


def list_siblings(typed: Said) -> Sequence[Said]:
    """List the brothers and sisters whom a notice names; none where nothing may be said of the child."""
    return [] if find_level(typed) == "phone-only" else typed.get("sibling") or []


def fill_for_sibling(typed: Said, at: int) -> Said:
    """Return what the notice about a brother or sister takes over of the notice that names it in this place."""
    siblings = list_siblings(typed)
    level = find_level(typed)
    names = [name for name in SHARED if level in (None, "none") or name not in WITHHELD]
    taken = {name: typed[name] for name in names if not is_empty(typed.get(name))}
    if "school" in taken:
        taken["school"] = [_take_fields(school, SCHOOL) for school in taken["school"]]
    if "destination_school" in taken:
        taken["destination_school"] = _take_fields(taken["destination_school"], SCHOOL)
    others = [typed.get("child") or {}, *siblings[:at], *siblings[at + 1 :]]
    return taken | {
        "restriction": _take_restriction(typed, *DECIDED),
        "child": _take_fields(siblings[at], NAMED),
        "sibling": [_take_fields(other, NAMED) for other in others],
    }


def fill_from_pupil(fields: Mapping[str, str], described: ComparedChild) -> Said:
    """Return what a notice about a child of ours takes over of the pupil index.

    `fields`: as the extract says, the year group in one letter or number.
    """
    texts = ("surname", "forename", "middle_names", "preferred_surname", "preferred_forename", "former_surname")
    upn, *former = described.upns or ("",)
    child: Said = _take_fields(fields, texts) | {
        "dob": described.dob.isoformat(),
        "dob_estimated": "yes" if described.dob_estimated else "",
        "sex": described.sex if described.sex in ("F", "M") else "",
        "upn": upn,
        "former_upn": [number for number in former if number],
        "nc_year_actual": fields.get("nc_year", ""),
    }
    postcode = " ".join(fields.get("postcode", "").upper().split())
    return {"child": _take_fields(child, tuple(child))} | (
        {"previous_address": {"post_code": postcode}} if postcode else {}
    )
