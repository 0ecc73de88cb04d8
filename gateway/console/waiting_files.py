"""Files from ONE at which a person must look before they count: why, and whether they are taken in as they are."""

import asyncio

from aiohttp import web

from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.core import labels
from gateway.core.permissions import Permission
from gateway.errors import NotFound
from gateway.one import held_files

FILE = "{file:[0-9]{8}-[0-9]{6}-[0-9a-f]{8}}"


async def show_waiting_files(request: ConsoleRequest) -> web.StreamResponse:
    """Show the files that wait, the oldest first. No child is described."""
    files = await asyncio.to_thread(held_files.find_all, request.gw.config.home)
    return request.render_page("waiting-files.html", files=files, name_extract=labels.name_extract)


async def show_waiting_file(request: ConsoleRequest) -> web.StreamResponse:
    """Show one of them, and what may be done about it."""
    try:
        waiting_file = await asyncio.to_thread(held_files.get_file, request.gw.config.home, request.get_part("file"))
    except NotFound:
        # Somebody else has decided.
        return redirect_to("/drafts/files")
    return request.render_page("waiting-file.html", file=waiting_file, name_extract=labels.name_extract)


async def accept_waiting_file(request: ConsoleRequest) -> web.StreamResponse:
    """Accept the file: it is taken in as it is."""
    await asyncio.to_thread(held_files.accept_file, request.gw, request.get_part("file"), request.by)
    return redirect_to("/drafts/files?done=accepted")


async def put_waiting_file_aside(request: ConsoleRequest) -> web.StreamResponse:
    """Put the file aside: nothing comes of it."""
    await asyncio.to_thread(held_files.put_aside, request.gw, request.get_part("file"), request.by)
    return redirect_to("/drafts/files?done=put-aside")


ENDPOINTS = (
    Endpoint("GET", "/drafts/files", Permission.SEND, show_waiting_files),
    Endpoint("GET", f"/drafts/files/{FILE}", Permission.SEND, show_waiting_file),
    Endpoint("POST", f"/drafts/files/{FILE}/accept", Permission.SEND, accept_waiting_file),
    Endpoint("POST", f"/drafts/files/{FILE}/put-aside", Permission.SEND, put_waiting_file_aside),
)
