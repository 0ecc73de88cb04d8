"""Who may sign in, and as what: for admins."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote

from aiohttp import web

from gateway.access import people
from gateway.access.people import AccountOverview
from gateway.console.console_request import SESSION_COOKIE, ConsoleRequest, redirect_to
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
    return _render_new_person(request, "", "", [], {})


async def add_person(request: ConsoleRequest) -> web.StreamResponse:
    """Add somebody new, and show the password, this once."""
    name, called, roles = request.get_typed("name"), request.get_typed("called"), _read_roles(request)
    faults = await asyncio.to_thread(people.list_account_faults, request.gw, name, called, roles)
    if faults:
        return _render_new_person(request, name, called, roles, faults)
    try:
        work = partial(people.add_account, request.gw, name, called, roles, request.by)
        password = await request.web_request.app[CHECKING].run(work, request.by)
    except NotAllowed as why:
        return _render_new_person(request, name, called, roles, {"name": why})
    return request.render_page("people-password.html", name=name.casefold(), password=password, reset=False)


def _render_new_person(
    request: ConsoleRequest, name: str, called: str, roles: Sequence[Role], wrong: Mapping[str, NotAllowed]
) -> web.Response:
    values = {"name": name, "called": called, "chosen": roles, "wrong": wrong, "roles": ROLES}
    return request.render_page("people-add.html", status=422 if wrong else 200, **values)


async def show_person(request: ConsoleRequest) -> web.StreamResponse:
    """Show one person, and what may be changed."""
    return await _render_person(request, None)


async def _get_overview(request: ConsoleRequest) -> AccountOverview:
    return await asyncio.to_thread(people.get_account_overview, request.gw, request.get_part("name"))


async def _render_person(
    request: ConsoleRequest, wrong: NotAllowed | None, chosen: Sequence[Role] | None = None
) -> web.Response:
    account = await _get_overview(request)
    return request.render_page(
        "person.html",
        status=422 if wrong else 200,
        account=account,
        person=account.person,
        is_own=_is_own(request),
        chosen=account.person.roles if chosen is None else chosen,
        roles=ROLES,
        wrong=wrong,
        done=request.web_request.query.get("done", ""),
    )


def _is_own(request: ConsoleRequest) -> bool:
    return request.get_part("name") == request.by


async def set_roles(request: ConsoleRequest) -> web.StreamResponse:
    """Set other roles; ask first where they are one's own."""
    wanted = _read_roles(request)
    if _is_own(request) and wanted and request.get_typed("sure") != "yes":
        account = await _get_overview(request)
        if not (account.other_admins and frozenset(wanted) - account.person.roles):
            return request.render_page("person-roles.html", account=account, wanted=wanted)
    return await _change_person(request, partial(people.set_roles, roles=wanted), "roles", wanted)


async def ask_called(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for another name."""
    return _render_called(request, await _get_overview(request), None)


async def set_called(request: ConsoleRequest) -> web.StreamResponse:
    """Set another name."""
    name, called = request.get_part("name"), request.get_typed("called")
    try:
        await asyncio.to_thread(people.set_called, request.gw, name, called, request.by)
    except NotAllowed as why:
        if why.code != "people.called":
            raise
        return _render_called(request, await _get_overview(request), why)
    return redirect_to(f"/people/{quote(name)}?done=called")


def _render_called(request: ConsoleRequest, account: AccountOverview, wrong: NotAllowed | None) -> web.Response:
    typed = request.get_typed("called") if wrong else account.person.called
    values = {"person": account.person, "typed": typed, "wrong": wrong}
    return request.render_page("person-called.html", status=422 if wrong else 200, **values)


async def ask_end(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the account is to be deactivated."""
    return request.render_page("person-end.html", account=await _get_overview(request), is_own=_is_own(request))


async def deactivate_person(request: ConsoleRequest) -> web.StreamResponse:
    """Deactivate the account: they leave."""
    return await _change_person(
        request, partial(people.set_active, active=False, move_to=request.get_typed("move_to")), "ended"
    )


async def reactivate_person(request: ConsoleRequest) -> web.StreamResponse:
    """Activate the account again: they are back."""
    return await _change_person(request, partial(people.set_active, active=True), "back")


async def _change_person(
    request: ConsoleRequest, act: partial[None], done: str, chosen: Sequence[Role] | None = None
) -> web.StreamResponse:
    """Do it, and say what is true then: whoever changed their own account has no session any more."""
    name = request.get_part("name")
    try:
        await asyncio.to_thread(partial(act, request.gw, name, by=request.by))
    except NotAllowed as why:
        return await _render_person(request, why, chosen)
    if not _is_own(request):
        return redirect_to(f"/people/{quote(name)}?done={done}")
    return _show_own_end(request, done)


def _show_own_end(request: ConsoleRequest, done: str, password: str = "") -> web.Response:
    """Say to whoever changed their own account what has become of it, and of their session."""
    answer = request.render_page(
        "account-changed.html", session=None, done=done, is_ended=done == "ended", password=password
    )
    answer.del_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


async def ask_reset(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the password is to be replaced by a one-time password."""
    return request.render_page("person-reset.html", account=await _get_overview(request), is_own=_is_own(request))


async def reset_password(request: ConsoleRequest) -> web.StreamResponse:
    """Make a new one-time password."""
    name = request.get_part("name")
    had_app = (await _get_overview(request)).person.code_secret is not None
    work = partial(people.reset_password, request.gw, name, request.by)
    password = await request.web_request.app[CHECKING].run(work, request.by)
    if _is_own(request):
        return _show_own_end(request, "reset", password)
    return request.render_page("people-password.html", name=name, password=password, reset=True, had_app=had_app)


def _read_roles(request: ConsoleRequest) -> list[Role]:
    values = [str(value) for value in request.form.getall("roles", [])]
    return [role for role in Role if role in values]


ENDPOINTS = (
    Endpoint("GET", "/people", Permission.MANAGE_PEOPLE, show_people),
    Endpoint("GET", "/people/add", Permission.MANAGE_PEOPLE, ask_new_person),
    Endpoint("POST", "/people/add", Permission.MANAGE_PEOPLE, add_person),
    Endpoint("GET", f"/people/{NAME}", Permission.MANAGE_PEOPLE, show_person),
    Endpoint("POST", f"/people/{NAME}/roles", Permission.MANAGE_PEOPLE, set_roles),
    Endpoint("GET", f"/people/{NAME}/called", Permission.MANAGE_PEOPLE, ask_called),
    Endpoint("POST", f"/people/{NAME}/called", Permission.MANAGE_PEOPLE, set_called),
    Endpoint("GET", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, ask_end),
    Endpoint("POST", f"/people/{NAME}/end", Permission.MANAGE_PEOPLE, deactivate_person),
    Endpoint("GET", f"/people/{NAME}/reset", Permission.MANAGE_PEOPLE, ask_reset),
    Endpoint("POST", f"/people/{NAME}/back", Permission.MANAGE_PEOPLE, reactivate_person),
    Endpoint("POST", f"/people/{NAME}/reset", Permission.MANAGE_PEOPLE, reset_password),
)
