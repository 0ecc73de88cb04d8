"""Partners, and the authorities to whose officers we write letters: to be looked at, not to be changed."""

import asyncio

from aiohttp import web

from gateway.authorities import partners
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.core import expiry, labels
from gateway.core.permissions import Permission

CODE = "{authority:[0-9]{3}}"
COLOURS = {
    expiry.ExpiryLevel.SOON: "yellow",
    expiry.ExpiryLevel.NOW: "orange",
    expiry.ExpiryLevel.AT_ONCE: "red",
    expiry.ExpiryLevel.ENDED: "red",
}


async def show_partners(request: ConsoleRequest) -> web.StreamResponse:
    """Show all of them, with what ends first."""
    known_partners = await asyncio.to_thread(partners.list_known_partners, request.gw)
    letters = sorted(request.gw.correspondents.values(), key=lambda correspondent: correspondent.authority)
    return _render_endings(request, "partners.html", partners=known_partners, letters=letters)


async def show_partner(request: ConsoleRequest) -> web.StreamResponse:
    """Show one partner."""
    partner = await asyncio.to_thread(partners.get_known_partner, request.gw, request.get_part("authority"))
    return _render_endings(request, "partner.html", partner=partner)


async def show_own_card(request: ConsoleRequest) -> web.StreamResponse:
    """Show our own card: whom partners are told to ring here."""
    return _render_endings(
        request, "own-card.html", own=await asyncio.to_thread(partners.describe_own_card, request.gw)
    )


def _render_endings(request: ConsoleRequest, template: str, **values: object) -> web.Response:
    """Render a page that says of things when they end."""
    now = request.gw.now()
    how = {"ending": expiry, "colours": COLOURS, "now": now, "name_protection": labels.name_protection}
    return request.render_page(template, status=200, **how, **values)


ENDPOINTS = (
    Endpoint("GET", "/partners", Permission.SEE_PARTNERS, show_partners),
    Endpoint("GET", "/partners/own", Permission.SEE_PARTNERS, show_own_card),
    Endpoint("GET", f"/partners/{CODE}", Permission.SEE_PARTNERS, show_partner),
)
