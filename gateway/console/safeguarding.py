"""A message of a case that is about the safety of a child, and is no notice: an officer has dealt with it."""

import asyncio

from aiohttp import web

from gateway.casework import case, safeguarding
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, NOTICE, Endpoint
from gateway.core.permissions import Permission
from schemas.shapes import CaseId


async def end_alert(request: ConsoleRequest) -> web.StreamResponse:
    """Note that it was dealt with: it waits no more."""
    case_id = CaseId(request.get_part("case"))
    notice = await asyncio.to_thread(case.get_case_notice, request.gw, case_id, request.get_part("notice"))
    await asyncio.to_thread(safeguarding.end_case_alert, request.gw, notice.name, request.by)
    return redirect_to(f"/cases/{case_id}")


ENDPOINTS = (Endpoint("POST", f"/cases/{CASE}/notices/{NOTICE}/dealt-with", Permission.ANSWER, end_alert),)
