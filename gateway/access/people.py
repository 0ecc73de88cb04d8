"""Who may sign in here: accounts are made, changed and ended. Every act on an account is an entry of the audit log.

The first account is made by an operator on the command line; after that an admin does it in the console. A new account
gets a one-time password, shown once, that counts for three days and must be changed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from gateway.context import Gateway
from gateway.core import access_rules
from gateway.core.access_rules import AccessGrant
from gateway.core.permissions import Role
from gateway.core.team import may_have_cases
from gateway.errors import NotAllowed
from gateway.store import access_changes, assignments, audit_log, backup_codes, devices, people
from gateway.store.access_changes import AccessChange
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.people import Person
from keys import passwords
from schemas.hidden_signs import is_line
from schemas.shapes import CaseId

# A weekend lies between Friday and Monday.
ONE_TIME_LIFE = timedelta(days=3)
NAME = re.compile(r"[a-z0-9._'+@-]{3,80}")
MAX_CALLED = 80
LOCAL, DIRECTORY = "local", "directory"


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account, and what an act on it would touch."""

    person: Person
    # Cases that are assigned to them.
    cases: int
    # Where they are signed in.
    sessions: int
    # What other administrators are called.
    other_admins: tuple[str, ...]
    # To whom their cases may be moved.
    takers: Sequence[Person]


def get_account_overview(gw: Gateway, name: str) -> AccountOverview:
    """Return the account of this name, and what an act on it would touch. Raises NotFound."""

    def read(tx: Tx) -> AccountOverview:
        person = people.get_person(tx, name)
        cases, sessions = assignments.list_assigned_cases(tx, name), people.list_sessions(tx, name)
        takers = [it for it in _list_case_workers(tx) if it.name != name]
        return AccountOverview(person, len(cases), len(sessions), tuple(_list_other_admins(tx, name)), takers)

    return gw.store.look(read)


def _list_other_admins(tx: Tx, name: str) -> list[str]:
    """List what the administrators are called who may act, without this one."""
    everybody = people.list_people(tx)
    return [it.called for it in everybody if it.active and Role.ADMIN in it.roles and it.name != name]


def _list_case_workers(tx: Tx) -> list[Person]:
    """List those to whom a case may be assigned, by what they are called."""
    workers = [it for it in people.list_people(tx) if may_have_cases(it.roles, active=it.active)]
    return sorted(workers, key=lambda it: it.called.casefold())


def list_case_workers(gw: Gateway) -> list[Person]:
    """List those to whom a case may be assigned, by what they are called."""
    return gw.store.look(_list_case_workers)


def list_people(gw: Gateway) -> list[Person]:
    """List all who have an account, those who have left too."""
    return gw.store.look(people.list_people)


def list_assigned_cases(gw: Gateway, name: str) -> frozenset[CaseId]:
    """Return the cases that are assigned to a person."""
    return gw.store.look(lambda tx: assignments.list_assigned_cases(tx, name))


def is_assigned(gw: Gateway, case_id: CaseId, name: str) -> bool:
    """Tell whether the case is assigned to the person."""
    return gw.store.look(lambda tx: assignments.is_assigned(tx, case_id, name))


def list_account_faults(gw: Gateway, name: str, called: str, roles: Iterable[Role]) -> dict[str, NotAllowed]:
    """Return all that is wrong with a new account, by what it is wrong with: name, called, roles."""
    faults = {}
    for field, check in (
        ("name", lambda: _check_name(gw, name)),
        ("called", lambda: _check_called(called)),
        ("roles", lambda: _require_roles(roles)),
    ):
        try:
            check()
        except NotAllowed as why:
            faults[field] = why
    return faults


def add_account(gw: Gateway, name: str, called: str, roles: Iterable[Role], by: str) -> str:
    """Add an account, and return the one-time password with which its owner signs in first. Raises NotAllowed."""
    name, called = _read_name(name), " ".join(called.split())
    _check_name(gw, name)
    _check_called(called)
    password, now = passwords.one_time(), gw.now()
    person = Person(
        name=name,
        called=called,
        roles=_require_roles(roles),
        active=True,
        through=LOCAL,
        made_at=now,
        made_by=by,
        password=passwords.hash_password(password),
        password_until=now + ONE_TIME_LIFE,
    )

    def write(tx: Tx) -> None:
        people.add_person(tx, person)
        _log_account_act(tx, gw, "person.added", by, name, {"roles": " ".join(sorted(person.roles))})
        _note_access(
            tx, gw, by, replace(person, roles=access_rules.find_guarded(person.roles)), AccessGrant.ROLES_GIVEN
        )

    gw.store.run(write)
    return password


def _read_name(typed: str) -> str:
    return typed.strip().casefold()


def _check_name(gw: Gateway, typed: str) -> None:
    name = _read_name(typed)
    if not NAME.fullmatch(name):
        raise NotAllowed("people.name")
    if gw.store.look(lambda tx: people.find_person(tx, name)):
        raise NotAllowed("people.exists", name=name)


def _check_called(typed: str) -> None:
    called = " ".join(typed.split())
    if not (0 < len(called) <= MAX_CALLED and is_line(called)):
        raise NotAllowed("people.called")


def _require_roles(roles: Iterable[Role]) -> frozenset[Role]:
    if not (wanted := frozenset(roles)):
        raise NotAllowed("people.no-role", roles=", ".join(Role))
    return wanted


def set_roles(gw: Gateway, name: str, roles: Iterable[Role], by: str) -> None:
    """Give other roles from now on: whoever is signed in signs in again. Raises NotFound or NotAllowed.

    Nobody gives a role to themselves while there is another administrator who can.
    """
    wanted = _require_roles(roles)

    def write(tx: Tx) -> None:
        person = people.get_person(tx, name)
        admins = _list_other_admins(tx, name)
        if access_rules.needs_second_admin(wanted - person.roles, is_own=name == by, other_admins=len(admins)):
            raise NotAllowed("people.own-roles", admins=", ".join(admins))
        _update_person(tx, replace(person, roles=wanted))
        people.delete_sessions(tx, name)
        detail = {"from": " ".join(sorted(person.roles)), "to": " ".join(sorted(wanted))}
        _log_account_act(tx, gw, "person.roles", by, name, detail)
        gained = access_rules.find_guarded(wanted, person.roles)
        _note_access(tx, gw, by, replace(person, roles=gained), AccessGrant.ROLES_GIVEN)

    gw.store.run(write)


def set_called(gw: Gateway, name: str, called: str, by: str) -> None:
    """Set what a person is called from now on; what they did before stays under the old name.

    Whoever signs in through the directory is called as it says. Raises NotFound or NotAllowed.
    """
    wanted = " ".join(called.split())
    _check_called(wanted)

    def write(tx: Tx) -> None:
        person = people.get_person(tx, name)
        if person.through != LOCAL:
            raise NotAllowed("people.directory", "called")
        if wanted == person.called:
            return
        people.update_person(tx, replace(person, called=wanted))
        _log_account_act(tx, gw, "person.called", by, name, {"from": person.called, "to": wanted})

    gw.store.run(write)


def set_active(gw: Gateway, name: str, active: bool, by: str, move_to: str = "") -> None:
    """Mark somebody as having left, or as back: who is not active has no session. Raises NotFound or NotAllowed.

    `move_to`: whoever gets the cases of somebody who leaves; where nobody does, they are shown as nobody's.
    """

    def write(tx: Tx) -> None:
        _update_person(tx, replace(people.get_person(tx, name), active=active, failed=0, locked_until=None))
        people.delete_sessions(tx, name)
        devices.delete_devices(tx, name)
        if active:
            _log_account_act(tx, gw, "person.back", by, name)
        else:
            _log_account_act(tx, gw, "person.ended", by, name)
        if move_to and not active:
            _move_cases(tx, gw, name, move_to, by)

    gw.store.run(write)


def _has_admin(tx: Tx) -> bool:
    return any(person.active and Role.ADMIN in person.roles for person in people.list_people(tx))


def _update_person(tx: Tx, person: Person) -> None:
    """Update the person; who manages people is not taken away with the last of them."""
    had = _has_admin(tx)
    people.update_person(tx, person)
    if had and not _has_admin(tx):
        raise NotAllowed("people.last-admin")


def reset_password(gw: Gateway, name: str, by: str) -> str:
    """Give a new one-time password, without a second factor, to who is locked out. Raises NotFound or NotAllowed."""
    password = passwords.one_time()
    hashed = passwords.hash_password(password)

    def write(tx: Tx) -> None:
        person = people.get_person(tx, name)
        if person.through != LOCAL:
            raise NotAllowed("people.directory")
        until = gw.now() + ONE_TIME_LIFE
        fresh = replace(
            person,
            password=hashed,
            password_until=until,
            failed=0,
            locked_until=None,
            code_key=None,
            code_secret=None,
        )
        people.update_person(tx, fresh)
        people.delete_sessions(tx, name)
        devices.delete_devices(tx, name)
        backup_codes.delete_codes(tx, name)
        _log_account_act(tx, gw, "person.reset", by, name)
        if name != by:
            _note_access(
                tx, gw, by, replace(person, roles=access_rules.find_guarded(person.roles)), AccessGrant.PASSWORD_RESET
            )

    gw.store.run(write)
    return password


def assign_case(gw: Gateway, case_id: CaseId, name: str, by: str) -> None:
    """Assign the case to one person more. Raises NotFound, or NotAllowed where they may have none."""

    def write(tx: Tx) -> None:
        _require_case_worker(tx, name)
        if assignments.assign_case(tx, gw.now(), case_id, name, by):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("case.assigned", by, case_id, detail={"to": name})])

    gw.store.run(write)


def unassign_case(gw: Gateway, case_id: CaseId, name: str, by: str) -> None:
    """Take the case from a person to whom it was assigned."""

    def write(tx: Tx) -> None:
        if assignments.unassign_case(tx, case_id, name):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("case.unassigned", by, case_id, detail={"from": name})])

    gw.store.run(write)


def _require_case_worker(tx: Tx, name: str) -> None:
    person = people.get_person(tx, name)
    if not may_have_cases(person.roles, active=person.active):
        raise NotAllowed("people.no-cases", name=person.called)


def _move_cases(tx: Tx, gw: Gateway, name: str, to: str, by: str) -> None:
    """Move every case of a person to another, with the entries that say so."""
    _require_case_worker(tx, to)
    entries = []
    for case_id in sorted(assignments.list_assigned_cases(tx, name)):
        assignments.unassign_case(tx, case_id, name)
        entries.append(AuditEntry("case.unassigned", by, case_id, detail={"from": name}))
        if assignments.assign_case(tx, gw.now(), case_id, to, by):
            entries.append(AuditEntry("case.assigned", by, case_id, detail={"to": to}))
    if entries:
        audit_log.append_entries(tx, gw.now(), entries)


def _note_access(tx: Tx, gw: Gateway, by: str, given: Person, kind: AccessGrant) -> None:
    """Note by which act a person may have got these roles, for the service manager."""
    if given.roles:
        change = AccessChange(str(uuid4()), gw.now(), kind, given.name, by, given.roles)
        access_changes.add_access_change(tx, change)


def _log_account_act(tx: Tx, gw: Gateway, act: str, by: str, name: str, detail: dict[str, str] | None = None) -> None:
    audit_log.append_entries(tx, gw.now(), [AuditEntry(act, by, name, detail=detail or {})])
