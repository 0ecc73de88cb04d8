"""Who viewed a child, by what an auditor knows of it. It is sent by POST, so that no name stands in an address."""

import asyncio
from functools import partial

from aiohttp import web

from gateway.auditing import who_viewed
from gateway.auditing.browse import PAGE
from gateway.auditing.who_viewed import MOST_IN_FILE, ChildQuestion, ChildViews
from gateway.casework.compose import list_written_records
from gateway.console.audit_log import build_lines_file, list_presets
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.core.periods import get_moments
from gateway.core.permissions import Permission
from gateway.errors import Unusable
from gateway.one.drafts import list_draft_records

MAX_DIGITS = 15
# The newest leavers' records, and written notices, that are looked at: each is opened, by a machine.
MOST_RECORDS = 5_000


async def show_child_form(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form."""
    return _render_views(request)


async def show_child_views(request: ConsoleRequest) -> web.StreamResponse:
    """Show who viewed the child, or give it as a spreadsheet; that it was asked is an entry of the audit log."""
    as_file = request.get_typed("as") == "csv"
    question = _read_question(request, as_file=as_file)
    ask = partial(_find_views, request, question, as_file=as_file)
    try:
        views = await asyncio.to_thread(ask)
    except Unusable as why:
        return _render_views(request, wrong=why)
    return build_lines_file(request, views.lines) if as_file else _render_views(request, views)


def _find_views(request: ConsoleRequest, question: ChildQuestion, *, as_file: bool) -> ChildViews:
    gw = request.gw
    unsent = [*list_draft_records(gw, MOST_RECORDS), *list_written_records(gw, MOST_RECORDS)]
    return who_viewed.list_child_views(gw, question, request.by, unsent=unsent, as_file=as_file)


def _read_question(request: ConsoleRequest, *, as_file: bool) -> ChildQuestion:
    before = request.get_typed("before")
    has_cursor = not as_file and before.isascii() and before.isdecimal() and len(before) <= MAX_DIGITS
    days = list_presets(request).get(request.get_typed("period"))
    since, until = get_moments(days) if days else (None, None)
    cursor = int(before) if has_cursor else None
    return ChildQuestion(
        request.get_typed("typed"),
        bool(request.get_typed("alike")),
        since,
        until,
        cursor,
        MOST_IN_FILE if as_file else PAGE,
    )


def _render_views(
    request: ConsoleRequest, views: ChildViews | None = None, wrong: Unusable | None = None
) -> web.Response:
    return request.render_page(
        "audit-child.html",
        status=422 if wrong else 200,
        views=views,
        wrong=wrong,
        typed=request.get_typed("typed"),
        alike=bool(request.get_typed("alike")),
        period=request.get_typed("period"),
        periods=list(list_presets(request)),
        older=bool(request.get_typed("before")),
    )


ENDPOINTS = (
    Endpoint("GET", "/audit/child", Permission.AUDIT, show_child_form),
    Endpoint("POST", "/audit/child", Permission.AUDIT, show_child_views),
)
