"""When one is away, and who stands in: one's own choice, or set by an admin or a manager for somebody else."""

import asyncio
from collections.abc import Sequence
from functools import partial
from urllib.parse import quote

from aiohttp import web

from gateway.access import absences, people
from gateway.console import forms
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.forms import Answers, Question
from gateway.console.people import NAME
from gateway.core.permissions import Permission
from gateway.core.team import Absence
from gateway.errors import NotAllowed


async def ask_own_time(request: ConsoleRequest) -> web.StreamResponse:
    """Ask when one is away oneself."""
    return await _render_time(request, request.by, Answers({}, {}))


async def set_own_time(request: ConsoleRequest) -> web.StreamResponse:
    """Keep when one is away oneself."""
    return await _set_time(request, request.by, "/account?done=away")


async def ask_time(request: ConsoleRequest) -> web.StreamResponse:
    """Ask when somebody else is away."""
    return await _render_time(request, request.get_part("name"), Answers({}, {}))


async def set_time(request: ConsoleRequest) -> web.StreamResponse:
    """Keep when somebody else is away."""
    name = request.get_part("name")
    return await _set_time(request, name, f"/people/{quote(name)}/away?done")


async def _list_questions(request: ConsoleRequest, name: str) -> Sequence[Question]:
    deputies = await asyncio.to_thread(absences.list_deputies, request.gw, name)
    options = [("-", "No deputy"), *((person.name, person.called) for person in deputies)]
    return (
        Question("since", "First day away", "day", missing="Enter the first day away", ahead=True),
        Question("until", "Last day away", "day", missing="Enter the last day away", ahead=True),
        Question(
            "deputy",
            "Deputy",
            "select",
            "Someone who sees all cases. New work on the assigned cases is counted for them too.",
            options=lambda: options,
            missing="Select a deputy, or No deputy",
        ),
    )


async def _set_time(request: ConsoleRequest, name: str, then: str) -> web.StreamResponse:
    if request.get_typed("act") == "end":
        await asyncio.to_thread(absences.end_absence, request.gw, name, request.by)
        return redirect_to(then)
    typed = {field: str(value) for field, value in request.form.items()}
    asked = await _list_questions(request, name)
    answers = forms.read_answers(asked, typed, request.gw.now().date())
    if answers.wrong:
        return await _render_time(request, name, answers)
    deputy = answers.get_text("deputy").removeprefix("-")
    absence = Absence(name, answers.get_day("since"), answers.get_day("until"), deputy)
    try:
        await asyncio.to_thread(partial(absences.set_absence, request.gw, absence, request.by))
    except NotAllowed as why:
        field = "deputy" if why.code == "absence.deputy" else "until"
        return await _render_time(request, name, Answers(answers.values, {field: why.sentence}))
    return redirect_to(then)


async def _render_time(request: ConsoleRequest, name: str, answers: Answers) -> web.Response:
    overview = await asyncio.to_thread(people.get_account_overview, request.gw, name)
    return request.render_page(
        "away.html",
        status=422 if answers.wrong else 200,
        person=overview.person,
        is_own=name == request.by,
        address=request.web_request.path,
        on_account="name" not in request.web_request.match_info,
        absence=await asyncio.to_thread(absences.find_absence, request.gw, name),
        team=await asyncio.to_thread(absences.describe_team, request.gw),
        done="done" in request.web_request.query,
        asked=await _list_questions(request, name),
        answers=answers,
    )


ENDPOINTS = (
    Endpoint("GET", "/account/away", Permission.SEE_WORK, ask_own_time, of_assigned=True),
    Endpoint("POST", "/account/away", Permission.SEE_WORK, set_own_time, of_assigned=True),
    Endpoint("GET", f"/people/{NAME}/away", Permission.SET_AWAY, ask_time),
    Endpoint("POST", f"/people/{NAME}/away", Permission.SET_AWAY, set_time),
)
