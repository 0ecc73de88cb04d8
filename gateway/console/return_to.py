"""Back to the page where somebody was, after they signed in: which one it was is kept in the browser until then.

It stands in a cookie of this host that no script and no other site can set, and is held against a pattern before
anybody is sent there: a path of ours, never another host. Of a form that was sent it is the page of that form, if it
can be opened at all.
"""

import re

from aiohttp import web

COOKIE = "__Host-way-back"
KEPT_SECONDS = 3600
MAX_LENGTH = 300
# The second character makes it a path of this host.
OURS = re.compile(r"/[A-Za-z0-9][A-Za-z0-9_./?=&%@+:-]*")
# Of a script; of a button.
NOT_A_PLACE = frozenset({"/session", "/sign-out"})


def remember_page(request: web.Request, answer: web.Response) -> None:
    """Remember that somebody wanted to be here."""
    wanted = request.path_qs if request.method in ("GET", "HEAD") else _page_of_form(request)
    if _is_place(wanted):
        answer.set_cookie(COOKIE, wanted, path="/", secure=True, httponly=True, samesite="Lax", max_age=KEPT_SECONDS)


def take_page(request: web.Request, answer: web.Response) -> str:
    """Return where somebody wanted to be, and forget it; "/" where that is nowhere."""
    if COOKIE not in request.cookies:
        return "/"
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    wanted = request.cookies[COOKIE]
    return wanted if _is_place(wanted) else "/"


def _page_of_form(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return request.path if resource and any(route.method == "GET" for route in resource) else ""


def _is_place(wanted: str) -> bool:
    return len(wanted) <= MAX_LENGTH and bool(OURS.fullmatch(wanted)) and wanted not in NOT_A_PLACE
