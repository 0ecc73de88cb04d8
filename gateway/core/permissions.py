"""Who may do what: one table of roles and acts, and nothing is allowed that does not stand in it.

Every page of the console names its act, and `console/endpoints.py` asks `get_reach` before anything else happens. A
case system has scopes in place of roles: every call of the API names its act too, and `api/guard.py` asks `is_allowed`.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What a person is here. One person may have several."""

    CME_OFFICER = "cme_officer"
    PUPIL_TRACKING = "pupil_tracking"
    # Sees the cases that were assigned to them, and no other.
    OUTREACH = "outreach"
    SERVICE_MANAGER = "service_manager"
    # Reads the log, not the children.
    AUDITOR = "auditor"
    # Keeps it running; sees nothing about a child.
    OPERATOR = "operator"
    # People and their roles, partners, and case systems.
    ADMIN = "admin"


class Scope(StrEnum):
    """What a case system may do at the API. No scope holds another."""

    NOTICES_READ = "notices:read"
    NOTICES_SEND = "notices:send"
    NOTICES_ANSWER = "notices:answer"
    # Nothing about a child.
    STATUS_READ = "status:read"
    WEBHOOKS = "webhooks"


class Permission(StrEnum):
    """What may be done, as pages and calls name it."""

    OWN_ACCOUNT = "use one's own account"
    SEE_WORK = "see what waits, and how each notice stands"
    READ_CHILD = "read what a notice says of a child"
    FIND = "find notices by name, date of birth, UPN or reference"
    ANSWER = "accept, reject, pass on, answer, conclude"
    SEND = "write, correct and withdraw notices"
    WRITE_DOWN = "write down a call, close a case on it"
    SEARCH = "ask others for a child, stand down, review"
    ASSIGN = "assign a case to somebody"
    REPORT = "see figures in which no child can be made out"
    SEE_FIGURES = "see how much waits for whom, in real numbers"
    INSPECT = "see the list of children for an inspection"
    AUDIT = "review the audit log"
    SEE_PARTNERS = "see partners, their keys and routes"
    MANAGE_PARTNERS = "add and suspend partners, and confirm whom they may call here"
    TEST_CONNECTION = "test the connection to a partner"
    SEE_HEALTH = "see the health of the gateway"
    REPLAY = "try again what could not be delivered"
    MANAGE_PEOPLE = "manage people and their roles"
    SET_AWAY = "say when somebody else is away, and who stands in"
    SEE_SYSTEMS = "see case systems, and how they are told of what happens"
    MANAGE_SYSTEMS = "let case systems call, and end them"
    RESUME_WEBHOOK = "tell a case system again what it did not take"
    WEBHOOKS = "be told of what happens"
    SEE_RETENTION = "see what will be deleted, and what is held"
    HOLD_CASE = "keep a case that would be deleted"
    SUBJECT_ACCESS = "collect everything held about one child"


class Reach(IntEnum):
    """How far an act is open."""

    NONE = 0
    # In cases that were assigned to the person.
    ASSIGNED = 1
    ALL = 2


_OFFICERS = {Role.CME_OFFICER: Reach.ALL, Role.PUPIL_TRACKING: Reach.ALL, Role.SERVICE_MANAGER: Reach.ALL}
_OUTREACH = {Role.OUTREACH: Reach.ASSIGNED}

TABLE: Mapping[Permission, Mapping[Role, Reach]] = {
    Permission.OWN_ACCOUNT: dict.fromkeys(Role, Reach.ALL),
    Permission.SEE_WORK: _OFFICERS | _OUTREACH,
    Permission.READ_CHILD: _OFFICERS | _OUTREACH,
    Permission.FIND: _OFFICERS,
    Permission.ANSWER: _OFFICERS,
    Permission.SEND: _OFFICERS,
    Permission.WRITE_DOWN: _OFFICERS | _OUTREACH,
    Permission.SEARCH: _OFFICERS,
    Permission.ASSIGN: _OFFICERS,
    Permission.REPORT: {Role.SERVICE_MANAGER: Reach.ALL, Role.AUDITOR: Reach.ALL},
    Permission.SEE_FIGURES: {Role.SERVICE_MANAGER: Reach.ALL},
    Permission.INSPECT: {Role.SERVICE_MANAGER: Reach.ALL},
    Permission.AUDIT: {Role.AUDITOR: Reach.ALL, Role.SERVICE_MANAGER: Reach.ALL},
    Permission.SEE_PARTNERS: _OFFICERS | dict.fromkeys((Role.AUDITOR, Role.OPERATOR, Role.ADMIN), Reach.ALL),
    Permission.MANAGE_PARTNERS: {Role.ADMIN: Reach.ALL},
    Permission.TEST_CONNECTION: dict.fromkeys((Role.OPERATOR, Role.ADMIN, Role.SERVICE_MANAGER), Reach.ALL),
    Permission.SEE_HEALTH: {Role.OPERATOR: Reach.ALL, Role.SERVICE_MANAGER: Reach.ALL},
    Permission.REPLAY: {Role.OPERATOR: Reach.ALL, Role.SERVICE_MANAGER: Reach.ALL},
    Permission.MANAGE_PEOPLE: {Role.ADMIN: Reach.ALL},
    Permission.SET_AWAY: {Role.ADMIN: Reach.ALL, Role.SERVICE_MANAGER: Reach.ALL},
    Permission.SEE_SYSTEMS: {Role.ADMIN: Reach.ALL, Role.OPERATOR: Reach.ALL},
    Permission.MANAGE_SYSTEMS: {Role.ADMIN: Reach.ALL},
    Permission.RESUME_WEBHOOK: {Role.ADMIN: Reach.ALL, Role.OPERATOR: Reach.ALL},
    # Who answers for the records, and who reviews what was done with them.
    Permission.SEE_RETENTION: {Role.SERVICE_MANAGER: Reach.ALL, Role.AUDITOR: Reach.ALL},
    Permission.HOLD_CASE: {Role.SERVICE_MANAGER: Reach.ALL},
    Permission.SUBJECT_ACCESS: {Role.SERVICE_MANAGER: Reach.ALL},
    # For case systems only.
    Permission.WEBHOOKS: {},
}
SCOPES: Mapping[Scope, frozenset[Permission]] = {
    Scope.NOTICES_READ: frozenset({Permission.READ_CHILD, Permission.SEE_WORK}),
    Scope.NOTICES_SEND: frozenset({Permission.SEND}),
    Scope.NOTICES_ANSWER: frozenset({Permission.ANSWER}),
    Scope.STATUS_READ: frozenset({Permission.SEE_WORK, Permission.SEE_PARTNERS}),
    Scope.WEBHOOKS: frozenset({Permission.WEBHOOKS}),
}


def get_reach(roles: Iterable[Role], act: Permission) -> Reach:
    """Return how far somebody with these roles may do this: the farthest of them."""
    allowed = TABLE.get(act, {})
    return max((allowed.get(role, Reach.NONE) for role in roles), default=Reach.NONE)


def is_allowed(scopes: Iterable[Scope], act: Permission) -> bool:
    """Tell whether a case system with these scopes may do this."""
    return any(act in SCOPES.get(scope, ()) for scope in scopes)
