"""Coming in and going out."""

import asyncio
from datetime import timedelta
from functools import partial

from aiohttp import web

from gateway.access import devices, sessions, sign_in, single_sign_on, wrong_secrets
from gateway.access.people import LOCAL
from gateway.access.sessions import SignInStage
from gateway.access.slow_checks import SlowChecks
from gateway.console import problems, return_to
from gateway.console.code_page import read_secret, render_code_page
from gateway.console.console_request import SESSION_COOKIE, ConsoleRequest, redirect_to
from gateway.console.endpoints import SIGN_IN, Endpoint, get_session
from gateway.console.problems import ProblemPage
from gateway.core import labels
from gateway.core.lockout import Entrance
from gateway.core.permissions import Permission
from gateway.errors import GatewayError, NotAllowed
from gateway.partner_api.addresses import get_caller_address
from keys import one_time_code
from keys.errors import Refusal

DEVICE_COOKIE = "__Host-device"
CHECKING = web.AppKey("passwords that are checked", SlowChecks)
ENDED_IDLE = (
    f"You were signed out after {sessions.IDLE // timedelta(minutes=1)} minutes without activity. Sign in to return to"
    " your page. Anything you had sent is safe."
)
ENDED_OTHERWISE = (
    "You have been signed out. This happens after 10 hours, and when you sign out on another device, when your password"
    " or roles change, or when your account is deactivated."
)
NEXT = {
    SignInStage.CODE: f"{SIGN_IN}/code",
    SignInStage.NEW_PASSWORD: f"{SIGN_IN}/password",
    SignInStage.SET_CODE: f"{SIGN_IN}/app",
}


async def show_sign_in(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form; to who is in, where they begin."""
    if request.session is not None and request.session.stage is SignInStage.IN:
        return redirect_to("/")
    ended = ""
    if "ended" in request.web_request.query:
        is_idle = await asyncio.to_thread(sessions.is_ended_idle, request.gw, request.secret)
        ended = ENDED_IDLE if is_idle else ENDED_OTHERWISE
    return request.render_page("sign-in.html", ended=ended, name="", wrong=None)


async def submit_password(request: ConsoleRequest) -> web.StreamResponse:
    """Check the name and the password."""
    name, password, device = request.get_typed("name"), str(request.form.get("password", "")), _read_device(request)
    gw, address = request.gw, _get_address(request)
    wait = await asyncio.to_thread(wrong_secrets.find_wait, gw, Entrance.CONSOLE, address)
    if wait and not await asyncio.to_thread(devices.is_device_known, request.gw, device, name):
        return await _tell_to_wait(request, wait)
    try:
        work = partial(sign_in.begin_sign_in, request.gw, name, password, device, address)
        secret = await request.web_request.app[CHECKING].run(work, address)
    except NotAllowed as why:
        await asyncio.to_thread(wrong_secrets.count_wrong_secret, gw, Entrance.CONSOLE, address)
        return request.render_page("sign-in.html", status=422, ended="", name=name, wrong=why)
    return await _go_on(request, secret)


def _get_address(request: ConsoleRequest) -> str:
    """Return from where somebody asks, as it is counted."""
    ours = request.gw.config.console
    return get_caller_address(request.web_request, ours.address_header, ours.proxies)


async def _tell_to_wait(request: ConsoleRequest, seconds: int) -> web.Response:
    problem = ProblemPage(
        429,
        "sign-in.wait",
        "There were too many wrong passwords from your network, so no password is checked at the moment",
        (f"Try again in {-(-seconds // 60)} minutes, or use a browser that you have signed in with before.",),
    )
    answer = await problems.render_problem(request.web_request, problem)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _read_device(request: ConsoleRequest) -> str:
    return request.web_request.cookies.get(DEVICE_COOKIE, "")


async def go_to_directory(request: ConsoleRequest) -> web.StreamResponse:
    """Go to the council's directory. A link, not a form: browsers hold a form to this console (CSP form-action)."""
    pending, address = await single_sign_on.begin_directory_sign_in(request.gw, _answer_address(request))
    answer = redirect_to(address)
    set_session_cookie(answer, await asyncio.to_thread(sign_in.to_directory, request.gw, pending))
    return answer


async def return_from_directory(request: ConsoleRequest) -> web.StreamResponse:
    """Take the answer of the directory, which stands in the address."""
    try:
        pending = await asyncio.to_thread(sign_in.take_pending, request.gw, request.secret)
    except NotAllowed as why:
        # Nothing was begun: whoever sends a link here changes nothing.
        return request.render_page("sign-in.html", status=403, ended="", name="", wrong=why)
    try:
        identity = await single_sign_on.finish_directory_sign_in(
            request.gw, pending, request.web_request.query, _answer_address(request)
        )
        secret = await asyncio.to_thread(sign_in.from_directory, request.gw, identity)
    except (GatewayError, Refusal) as why:
        await asyncio.to_thread(sign_in.note_refused, request.gw, why.code, _get_address(request))
        return request.render_page("sign-in.html", status=403, ended="", name="", wrong=why)
    return await _go_on(request, secret)


def _answer_address(request: ConsoleRequest) -> str:
    return f"{request.gw.config.console_url}{SIGN_IN}/answer"


async def ask_code(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for the second factor."""
    if request.session is None or request.session.stage is not SignInStage.CODE:
        return redirect_to(SIGN_IN)
    return request.render_page("sign-in-code.html", wrong=None)


async def give_code(request: ConsoleRequest) -> web.StreamResponse:
    """Check the second factor."""
    try:
        secret = await asyncio.to_thread(
            sign_in.give_code, request.gw, request.secret, request.get_typed("code"), _read_device(request)
        )
    except NotAllowed as why:
        return (
            redirect_to(SIGN_IN)
            if why.code == "sign-in.begin-again"
            else request.render_page("sign-in-code.html", status=422, wrong=why)
        )
    return await _go_on(request, secret)


async def ask_password(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for a new password."""
    if request.session is None or request.session.stage is not SignInStage.NEW_PASSWORD:
        return redirect_to(SIGN_IN)
    return request.render_page("sign-in-password.html", wrong={})


async def give_password(request: ConsoleRequest) -> web.StreamResponse:
    """Set a new password in the place of the one-time one."""
    new, again = (str(request.form.get(name, "")) for name in ("new", "again"))
    try:
        if new != again:
            raise NotAllowed("password.again")
        work = partial(sign_in.give_new_password, request.gw, request.secret, new)
        secret = await request.web_request.app[CHECKING].run(work, request.secret)
    except NotAllowed as why:
        if why.code == "sign-in.begin-again":
            return redirect_to(SIGN_IN)
        field = "again" if why.code == "password.again" else "new"
        return request.render_page("sign-in-password.html", status=422, wrong={field: why})
    return await _go_on(request, secret)


async def ask_first_code(request: ConsoleRequest) -> web.StreamResponse:
    """Show a secret for the app to whoever must have one."""
    if request.session is None or request.session.stage is not SignInStage.SET_CODE:
        return redirect_to(SIGN_IN)
    return _render_first_code(request, one_time_code.new_secret(), None)


def _render_first_code(request: ConsoleRequest, secret: bytes, wrong: NotAllowed | None) -> web.Response:
    return render_code_page(request, "sign-in-app.html", get_session(request).person.name, secret, wrong)


async def set_first_code(request: ConsoleRequest) -> web.StreamResponse:
    """Check the first code of the app; then they are in."""
    shared = read_secret(request)
    if request.session is None or shared is None:
        return redirect_to(f"{SIGN_IN}/app")
    try:
        secret = await asyncio.to_thread(
            sign_in.set_first_code, request.gw, request.secret, shared, request.get_typed("code")
        )
    except NotAllowed as why:
        return redirect_to(SIGN_IN) if why.code == "sign-in.begin-again" else _render_first_code(request, shared, why)
    return await _go_on(request, secret)


async def _go_on(request: ConsoleRequest, secret: str) -> web.Response:
    """Go to the next step, with the secret of the new session."""
    session = await asyncio.to_thread(sessions.use_session, request.gw, secret)
    answer = redirect_to(NEXT.get(session.stage, SIGN_IN) if session else SIGN_IN)
    if session and session.stage is SignInStage.IN:
        answer.headers["Location"] = return_to.take_page(request.web_request, answer)
    set_session_cookie(answer, secret)
    if session and session.stage is SignInStage.IN and session.person.through == LOCAL:
        device = await asyncio.to_thread(
            devices.remember_device, request.gw, _read_device(request), session.person.name
        )
        life = int(devices.LIFE.total_seconds())
        answer.set_cookie(DEVICE_COOKIE, device, path="/", max_age=life, secure=True, httponly=True, samesite="Strict")
    return answer


def set_session_cookie(answer: web.Response, secret: str) -> None:
    """Set the secret in the browser until it is closed; no script sees it, and no other site sends it."""
    answer.set_cookie(SESSION_COOKIE, secret, path="/", secure=True, httponly=True, samesite="Lax")


async def sign_out_here(request: ConsoleRequest) -> web.StreamResponse:
    """Sign out."""
    await asyncio.to_thread(sessions.sign_out, request.gw, get_session(request))
    answer = request.render_page("signed-out.html", session=None)
    answer.del_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


async def refresh_session(request: ConsoleRequest) -> web.StreamResponse:
    """Use the session by asking. A page that stood open while somebody signed in again gets the token for its forms."""
    session = get_session(request)
    return web.json_response({"person": session.person.name, "form_token": session.form_token})


async def show_help(request: ConsoleRequest) -> web.StreamResponse:
    """Show whom to ask, and what to do without a password; the same for everybody, so it says nothing of accounts."""
    return request.render_page("help.html")


async def show_privacy(request: ConsoleRequest) -> web.StreamResponse:
    """Show what is kept about children and about people who use the console."""
    return request.render_page("privacy.html")


async def show_words(request: ConsoleRequest) -> web.StreamResponse:
    """Show what the words mean that the pages use."""
    return request.render_page("words.html", words=labels.list_words())


async def show_accessibility(request: ConsoleRequest) -> web.StreamResponse:
    """Show how far everybody can use the console."""
    return request.render_page("accessibility.html")


ENDPOINTS = (
    Endpoint("GET", SIGN_IN, None, show_sign_in),
    Endpoint("POST", SIGN_IN, None, submit_password),
    Endpoint("GET", f"{SIGN_IN}/code", None, ask_code),
    Endpoint("POST", f"{SIGN_IN}/code", None, give_code),
    Endpoint("GET", f"{SIGN_IN}/password", None, ask_password),
    Endpoint("POST", f"{SIGN_IN}/password", None, give_password),
    Endpoint("GET", f"{SIGN_IN}/app", None, ask_first_code),
    Endpoint("POST", f"{SIGN_IN}/app", None, set_first_code),
    Endpoint("GET", f"{SIGN_IN}/directory", None, go_to_directory),
    Endpoint("GET", f"{SIGN_IN}/answer", None, return_from_directory),
    Endpoint("GET", "/session", Permission.OWN_ACCOUNT, refresh_session),
    Endpoint("POST", "/sign-out", Permission.OWN_ACCOUNT, sign_out_here),
    Endpoint("GET", "/accessibility", None, show_accessibility),
    Endpoint("GET", "/help", None, show_help),
    Endpoint("GET", "/privacy", None, show_privacy),
    Endpoint("GET", "/words", None, show_words),
)
