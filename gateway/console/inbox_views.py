"""The inbox kept: views that a person saves under a name, and the list as a file for a spreadsheet."""

import asyncio
from dataclasses import replace

from aiohttp import web

from gateway.access import absences
from gateway.casework import inbox_list, list_files, saved_views
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.files import build_csv_file
from gateway.console.inbox import AskedInbox, list_assigned, read_asked, render_inbox, select_waiting
from gateway.core.inbox_order import NOBODY, InboxFilter
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed
from schemas import codes


async def save_view(request: ConsoleRequest) -> web.StreamResponse:
    """Save what the inbox was narrowed to and sorted by, and show it."""
    return await asyncio.to_thread(_save_view, request)


def _save_view(request: ConsoleRequest) -> web.Response:
    typed = read_asked(request, {name: str(value) for name, value in request.form.items()})
    asked = replace(typed, wanted=_keep_known(request, typed.wanted))
    try:
        saved_views.save_view(request.gw, request.by, request.get_typed("name"), asked.query)
    except NotAllowed as why:
        return render_inbox(request, asked, wrong=why)
    return redirect_to(asked.build_address())


def _keep_known(request: ConsoleRequest, wanted: InboxFilter) -> InboxFilter:
    """Keep an authority and an officer that there are: what else stands in a form is no part of a view."""
    is_officer = wanted.officer == NOBODY or wanted.officer in absences.describe_team(request.gw)
    return replace(
        wanted,
        authority=wanted.authority if codes.authority_name(wanted.authority) else "",
        officer=wanted.officer if is_officer else "",
    )


async def delete_view(request: ConsoleRequest) -> web.StreamResponse:
    """Delete a view of this person."""
    await asyncio.to_thread(saved_views.delete_view, request.gw, request.by, request.get_typed("name"))
    return redirect_to("/inbox")


async def download_inbox(request: ConsoleRequest) -> web.StreamResponse:
    """Give every row of what is asked for as a file. That is logged."""
    return await asyncio.to_thread(_build_spreadsheet, request, read_asked(request, request.web_request.query))


def _build_spreadsheet(request: ConsoleRequest, asked: AskedInbox) -> web.Response:
    waiting = inbox_list.list_waiting(request.gw, list_assigned(request))
    rows = select_waiting(asked, waiting, request.gw.now())
    return build_csv_file(list_files.build_inbox_file(request.gw, rows, request.by), "inbox")


ENDPOINTS = (
    Endpoint("POST", "/inbox/views", Permission.SEE_WORK, save_view, of_assigned=True),
    Endpoint("POST", "/inbox/views/delete", Permission.SEE_WORK, delete_view, of_assigned=True),
    Endpoint("GET", "/inbox/list.csv", Permission.SEE_WORK, download_inbox, of_assigned=True),
)
