"""An officer calls an authority that a search could not ask, and records what they said."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.console import forms
from gateway.console.case_actions import SPOKEN, read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import labels
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed
from gateway.searches import call_list
from gateway.searches.call_list import NotAskedAuthority, SearchCall
from schemas.shapes import CaseId

ADDRESS = f"/cases/{CASE}/call/{{authority:[0-9]{{3}}}}"


def _list_questions(authority: NotAskedAuthority) -> Sequence[Question]:
    known = Question(
        "result",
        f"What did {authority.name} tell you?",
        "radios",
        options=lambda: tuple(labels.list_search_calls().items()),
        missing="Select what you were told",
    )
    note = Question("note", "What was said", "note", "Stored encrypted. Not sent to anyone.", optional=True)
    return known, *SPOKEN, note


async def ask_call(request: ConsoleRequest) -> web.StreamResponse:
    """Ask what the authority said."""
    return await _render_call(request, await _find_authority(request), Answers({}, {}))


async def _find_authority(request: ConsoleRequest) -> NotAskedAuthority:
    case, authority = CaseId(request.get_part("case")), request.get_part("authority")
    return await asyncio.to_thread(call_list.find_to_call, request.gw, case, authority)


async def _render_call(request: ConsoleRequest, authority: NotAskedAuthority, answers: Answers) -> web.Response:
    return request.render_page(
        "search-call.html",
        status=422 if answers.wrong else 200,
        authority=authority,
        about=await read_subject(request),
        asked=_list_questions(authority),
        answers=answers,
    )


async def record_call(request: ConsoleRequest) -> web.StreamResponse:
    """Record the call."""
    authority = await _find_authority(request)
    typed = {name: str(value) for name, value in request.form.items()}
    answers = forms.read_answers(_list_questions(authority), typed, request.gw.now().date())
    if answers.wrong:
        return await _render_call(request, authority, answers)
    at = forms.build_moment(answers.get_day("on"), answers.get_text("time"))
    call = SearchCall(answers.get_text("spoken_to"), at, answers.get_text("result"), answers.find_line("note"))
    write = partial(call_list.record_search_call, request.gw, CaseId(request.get_part("case")), authority.authority)
    try:
        await asyncio.to_thread(write, call, request.by)
    except NotAllowed as why:
        return await _render_call(request, authority, Answers(answers.values, {"": why.sentence}))
    return redirect_to(f"/cases/{request.get_part('case')}/search")


ENDPOINTS = (
    Endpoint("GET", ADDRESS, Permission.SEARCH, ask_call),
    Endpoint("POST", ADDRESS, Permission.SEARCH, record_call),
)
