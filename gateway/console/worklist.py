"""What we sent, and where each person begins."""

import asyncio

from aiohttp import web

from gateway.casework import listed_children, message_pages
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.inbox import SHOWN, list_assigned
from gateway.console.paging import build_stretch_links, paginate_rows, read_cursor
from gateway.core.permissions import Permission

# Where somebody begins: the first that is open to them.
FIRST_PAGES = (
    (Permission.SEE_WORK, "/inbox"),
    (Permission.AUDIT, "/audit"),
    (Permission.SEE_HEALTH, "/health"),
    (Permission.MANAGE_PEOPLE, "/people"),
    (Permission.OWN_ACCOUNT, "/account"),
)


async def redirect_to_start(request: ConsoleRequest) -> web.StreamResponse:
    """Redirect to where this person begins."""
    return redirect_to(next(address for act, address in FIRST_PAGES if request.may_do(act)))


async def show_sent(request: ConsoleRequest) -> web.StreamResponse:
    """Show the notices that we sent, the newest first, and how each stands; with our answers if asked for."""
    return await asyncio.to_thread(_render_sent, request, "all" in request.web_request.query)


def _render_sent(request: ConsoleRequest, whole: bool) -> web.Response:
    gw, mine, query = request.gw, list_assigned(request), request.web_request.query
    address = "/sent?all&" if whole else "/sent?"
    if mine is None:
        stretch = message_pages.list_sent_page(gw, read_cursor(query), SHOWN, whole=whole)
        items, links = stretch.items, build_stretch_links(stretch, address)
    else:
        page = paginate_rows(message_pages.list_sent_of_cases(gw, mine, whole=whole), query.get("page", ""), SHOWN)
        items, links = page.rows, page.build_links((address + "page={}").format) if page.pages > 1 else {}
    children = listed_children.list_children(gw, [item.name for item in items], request.by)
    rows = list(zip(items, children, strict=True))
    return request.render_page("sent.html", rows=rows, whole=whole, links=links, whole_team=mine is None)


ENDPOINTS = (
    Endpoint("GET", "/", Permission.OWN_ACCOUNT, redirect_to_start),
    Endpoint("GET", "/sent", Permission.SEE_WORK, show_sent, of_assigned=True),
)
