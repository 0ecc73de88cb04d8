"""Which authorities a search asks, as a form: all, regions, single ones, each with how it can be reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.authorities.reach import AuthorityReach, count_reached, list_reaches
from gateway.context import Gateway
from gateway.core.authority_search import find_authorities
from schemas import codes


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """A region, how many of it can be reached, and its authorities by name, but for ourselves."""

    name: str
    counted: str
    authorities: Sequence[AuthorityReach]


@dataclass(frozen=True, slots=True)
class WhomChoice:
    """All that may be chosen. `hits`: what somebody looked for, which stands first and not in its region."""

    # How many of England can be reached.
    england: str
    regions: Sequence[RegionChoice]
    looked_for: str
    hits: Sequence[AuthorityReach]

    @property
    def hit_codes(self) -> list[str]:
        """List the codes of those that were found."""
        return [reach.authority for reach in self.hits]


def build_choice(gw: Gateway, looked_for: str) -> WhomChoice:
    """Build what may be chosen now; `looked_for`: a part of a name, or a code."""
    reaches = list_reaches(gw)
    live = [code for code in codes.get_labels("authorities_live") if code in reaches]
    return WhomChoice(
        england=count_reached(reaches, live),
        regions=[_build_region(reaches, name, those) for name, those in codes.list_regions().items()],
        looked_for=looked_for,
        hits=[reaches[authority.code] for authority in find_authorities(looked_for, list(reaches))],
    )


def _build_region(reaches: dict[str, AuthorityReach], name: str, those: frozenset[str]) -> RegionChoice:
    others = sorted((code for code in those if code in reaches), key=lambda code: codes.authority_name(code) or code)
    return RegionChoice(name, count_reached(reaches, others), [reaches[code] for code in others])
