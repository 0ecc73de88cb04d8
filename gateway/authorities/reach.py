"""How each authority can be reached from here: told when it is chosen, not once all is written."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.context import Gateway
from gateway.core import labels
from gateway.exchange.enquire import explain_out_of_reach
from schemas import codes


class ReachWay(StrEnum):
    """How an authority is reached."""

    GATEWAY = "gateway"
    # People there read it; their reply is unsigned.
    EMAIL = "email"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AuthorityReach:
    """One authority, how it is reached, and whom to call there."""

    authority: str
    way: ReachWay
    # Why nothing that is sent would get there; empty where it would.
    why: str
    # Empty where nobody is known.
    contact: str

    @property
    def listed(self) -> str:
        """Return how it is shown in a list from which it is chosen."""
        return labels.name_in_list(self.authority, self.way)

    @property
    def refusal(self) -> str:
        """Return what is said where a notice would go there, and it cannot be reached."""
        return labels.explain_cannot_send(self.authority, self.why, self.contact)


def find_reach(gw: Gateway, code: str) -> AuthorityReach:
    """Find how one authority is reached now."""
    why = explain_out_of_reach(gw, code) or ""
    way = ReachWay.NONE if why else ReachWay.EMAIL if gw.letters_go_to(code) else ReachWay.GATEWAY
    return AuthorityReach(code, way, why, gw.whom_to_ring(code))


def list_reaches(gw: Gateway, authorities: Iterable[str] | None = None) -> dict[str, AuthorityReach]:
    """List how these authorities are reached, or all others that exist, by code."""
    wanted = _list_others(gw) if authorities is None else authorities
    return {code: find_reach(gw, code) for code in wanted}


def _list_others(gw: Gateway) -> list[str]:
    known = codes.get_labels("authorities_live") | codes.get_labels("authorities_wales")
    return [code for code in known if code != gw.code]


def count_reached(reaches: dict[str, AuthorityReach], authorities: Collection[str]) -> str:
    """Count how many of these can be reached, in words."""
    reached = sum(reaches[code].way is not ReachWay.NONE for code in authorities)
    return labels.count_reached(reached, len(authorities))
