"""Who may have a case of those who sign in here, and who stands in for somebody who is away."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.core.permissions import Permission, Reach, Role, get_reach


def may_have_cases(roles: Iterable[Role], *, active: bool) -> bool:
    """Tell whether a case may be assigned to somebody: they work here, and may open it once it is theirs."""
    return active and get_reach(roles, Permission.READ_CHILD) > Reach.NONE


def may_be_deputy(roles: Iterable[Role], *, active: bool) -> bool:
    """Tell whether somebody may stand in for another: they see every case, so it opens none to them."""
    return active and get_reach(roles, Permission.READ_CHILD) is Reach.ALL


@dataclass(frozen=True, slots=True)
class Absence:
    """When somebody is away, and who has their cases meanwhile."""

    person: str
    # The first day, and the last.
    since: date
    until: date
    # Empty: nobody.
    deputy: str = ""

    def is_on(self, today: date) -> bool:
        """Tell whether they are away on this day."""
        return self.since <= today <= self.until


def find_stand_ins(absences: Iterable[Absence], today: date, deputies: Collection[str]) -> dict[str, str]:
    """Find who stands in for each who is away today; whoever has nobody is left out.

    Where a deputy is away too, it is the deputy of that one. `deputies`: who may stand in for somebody.
    """
    away = {absence.person: absence for absence in absences if absence.is_on(today)}
    stand_ins = {person: _follow_deputies(person, away) for person in away}
    return {person: deputy for person, deputy in stand_ins.items() if deputy in deputies}


def _follow_deputies(person: str, away: Mapping[str, Absence]) -> str:
    """Return the first deputy who is not away; empty where there is none, or they stand in for each other."""
    seen, name = set[str](), person
    while name in away and name not in seen:
        seen.add(name)
        name = away[name].deputy
    return "" if name in away else name
