"""Who may give whom a role, and which roles the service manager is told of."""

from collections.abc import Iterable
from enum import StrEnum

from gateway.core.permissions import Permission, Reach, Role, get_reach

# That open children's records, or let somebody give such a role to anybody.
GUARDED = frozenset(role for role in Role if get_reach([role], Permission.READ_CHILD) > Reach.NONE) | {Role.ADMIN}


class AccessGrant(StrEnum):
    """By what somebody may have got access to children's records."""

    ROLES_GIVEN = "roles"
    # With the one-time password, whoever gave it can sign in as that person.
    PASSWORD_RESET = "reset"  # noqa: S105 - a kind, not a secret
    # Another authority, which may be sent them from now on.
    PARTNER_ADDED = "partner"
    # Many of them, by the directory of a scheme.
    DIRECTORY_TAKEN = "directory"


def find_guarded(roles: Iterable[Role], before: Iterable[Role] = ()) -> frozenset[Role]:
    """Return the roles among these, and not among those of before, of which the service manager is told."""
    return (frozenset(roles) - frozenset(before)) & GUARDED


def needs_second_factor(roles: Iterable[Role], required: Iterable[Role]) -> bool:
    """Tell whether somebody with these roles must have an authenticator app, by the roles of which one must."""
    return not frozenset(roles).isdisjoint(required)


def needs_second_admin(gained: Iterable[Role], *, is_own: bool, other_admins: int) -> bool:
    """Tell whether another administrator must give these roles: nobody gives one to themselves while there is one."""
    return is_own and other_admins > 0 and bool(frozenset(gained))
