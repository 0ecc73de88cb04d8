"""Who may sign in, and as what: for admins."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.access import people
from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import Door
from gateway.console.sign_in import CHECKING
from gateway.core import labels
from gateway.core.permissions import Permission, Role
from gateway.errors import NotAllowed
from gateway.store import people as kept

NAME = "{name:[^/]{3,80}}"
HINTS = {
    Role.CME_OFFICER: "Views and answers notices, sends new ones, searches for children.",
    Role.PUPIL_TRACKING: "The same as a CME officer. Also reviews searches every 14 days.",
    Role.OUTREACH: "Views assigned cases and records calls.",
    Role.SERVICE_MANAGER: "The same as a CME officer. Also sees reports, system health and the audit log.",
    Role.AUDITOR: "Reviews the audit log. Cannot see a child's record.",
    Role.OPERATOR: "Sees whether the gateway is working. Cannot see anything about a child.",
    Role.ADMIN: "Manages users, roles and connected systems. Cannot see anything about a child.",
}
ROLES = {role: (labels.name_role(role), hint) for role, hint in HINTS.items()}


async def look(visit: Visit) -> web.StreamResponse:
    """Everybody."""
    everybody = await visit.here.store.read(kept.list_people)
    return visit.page("people.html", people=everybody, roles=ROLES, now=visit.here.now())


async def ask(visit: Visit) -> web.StreamResponse:
    """The form for somebody new."""
    return _new_form(visit, "", "", [], None)


async def add(visit: Visit) -> web.StreamResponse:
    """Somebody new, and the password that is shown once."""
    name, called, roles = visit.typed("name"), visit.typed("called"), _roles(visit)
    try:
        work = partial(people.make, visit.here, name, called, roles, visit.by)
        password = await visit.request.app[CHECKING].run(work, visit.by)
    except NotAllowed as why:
        return _new_form(visit, name, called, roles, why)
    return visit.page("people-password.html", name=name.casefold(), password=password)


def _new_form(visit: Visit, name: str, called: str, roles: Sequence[Role], wrong: NotAllowed | None) -> web.Response:
    said = {"name": name, "called": called, "chosen": roles, "wrong": wrong, "roles": ROLES}
    return visit.page("people-add.html", status=422 if wrong else 200, **said)


async def one(visit: Visit) -> web.StreamResponse:
    """One person, and what may be changed."""
    person = await visit.here.store.read(lambda tx: kept.get_person(tx, visit.part("name")))
    return visit.page("person.html", person=person, roles=ROLES, wrong=None, now=visit.here.now())


async def set_roles(visit: Visit) -> web.StreamResponse:
    """Other roles."""
    return await _change(visit, partial(people.set_roles, roles=_roles(visit)))


async def ask_end(visit: Visit) -> web.StreamResponse:
    """Is the account to be deactivated?"""
    person = await visit.here.store.read(lambda tx: kept.get_person(tx, visit.part("name")))
    return visit.page("person-end.html", person=person)


async def end(visit: Visit) -> web.StreamResponse:
    """They leave."""
    return await _change(visit, partial(people.set_active, active=False))


async def back(visit: Visit) -> web.StreamResponse:
    """They are back."""
    return await _change(visit, partial(people.set_active, active=True))


async def _change(visit: Visit, act: partial[None]) -> web.StreamResponse:
    name = visit.part("name")
    try:
        await asyncio.to_thread(partial(act, visit.here, name, by=visit.by))
    except NotAllowed as why:
        person = await visit.here.store.read(lambda tx: kept.get_person(tx, name))
        return visit.page("person.html", status=422, person=person, roles=ROLES, wrong=why, now=visit.here.now())
    return goto("/people")


async def reset(visit: Visit) -> web.StreamResponse:
    """A new one-time password."""
    name = visit.part("name")
    work = partial(people.reset, visit.here, name, visit.by)
    password = await visit.request.app[CHECKING].run(work, visit.by)
    return visit.page("people-password.html", name=name, password=password)


def _roles(visit: Visit) -> list[Role]:
    said = [str(one) for one in visit.form.getall("roles", [])]
    return [role for role in Role if role in said]


DOORS = (
    Door("GET", "/people", Permission.MANAGE_PEOPLE, look),
    Door("GET", "/people/add", Permission.MANAGE_PEOPLE, ask),
    Door("POST", "/people/add", Permission.MANAGE_PEOPLE, add),
    Door("GET", f"/people/{NAME}", Permission.MANAGE_PEOPLE, one),
    Door("POST", f"/people/{NAME}/roles", Permission.MANAGE_PEOPLE, set_roles),
    Door("GET", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, ask_end),
    Door("POST", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, end),
    Door("POST", f"/people/{NAME}/back", Permission.MANAGE_PEOPLE, back),
    Door("POST", f"/people/{NAME}/reset", Permission.MANAGE_PEOPLE, reset),
)
