"""Everything held about one child, as a file to download. It is asked by POST, so that no name stands in an address."""

import asyncio

from aiohttp import web

from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.console.files import build_file_headers
from gateway.core.permissions import Permission
from gateway.errors import NotFound, Unusable
from gateway.paper import as_html
from gateway.retention import subject_access


async def ask_child(request: ConsoleRequest) -> web.StreamResponse:
    """Ask about which child."""
    return _render_question(request)


async def give_file(request: ConsoleRequest) -> web.StreamResponse:
    """Give the file. That it was made, and each record in it viewed, are entries of the audit log."""
    typed = request.get_typed("typed")
    try:
        page = await asyncio.to_thread(subject_access.collect_child, request.gw, typed, request.by)
    except (Unusable, NotFound) as why:
        return _render_question(request, why)
    headers = build_file_headers("subject-access.html", "text/html; charset=utf-8")
    return web.Response(body=await asyncio.to_thread(as_html.write, page), headers=headers)


def _render_question(request: ConsoleRequest, wrong: Unusable | NotFound | None = None) -> web.Response:
    typed = request.get_typed("typed")
    return request.render_page("subject-access.html", status=422 if wrong else 200, wrong=wrong, typed=typed)


ENDPOINTS = (
    Endpoint("GET", "/retention/child", Permission.SUBJECT_ACCESS, ask_child),
    Endpoint("POST", "/retention/child", Permission.SUBJECT_ACCESS, give_file),
)
