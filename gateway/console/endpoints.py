"""Every address of the console with the permission that it needs, checked here before the page is asked.

In this order: the session; the act, in the one table of `core.permissions`; for who sees assigned cases only, that the
case of the address is one of them; that the notice of the address belongs to the case; and, where something is changed,
that the form came from a page of ours. An endpoint without an act is open to everybody; a test holds the list of those.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hmac import compare_digest

from aiohttp import web
from aiohttp.web_request import FileField
from multidict import MultiDict, MultiDictProxy

from gateway.access import people, sessions
from gateway.access.sessions import Session, SignInStage
from gateway.casework import case
from gateway.console import navigation, return_to
from gateway.console.console_request import GATEWAY, SESSION_COOKIE, ConsoleRequest, build_empty_form, redirect_to
from gateway.core.permissions import Permission, Reach, get_reach
from gateway.errors import NotAllowed, NotFound
from gateway.partner_api.callers import READ_SECONDS
from keys.certificate_files import decode_text
from schemas.shapes import CaseId

Answer = Callable[[ConsoleRequest], Awaitable[web.StreamResponse]]
SIGN_IN = "/sign-in"
CASE, NOTICE = "{case:[0-9a-f-]{36}}", "{notice:(?:[0-9]{3}-)?[0-9a-f-]{36}}"
# The inbox reads what waits itself, and counts it.
_WITH_COUNTS = frozenset(page.address for page in navigation.WORK.pages) - {"/inbox"}
FORM, FORM_WITH_FILE = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address, the permission that it needs, and the page behind it.

    `of_assigned`: the page itself shows no more than the assigned cases to who may see no others. `takes_file`: its
    form may hold a file of text, which is read as what was typed; with it the form is no longer than any other may be.
    """

    method: str
    path: str
    act: Permission | None
    answer: Answer
    of_assigned: bool = False
    takes_file: bool = False


def add_endpoints(app: web.Application, endpoints: tuple[Endpoint, ...]) -> None:
    """Open these endpoints in the application."""
    for endpoint in endpoints:
        app.router.add_route(endpoint.method, endpoint.path, guard_endpoint(endpoint))


def guard_endpoint(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of this endpoint, for those who are permitted to use it."""

    async def answer(web_request: web.Request) -> web.StreamResponse:
        gw, secret = web_request.app[GATEWAY], web_request.cookies.get(SESSION_COOKIE, "")
        session = await asyncio.to_thread(sessions.use_session, gw, secret) if secret else None
        if endpoint.act is not None and (session is None or session.stage is not SignInStage.IN):
            return _redirect_to_sign_in(web_request)
        how_far = Reach.ALL if endpoint.act is None else get_reach(session.roles if session else (), endpoint.act)
        request = ConsoleRequest(web_request, gw, session, secret, how_far, await _read_form(web_request, endpoint))
        _check_act(endpoint, how_far)
        await asyncio.to_thread(_check_case, endpoint, request)
        if web_request.method == "POST":
            _check_form(request)
        if endpoint.path in _WITH_COUNTS:
            counts = await asyncio.to_thread(navigation.count_waiting, gw, request.by, how_far)
            request = replace(request, counts=counts)
        return await endpoint.answer(request)

    answer.endpoint = endpoint  # type: ignore[attr-defined]  # for the test that walks through all
    return answer


def _redirect_to_sign_in(request: web.Request) -> web.Response:
    """Redirect to the sign-in, which tells whoever was signed in and is no more; then they come back to this page."""
    answer = redirect_to(f"{SIGN_IN}?ended" if SESSION_COOKIE in request.cookies else SIGN_IN)
    return_to.remember_page(request, answer)
    return answer


async def _read_form(request: web.Request, endpoint: Endpoint) -> MultiDictProxy[str]:
    if request.method != "POST":
        return build_empty_form()
    if request.content_type != FORM and not (endpoint.takes_file and request.content_type == FORM_WITH_FILE):
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(READ_SECONDS):
            form = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        # It is cut off, or its parts are none of a form.
        raise web.HTTPBadRequest from None
    return MultiDictProxy(MultiDict((name, _read_value(value)) for name, value in form.items()))


def _read_value(value: str | bytes | bytearray | FileField) -> str:
    """Return what was typed, or the text of a file, in any encoding of Unicode."""
    if isinstance(value, FileField):
        with value.file as file:
            return decode_text(file.read())
    return value if isinstance(value, str) else decode_text(bytes(value))


def _check_act(endpoint: Endpoint, how_far: Reach) -> None:
    if how_far is Reach.NONE:
        raise NotAllowed("permission.role")
    has_case = "{case" in endpoint.path
    if how_far is Reach.ASSIGNED and not (has_case or endpoint.of_assigned):
        raise NotAllowed("permission.assigned")


def _check_case(endpoint: Endpoint, request: ConsoleRequest) -> None:
    """Check that the case of the address is open to them, and that the notice is one of it."""
    if "{case" not in endpoint.path:
        return
    name = CaseId(request.get_part("case"))
    if request.reach is Reach.ASSIGNED and not people.is_assigned(request.gw, name, request.by):
        raise NotAllowed("permission.assigned", "this-case")
    if NOTICE in endpoint.path and not case.is_in_case(request.gw, name, request.get_part("notice")):
        raise NotFound("case.other-notice")


def _check_form(request: ConsoleRequest) -> None:
    """Check that the form came from a page made for this session (a synchroniser token; RFC 6454 for the origin)."""
    origin = request.web_request.headers.get("Origin")
    if origin is not None and origin != own_origin(request.web_request):
        raise _build_foreign_form_error()
    if request.web_request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise _build_foreign_form_error()
    if request.session is not None and not compare_digest(
        request.get_typed("form_token").encode(), request.session.form_token.encode()
    ):
        raise _build_foreign_form_error()


def own_origin(request: web.Request) -> str:
    """Return our origin, as browsers write it. `application` answers to no other host."""
    return request.app[GATEWAY].config.console_url if _is_public(request) else f"{request.scheme}://{request.host}"


def _is_public(request: web.Request) -> bool:
    return request.app[GATEWAY].config.console_url.split("://")[1] == request.host


def _build_foreign_form_error() -> NotAllowed:
    return NotAllowed("form.not-ours")


def get_session(request: ConsoleRequest) -> Session:
    """Return the session of somebody who came through an endpoint with an act."""
    assert request.session is not None  # noqa: S101 - see `guard_endpoint`
    return request.session
