"""Who may sign in, and as what: for admins."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.access import people
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.sign_in import CHECKING
from gateway.core import labels
from gateway.core.permissions import Permission, Role
from gateway.errors import NotAllowed

NAME = "{name:[^/]{3,80}}"
ROLES = {role: (labels.name_role(role), labels.explain_role(role)) for role in Role}


async def show_people(request: ConsoleRequest) -> web.StreamResponse:
    """Show everybody."""
    everybody = await asyncio.to_thread(people.list_people, request.gw)
    return request.render_page("people.html", people=everybody, roles=ROLES, now=request.gw.now())


async def ask_new_person(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for somebody new."""
    return _render_new_person(request, "", "", [], None)


async def add_person(request: ConsoleRequest) -> web.StreamResponse:
    """Add somebody new, and show the password, this once."""
    name, called, roles = request.get_typed("name"), request.get_typed("called"), _read_roles(request)
    try:
        work = partial(people.add_account, request.gw, name, called, roles, request.by)
        password = await request.web_request.app[CHECKING].run(work, request.by)
    except NotAllowed as why:
        return _render_new_person(request, name, called, roles, why)
    return request.render_page("people-password.html", name=name.casefold(), password=password)


def _render_new_person(
    request: ConsoleRequest, name: str, called: str, roles: Sequence[Role], wrong: NotAllowed | None
) -> web.Response:
    values = {"name": name, "called": called, "chosen": roles, "wrong": wrong, "roles": ROLES}
    return request.render_page("people-add.html", status=422 if wrong else 200, **values)


async def show_person(request: ConsoleRequest) -> web.StreamResponse:
    """Show one person, and what may be changed."""
    person = await asyncio.to_thread(people.get_person, request.gw, request.get_part("name"))
    return request.render_page("person.html", person=person, roles=ROLES, wrong=None, now=request.gw.now())


async def set_roles(request: ConsoleRequest) -> web.StreamResponse:
    """Set other roles."""
    return await _change_person(request, partial(people.set_roles, roles=_read_roles(request)))


async def ask_end(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the account is to be deactivated."""
    person = await asyncio.to_thread(people.get_person, request.gw, request.get_part("name"))
    return request.render_page("person-end.html", person=person)


async def deactivate_person(request: ConsoleRequest) -> web.StreamResponse:
    """Deactivate the account: they leave."""
    return await _change_person(request, partial(people.set_active, active=False))


async def reactivate_person(request: ConsoleRequest) -> web.StreamResponse:
    """Activate the account again: they are back."""
    return await _change_person(request, partial(people.set_active, active=True))


async def _change_person(request: ConsoleRequest, act: partial[None]) -> web.StreamResponse:
    name = request.get_part("name")
    try:
        await asyncio.to_thread(partial(act, request.gw, name, by=request.by))
    except NotAllowed as why:
        person = await asyncio.to_thread(people.get_person, request.gw, name)
        return request.render_page(
            "person.html", status=422, person=person, roles=ROLES, wrong=why, now=request.gw.now()
        )
    return redirect_to("/people")


async def reset_password(request: ConsoleRequest) -> web.StreamResponse:
    """Make a new one-time password."""
    name = request.get_part("name")
    work = partial(people.reset_password, request.gw, name, request.by)
    password = await request.web_request.app[CHECKING].run(work, request.by)
    return request.render_page("people-password.html", name=name, password=password)


def _read_roles(request: ConsoleRequest) -> list[Role]:
    values = [str(value) for value in request.form.getall("roles", [])]
    return [role for role in Role if role in values]


ENDPOINTS = (
    Endpoint("GET", "/people", Permission.MANAGE_PEOPLE, show_people),
    Endpoint("GET", "/people/add", Permission.MANAGE_PEOPLE, ask_new_person),
    Endpoint("POST", "/people/add", Permission.MANAGE_PEOPLE, add_person),
    Endpoint("GET", f"/people/{NAME}", Permission.MANAGE_PEOPLE, show_person),
    Endpoint("POST", f"/people/{NAME}/roles", Permission.MANAGE_PEOPLE, set_roles),
    Endpoint("GET", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, ask_end),
    Endpoint("POST", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, deactivate_person),
    Endpoint("POST", f"/people/{NAME}/back", Permission.MANAGE_PEOPLE, reactivate_person),
    Endpoint("POST", f"/people/{NAME}/reset", Permission.MANAGE_PEOPLE, reset_password),
)
