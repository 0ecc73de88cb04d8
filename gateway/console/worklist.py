"""What we sent, and where each person begins."""

import asyncio
from datetime import date

from aiohttp import web

from gateway.casework import list_files, listed_children, message_pages
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.files import build_csv_file
from gateway.console.inbox import SHOWN, list_assigned
from gateway.console.paging import build_stretch_links, paginate_rows, read_cursor
from gateway.core.calendar import Span
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


async def download_sent(request: ConsoleRequest) -> web.StreamResponse:
    """Give all that we sent as a file, or that of a year where it is too much for one. That is logged."""
    return await asyncio.to_thread(_build_spreadsheet, request, "all" in request.web_request.query)


def _build_spreadsheet(request: ConsoleRequest, whole: bool) -> web.Response:
    gw, mine, typed = request.gw, list_assigned(request), request.web_request.query.get("year", "")
    years = message_pages.list_sent_years(gw)
    year = next((year for year in years if str(year) == typed), None)
    if mine is None:
        days = Span(date(year, 1, 1), date(year, 12, 31)) if year else None
        items = message_pages.list_whole_sent(gw, whole=whole, days=days, limit=list_files.MOST_ROWS + 1)
    else:
        items = message_pages.list_sent_of_cases(gw, mine, whole=whole)
    if len(items) > list_files.MOST_ROWS and year is None:
        return request.render_page("sent-years.html", years=years, whole=whole, most=list_files.MOST_ROWS)
    name = f"sent-{year}" if year else "sent"
    return build_csv_file(list_files.build_sent_file(gw, items, request.by), name)


ENDPOINTS = (
    Endpoint("GET", "/", Permission.OWN_ACCOUNT, redirect_to_start),
    Endpoint("GET", "/sent", Permission.SEE_WORK, show_sent, of_assigned=True),
    Endpoint("GET", "/sent/list.csv", Permission.SEE_WORK, download_sent, of_assigned=True),
)
