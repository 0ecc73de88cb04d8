"""One's own account: the password, the second factor, and where one is signed in."""

import asyncio
from functools import partial

from aiohttp import web

from gateway.access import absences, backup_codes, mail_choices, sessions, sign_in
from gateway.console.code_page import read_secret, render_code_page
from gateway.console.console_request import SESSION_COOKIE, ConsoleRequest, redirect_to
from gateway.console.endpoints import SIGN_IN, Endpoint, get_session
from gateway.console.sign_in import CHECKING
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed
from keys import one_time_code
from keys.backup_codes import format_code


async def show_account(request: ConsoleRequest) -> web.StreamResponse:
    """Show the account, and where else one is signed in."""
    mine = await asyncio.to_thread(sessions.list_sessions, request.gw, request.by)
    mail, away, sees_work = None, None, request.may_do(Permission.SEE_WORK)
    if sees_work:
        away = await asyncio.to_thread(absences.find_absence, request.gw, request.by)
        mail = await asyncio.to_thread(mail_choices.find_mail_choice, request.gw, request.by)
    done = request.web_request.query.get("done", "")
    codes = await asyncio.to_thread(backup_codes.count_codes, request.gw, request.by)
    return request.render_page(
        "account.html", sessions=mine, mail=mail, away=away, sees_work=sees_work, done=done, codes=codes
    )


async def ask_password(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form for another password."""
    return request.render_page("account-password.html", wrong={})


async def change_password(request: ConsoleRequest) -> web.StreamResponse:
    """Change the password."""
    old, new, again = (str(request.form.get(name, "")) for name in ("old", "new", "again"))
    faults: dict[str, NotAllowed] = {} if old else {"old": NotAllowed("sign-in.old-password")}
    if new != again:
        faults["again"] = NotAllowed("password.again")
    if faults:
        return request.render_page("account-password.html", status=422, wrong=faults)
    try:
        work = partial(sign_in.change_password, request.gw, get_session(request), old, new)
        await request.web_request.app[CHECKING].run(work, request.by)
    except NotAllowed as why:
        field = "old" if why.code == "sign-in.old-password" else "new"
        return request.render_page("account-password.html", status=422, wrong={field: why})
    return redirect_to("/account?done=password")


async def ask_code(request: ConsoleRequest) -> web.StreamResponse:
    """Show a secret for the app, as a picture and as text."""
    return render_code_page(request, "account-code.html", request.by, one_time_code.new_secret(), None)


async def set_code(request: ConsoleRequest) -> web.StreamResponse:
    """Check the first code of the app, which shows that it has the secret."""
    secret = read_secret(request)
    if secret is None:
        return redirect_to("/account/code")
    try:
        await asyncio.to_thread(sign_in.set_code, request.gw, get_session(request), secret, request.get_typed("code"))
    except NotAllowed as why:
        return render_code_page(request, "account-code.html", request.by, secret, why)
    return redirect_to("/account?done=code")


async def ask_backup_codes(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether new backup codes are to be made."""
    if get_session(request).person.code_secret is None:
        return redirect_to("/account")
    codes = await asyncio.to_thread(backup_codes.count_codes, request.gw, request.by)
    return request.render_page("account-backup-codes.html", left=codes)


async def make_backup_codes(request: ConsoleRequest) -> web.StreamResponse:
    """Make new backup codes, and show them, this once."""
    codes = await asyncio.to_thread(backup_codes.replace_codes, request.gw, get_session(request))
    return request.render_page("account-backup-codes-made.html", codes=[format_code(code) for code in codes])


async def sign_out_everywhere(request: ConsoleRequest) -> web.StreamResponse:
    """Sign out wherever one is signed in."""
    await asyncio.to_thread(lambda: sessions.sign_out(request.gw, get_session(request), everywhere=True))
    answer = redirect_to(SIGN_IN)
    answer.del_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


ENDPOINTS = (
    Endpoint("GET", "/account", Permission.OWN_ACCOUNT, show_account, of_assigned=True),
    Endpoint("GET", "/account/password", Permission.OWN_ACCOUNT, ask_password),
    Endpoint("POST", "/account/password", Permission.OWN_ACCOUNT, change_password),
    Endpoint("GET", "/account/code", Permission.OWN_ACCOUNT, ask_code),
    Endpoint("POST", "/account/code", Permission.OWN_ACCOUNT, set_code),
    Endpoint("GET", "/account/backup-codes", Permission.OWN_ACCOUNT, ask_backup_codes),
    Endpoint("POST", "/account/backup-codes", Permission.OWN_ACCOUNT, make_backup_codes),
    Endpoint("POST", "/account/end", Permission.OWN_ACCOUNT, sign_out_everywhere),
)
