"""Partners, and the authorities to whose officers we write letters. An admin adds partners, and their newer cards,
suspends them, and confirms whom partners may ring here.
"""

import asyncio
from contextlib import suppress
from functools import partial

from aiohttp import web

from gateway.authorities import partners, suspend
from gateway.authorities.partners import OfferedCard
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.core import expiry, labels
from gateway.core.connection_causes import get_cause
from gateway.core.permissions import Permission
from gateway.errors import Busy, NotAllowed
from gateway.exchange.connection_tests import OK, get_last_test, run_connection_test
from gateway.home_folder import note_contacts_checked
from keys.errors import Refusal

CODE = "{authority:[0-9]{3}}"
EXPIRY_COLOURS = {
    expiry.ExpiryLevel.SOON: "yellow",
    expiry.ExpiryLevel.NOW: "orange",
    expiry.ExpiryLevel.SHORTLY: "orange",
    expiry.ExpiryLevel.AT_ONCE: "red",
    expiry.ExpiryLevel.ENDED: "red",
}
# What is asked first: the title, what it means, the button.
SUSPENDING = (
    "Suspend exchange",
    "Nothing is sent to them or accepted from them, at once. Messages to them wait. After 5 days they count as not"
    " delivered, and are tasks for an officer. Tell your officers to call about what cannot wait.",
    "Suspend exchange",
)
RESUMING = ("Resume exchange", "What waited is sent, and what they send is accepted again.", "Resume exchange")


async def show_partners(request: ConsoleRequest) -> web.StreamResponse:
    """Show all of them, with what ends first."""
    known_partners = await asyncio.to_thread(partners.list_known_partners, request.gw)
    letters = sorted(request.gw.correspondents.values(), key=lambda correspondent: correspondent.authority)
    return _render_endings(request, "partners.html", partners=known_partners, letters=letters)


async def show_partner(request: ConsoleRequest) -> web.StreamResponse:
    """Show one partner."""
    code = request.get_part("authority")
    partner = await asyncio.to_thread(partners.get_known_partner, request.gw, code)
    done = labels.tell_partner_act(request.web_request.query.get("done", ""), code)
    checks = partners.describe_contact_checks(partner.card, request.gw.now())
    test = await asyncio.to_thread(get_last_test, request.gw, code)
    how = {"test": test, "cause": get_cause(test.cause) if test and test.cause != OK else None}
    return _render_endings(request, "partner.html", partner=partner, checks=checks, done=done, **how)


async def show_own_card(request: ConsoleRequest) -> web.StreamResponse:
    """Show our own card: whom partners are told to ring here."""
    own = await asyncio.to_thread(partners.describe_own_card, request.gw)
    checks = await asyncio.to_thread(partners.describe_own_checks, request.gw)
    done = "done" in request.web_request.query
    return _render_endings(request, "own-card.html", own=own, checks=checks, done=done)


async def ask_card(request: ConsoleRequest) -> web.StreamResponse:
    """Ask for the file of a card."""
    return request.render_page("partner-add.html", wrong=None)


async def check_card(request: ConsoleRequest) -> web.StreamResponse:
    """Show whose card it is, what it changes, and the fingerprint that is to be compared by phone."""
    offered = await _read_card(request)
    return offered if isinstance(offered, web.Response) else _render_card(request, offered, None)


async def _read_card(request: ConsoleRequest) -> OfferedCard | web.Response:
    """Read the card that was chosen; where it may not be added, return the page that says why."""
    try:
        return await asyncio.to_thread(partners.read_offered_card, request.gw, request.get_typed("card"))
    except (NotAllowed, Refusal) as why:
        return request.render_page("partner-add.html", status=422, wrong=why)


def _render_card(request: ConsoleRequest, offered: OfferedCard, wrong: NotAllowed | None) -> web.Response:
    return request.render_page("partner-check.html", status=422 if wrong else 200, offered=offered, wrong=wrong)


async def add_card(request: ConsoleRequest) -> web.StreamResponse:
    """Add the card, where the fingerprint that was read out is its own."""
    offered = await _read_card(request)
    if isinstance(offered, web.Response):
        return offered
    if not offered.is_held:
        told = request.get_typed("fingerprint")
        try:
            await asyncio.to_thread(partners.add_offered_card, request.gw, offered, told, by=request.by)
        except NotAllowed as why:
            return _render_card(request, offered, why)
    return redirect_to(f"/partners/{offered.card.authority}?done=added")


async def try_connection(request: ConsoleRequest) -> web.StreamResponse:
    """Test the connection to the partner now, and show how it went."""
    authority = request.get_part("authority")
    # The page shows the one of less than a minute ago.
    with suppress(Busy):
        await run_connection_test(request.gw, authority, by=request.by)
    return redirect_to(f"/partners/{authority}#connection")


async def _ask_about_partner(request: ConsoleRequest, act: tuple[str, str, str]) -> web.StreamResponse:
    """Say what an act on exchange with a partner means, and ask for it."""
    partner = await asyncio.to_thread(partners.get_known_partner, request.gw, request.get_part("authority"))
    return request.render_page(
        "partner-ask.html", code=partner.confirmed.authority, act=act[0], sentences=act[1], button=act[2]
    )


async def suspend_partner(request: ConsoleRequest) -> web.StreamResponse:
    """Suspend exchange with a partner at once."""
    code = request.get_part("authority")
    await asyncio.to_thread(suspend.suspend_partner, request.gw, code, by=request.by)
    return redirect_to(f"/partners/{code}?done=suspended")


async def resume_partner(request: ConsoleRequest) -> web.StreamResponse:
    """Resume exchange with a partner, where a person here suspended it."""
    code = request.get_part("authority")
    is_open = await asyncio.to_thread(suspend.resume_partner, request.gw, code, by=request.by)
    return redirect_to(f"/partners/{code}?done={'resumed' if is_open else 'still-suspended'}")


async def ask_about_contacts(request: ConsoleRequest) -> web.StreamResponse:
    """Show the contacts that our next card has, and ask whether each was checked."""
    lines = await asyncio.to_thread(partners.list_own_contacts, request.gw)
    return request.render_page("contacts-confirm.html", lines=lines)


async def confirm_contacts(request: ConsoleRequest) -> web.StreamResponse:
    """Note that each contact was checked today."""
    await asyncio.to_thread(note_contacts_checked, request.gw, by=request.by)
    return redirect_to("/partners/own?done")


def _render_endings(request: ConsoleRequest, template: str, **values: object) -> web.Response:
    """Render a page that says of things when they end."""
    now = request.gw.now()
    how = {"ending": expiry, "colours": EXPIRY_COLOURS, "now": now, "name_protection": labels.name_protection}
    how["name_expiry"] = labels.name_expiry
    return request.render_page(template, status=200, **how, **values)


ENDPOINTS = (
    Endpoint("GET", "/partners", Permission.SEE_PARTNERS, show_partners),
    Endpoint("GET", "/partners/own", Permission.SEE_PARTNERS, show_own_card),
    Endpoint("GET", "/partners/add", Permission.MANAGE_PARTNERS, ask_card),
    Endpoint("POST", "/partners/add", Permission.MANAGE_PARTNERS, check_card, takes_file=True),
    Endpoint("POST", "/partners/add/confirm", Permission.MANAGE_PARTNERS, add_card),
    Endpoint("GET", "/partners/own/contacts", Permission.MANAGE_PARTNERS, ask_about_contacts),
    Endpoint("POST", "/partners/own/contacts", Permission.MANAGE_PARTNERS, confirm_contacts),
    Endpoint(
        "GET", f"/partners/{CODE}/suspend", Permission.MANAGE_PARTNERS, partial(_ask_about_partner, act=SUSPENDING)
    ),
    Endpoint("POST", f"/partners/{CODE}/suspend", Permission.MANAGE_PARTNERS, suspend_partner),
    Endpoint("GET", f"/partners/{CODE}/resume", Permission.MANAGE_PARTNERS, partial(_ask_about_partner, act=RESUMING)),
    Endpoint("POST", f"/partners/{CODE}/resume", Permission.MANAGE_PARTNERS, resume_partner),
    Endpoint("GET", f"/partners/{CODE}", Permission.SEE_PARTNERS, show_partner),
    Endpoint("POST", f"/partners/{CODE}/test", Permission.TEST_CONNECTION, try_connection),
)
