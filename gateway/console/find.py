"""Finding notices by what an officer types. It is sent by POST, so that no name stands in an address or a history."""

import asyncio
from functools import partial

from aiohttp import web

from gateway.casework import find
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.core.permissions import Permission
from gateway.errors import Unusable

SHOWN = 50
MAX_DIGITS = 18


async def show_find_form(request: ConsoleRequest) -> web.StreamResponse:
    """Show the form."""
    return request.render_page("find.html", typed="", result=None, wrong=None)


async def show_found_notices(request: ConsoleRequest) -> web.StreamResponse:
    """Show what was found, as one logged list; that it was looked for is an entry of its own."""
    typed, alike, before = request.get_typed("typed"), bool(request.get_typed("alike")), request.get_typed("before")
    older = int(before) if before.isascii() and before.isdecimal() and len(before) <= MAX_DIGITS else None
    search = partial(find.find_notices, request.gw, typed, request.by, alike=alike, limit=SHOWN, cursor=older)
    try:
        notices = await asyncio.to_thread(search)
    except Unusable as why:
        return request.render_page("find.html", status=422, typed=typed, result=None, wrong=why)
    return request.render_page("find.html", typed=typed, result=notices, alike=alike, wrong=None)


ENDPOINTS = (
    Endpoint("GET", "/find", Permission.FIND, show_find_form),
    Endpoint("POST", "/find", Permission.FIND, show_found_notices),
)
