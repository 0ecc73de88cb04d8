"""How long cases are kept: the policy, what is deleted next, legal holds; a case is put on hold, or released."""

import asyncio

from aiohttp import web

from gateway.access import people
from gateway.console import forms
from gateway.console.case_actions import read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import labels
from gateway.core.permissions import Permission
from gateway.core.retention import HoldReason
from gateway.errors import NotAllowed
from gateway.retention import legal_holds, overview, purge
from schemas.shapes import CaseId

# Cases on the list: who wants all takes `retention preview`.
SHOWN = 200
QUESTIONS = (
    Question(
        "reason",
        "Why must this case be kept?",
        "radios",
        options=lambda: [(reason.value, labels.name_hold_reason(reason)) for reason in HoldReason],
        missing="Select why this case must be kept",
    ),
    Question(
        "note",
        "Note",
        "note",
        "For example, a claim or request number. Stored encrypted. Not sent to anyone.",
        optional=True,
        longest=legal_holds.LONGEST_NOTE,
    ),
)


async def show_retention(request: ConsoleRequest) -> web.StreamResponse:
    """Show the policy and how it stands."""
    read = await asyncio.to_thread(overview.read_overview, request.gw)
    called = {person.name: person.called for person in await asyncio.to_thread(people.list_people, request.gw)}
    return request.render_page("retention.html", read=read, called=called)


async def list_due(request: ConsoleRequest) -> web.StreamResponse:
    """List the cases that are deleted next. That they were seen is an entry of the audit log."""
    preview = await asyncio.to_thread(purge.preview_purge, request.gw)
    shown = preview.due[:SHOWN]
    await asyncio.to_thread(purge.log_listing, request.gw, shown, request.by)
    return request.render_page("retention-due.html", shown=shown, count=len(preview.due))


async def ask_hold(request: ConsoleRequest) -> web.StreamResponse:
    """Ask why the case must be kept."""
    return await _render_hold(request, Answers({}, {}))


async def hold_case(request: ConsoleRequest) -> web.StreamResponse:
    """Put the case on hold."""
    case_id = CaseId(request.get_part("case"))
    typed = {name: str(value) for name, value in request.form.items()}
    answers = forms.read_answers(QUESTIONS, typed, request.gw.now().date())
    if answers.wrong:
        return await _render_hold(request, answers)
    reason, note = HoldReason(answers.get_text("reason")), answers.get_text("note")
    try:
        await asyncio.to_thread(legal_holds.hold_case, request.gw, case_id, reason, request.by, note)
    except NotAllowed as why:
        return await _render_hold(request, Answers(answers.values, {"": why.sentence}))
    return redirect_to(f"/cases/{case_id}?done=hold")


async def _render_hold(request: ConsoleRequest, answers: Answers) -> web.Response:
    return request.render_page(
        "case-hold.html",
        status=422 if answers.wrong else 200,
        about=await read_subject(request),
        asked=QUESTIONS,
        answers=answers,
    )


async def ask_release(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the hold is to end, and say what follows."""
    case_id = CaseId(request.get_part("case"))
    judged = await asyncio.to_thread(legal_holds.judge_one_case, request.gw, case_id)
    return request.render_page("case-release.html", about=await read_subject(request), judged=judged)


async def release_case(request: ConsoleRequest) -> web.StreamResponse:
    """End the hold of the case."""
    case_id = CaseId(request.get_part("case"))
    await asyncio.to_thread(legal_holds.release_case, request.gw, case_id, request.by)
    return redirect_to(f"/cases/{case_id}?done=release")


ENDPOINTS = (
    Endpoint("GET", "/retention", Permission.SEE_RETENTION, show_retention),
    Endpoint("GET", "/retention/due", Permission.SEE_RETENTION, list_due),
    Endpoint("GET", f"/cases/{CASE}/hold", Permission.HOLD_CASE, ask_hold),
    Endpoint("POST", f"/cases/{CASE}/hold", Permission.HOLD_CASE, hold_case),
    Endpoint("GET", f"/cases/{CASE}/release", Permission.HOLD_CASE, ask_release),
    Endpoint("POST", f"/cases/{CASE}/release", Permission.HOLD_CASE, release_case),
)
