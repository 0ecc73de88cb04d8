"""Files from ONE at which a person must look before they count: why, and whether they are taken in as they are."""

import asyncio

from aiohttp import web

from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import Door
from gateway.core.permissions import Permission
from gateway.errors import NotFound
from gateway.one import held_files

FILE = "{file:[0-9]{8}-[0-9]{6}-[0-9a-f]{8}}"
KINDS = {"leavers": "Leavers", "children": "Pupil index"}


async def listed(visit: Visit) -> web.StreamResponse:
    """The files that wait, the oldest first. No child is described."""
    found = await asyncio.to_thread(held_files.find_all, visit.here.config.home)
    return visit.page("waiting-files.html", files=found, kinds=KINDS)


async def look(visit: Visit) -> web.StreamResponse:
    """One of them, and what may be done about it."""
    try:
        found = await asyncio.to_thread(held_files.get, visit.here.config.home, visit.part("file"))
    except NotFound:
        return goto("/drafts/files")  # somebody else has decided
    return visit.page("waiting-file.html", file=found, kinds=KINDS)


async def accept(visit: Visit) -> web.StreamResponse:
    """It is taken in as it is."""
    await asyncio.to_thread(held_files.accept, visit.here, visit.part("file"), visit.by)
    return goto("/drafts/files?done=accepted")


async def put_aside(visit: Visit) -> web.StreamResponse:
    """Nothing comes of it."""
    await asyncio.to_thread(held_files.put_aside, visit.here, visit.part("file"), visit.by)
    return goto("/drafts/files?done=put-aside")


DOORS = (
    Door("GET", "/drafts/files", Permission.SEND, listed),
    Door("GET", f"/drafts/files/{FILE}", Permission.SEND, look),
    Door("POST", f"/drafts/files/{FILE}/accept", Permission.SEND, accept),
    Door("POST", f"/drafts/files/{FILE}/put-aside", Permission.SEND, put_aside),
)
