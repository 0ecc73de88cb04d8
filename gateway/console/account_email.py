"""When one is told of new work by email: one's own choice; an admin may set the address."""

import asyncio
from functools import partial

from aiohttp import web

from gateway.access import mail_choices, people
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.people import NAME
from gateway.core import labels
from gateway.core.officer_news import MailChoice
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed

CHOICES = [(choice.value, *labels.explain_mail_choice(choice)) for choice in MailChoice]
# That are offered.
HOURS = range(6, 20)


async def ask_mail_choice(request: ConsoleRequest) -> web.StreamResponse:
    """Ask when to be told, and where."""
    chosen = await asyncio.to_thread(mail_choices.find_mail_choice, request.gw, request.by)
    typed = {"address": chosen.address, "choice": chosen.choice.value, "daily_at": chosen.daily_at}
    return _render_choice(request, typed, None)


def _render_choice(request: ConsoleRequest, typed: dict[str, str], wrong: tuple[str, str] | None) -> web.Response:
    times = [(f"{hour:02}:00", f"{hour % 12 or 12}:00{'am' if hour < 12 else 'pm'}") for hour in HOURS]
    return request.render_page(
        "account-email.html",
        status=422 if wrong else 200,
        typed=typed,
        wrong=wrong,
        choices=CHOICES,
        times=times,
        sends=request.gw.mail is not None,
    )


async def choose_mail(request: ConsoleRequest) -> web.StreamResponse:
    """Keep the choice."""
    typed = {name: request.get_typed(name) for name in ("address", "choice", "daily_at")}
    if typed["choice"] not in list(MailChoice):
        return _render_choice(request, typed, ("choice", "Select when you want to be told"))
    choose = partial(mail_choices.choose_mail, request.gw, request.by, typed["address"], MailChoice(typed["choice"]))
    try:
        await asyncio.to_thread(choose, typed["daily_at"] or mail_choices.USUAL_TIME)
    except NotAllowed as why:
        return _render_choice(request, typed, _describe_wrong(why))
    return redirect_to("/account?done=email")


def _describe_wrong(why: NotAllowed) -> tuple[str, str]:
    """Return the field that is wrong, and what is said of it."""
    return why.code.rpartition(".")[2].replace("time", "daily_at"), why.next_on_page.rstrip(".")


async def ask_address(request: ConsoleRequest) -> web.StreamResponse:
    """Ask for the address of somebody else."""
    chosen = await asyncio.to_thread(mail_choices.find_mail_choice, request.gw, request.get_part("name"))
    return await _render_address(request, chosen.address, None)


async def _render_address(request: ConsoleRequest, address: str, wrong: tuple[str, str] | None) -> web.Response:
    overview = await asyncio.to_thread(people.get_account_overview, request.gw, request.get_part("name"))
    status = 422 if wrong else 200
    return request.render_page("person-email.html", status=status, person=overview.person, address=address, wrong=wrong)


async def set_address(request: ConsoleRequest) -> web.StreamResponse:
    """Set the address of somebody else; when they are told stays their own choice."""
    name, address = request.get_part("name"), request.get_typed("address")
    try:
        await asyncio.to_thread(mail_choices.set_mail_address, request.gw, name, address, request.by)
    except NotAllowed as why:
        return await _render_address(request, address, _describe_wrong(why))
    return redirect_to(f"/people/{name}")


ENDPOINTS = (
    Endpoint("GET", "/account/email", Permission.SEE_WORK, ask_mail_choice, of_assigned=True),
    Endpoint("POST", "/account/email", Permission.SEE_WORK, choose_mail, of_assigned=True),
    Endpoint("GET", f"/people/{NAME}/email", Permission.MANAGE_PEOPLE, ask_address),
    Endpoint("POST", f"/people/{NAME}/email", Permission.MANAGE_PEOPLE, set_address),
)
