"""How the gateway is: the same that `doctor` says, without what takes long; and what could not be delivered, to be
tried again.
"""

import asyncio

from aiohttp import web

from gateway.casework import messages
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import NOTICE, Endpoint
from gateway.console.partners import EXPIRY_COLOURS
from gateway.core import expiry, labels
from gateway.core.findings import FindingLevel
from gateway.core.permissions import Permission
from gateway.exchange.release import release_notice
from gateway.monitoring import health
from schemas.shapes import MessageId

SHOWN = 50
COLOURS = {FindingLevel.FAIL: "red", FindingLevel.WARN: "yellow", FindingLevel.OK: "green"}
# In words and colours.
LEVELS = {level: (labels.name_level(level), colour) for level, colour in COLOURS.items()}


async def show_health(request: ConsoleRequest) -> web.StreamResponse:
    """Show all of it, what is wrong first."""
    report = await asyncio.to_thread(health.measure_health, request.gw)
    stuck = await asyncio.to_thread(messages.list_undelivered_messages, request.gw, None, SHOWN)
    wrong = sorted(
        (finding for finding in report.findings if finding.level is not FindingLevel.OK),
        key=lambda finding: list(LEVELS).index(finding.level),
    )
    well = [finding for finding in report.findings if finding.level is FindingLevel.OK]
    shown = {"health": report, "wrong": wrong, "well": well, "levels": LEVELS, "stuck": stuck}
    endings = {"ending": expiry, "colours": EXPIRY_COLOURS, "name_expiry": labels.name_expiry}
    return request.render_page("health.html", status=200, **shown, expiries=report.list_next_expiries(), **endings)


async def retry_delivery(request: ConsoleRequest) -> web.StreamResponse:
    """Try one again that was given up."""
    await asyncio.to_thread(release_notice, request.gw, MessageId(request.get_part("notice")), request.by)
    return redirect_to("/health")


ENDPOINTS = (
    Endpoint("GET", "/health", Permission.SEE_HEALTH, show_health),
    Endpoint("POST", f"/health/retry/{NOTICE}", Permission.REPLAY, retry_delivery),
)
