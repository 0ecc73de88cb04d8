"""Who may have a case of those who sign in here."""

from collections.abc import Iterable

from gateway.core.permissions import Permission, Reach, Role, get_reach


def may_have_cases(roles: Iterable[Role], *, active: bool) -> bool:
    """Tell whether a case may be assigned to somebody: they work here, and may open it once it is theirs."""
    return active and get_reach(roles, Permission.READ_CHILD) > Reach.NONE
