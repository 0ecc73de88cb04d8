"""Notes, visits and decisions: what an officer writes down about a case, for colleagues and nobody else."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.casework import case_notes
from gateway.casework.case_notes import CaseNote
from gateway.console import forms
from gateway.console.case_actions import read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.core.permissions import Permission
from gateway.core.visits import CaseNoteKind, VisitResult
from gateway.errors import NotAllowed
from schemas.shapes import CaseId

LOCKED = "Stored encrypted. Not sent to anyone."
QUESTIONS = {
    CaseNoteKind.NOTE: (Question("text", "Note", "note", LOCKED, missing="Enter a note"),),
    CaseNoteKind.VISIT: (
        Question("on", "Date of visit", "day", missing="Enter the date of the visit"),
        Question(
            "result",
            "What came of it?",
            "radios",
            options=lambda: [(result.value, labels.name_visit_result(result)) for result in VisitResult],
            missing="Select what came of the visit",
        ),
        Question("text", "What you saw and were told", "note", LOCKED, optional=True),
    ),
    CaseNoteKind.NOT_SHARED: (
        Question("decided_by", "Who made the decision?", hint="Name and role", missing="Enter who made the decision"),
        Question("on", "Date of the decision", "day", missing="Enter the date of the decision"),
        Question(
            "text",
            "Why would sharing be more harmful to the child than not sharing?",
            "note",
            LOCKED,
            missing="Enter the reason",
            noun="The reason",
        ),
    ),
}


async def ask_note(kind: CaseNoteKind, request: ConsoleRequest) -> web.StreamResponse:
    """Ask for the note, the visit or the decision."""
    return await _render_note(request, kind, Answers({}, {}))


async def add_note(kind: CaseNoteKind, request: ConsoleRequest) -> web.StreamResponse:
    """Write it down."""
    case_id = CaseId(request.get_part("case"))
    typed = {name: str(value) for name, value in request.form.items()}
    answers = forms.read_answers(QUESTIONS[kind], typed, request.gw.now().astimezone(LONDON).date())
    if answers.wrong:
        return await _render_note(request, kind, answers)
    note = CaseNote(answers.get_text("text"))
    if kind is CaseNoteKind.VISIT:
        note = CaseNote(note.text, answers.get_day("on"), VisitResult(answers.get_text("result")))
    elif kind is CaseNoteKind.NOT_SHARED:
        note = CaseNote(note.text, decided_by=answers.get_text("decided_by"), decided_on=answers.get_day("on"))
    try:
        await asyncio.to_thread(case_notes.add_case_note, request.gw, case_id, note, request.by)
    except NotAllowed as why:
        return await _render_note(request, kind, Answers(answers.values, {"": why.sentence}))
    return redirect_to(f"/cases/{case_id}?done={kind}")


async def _render_note(request: ConsoleRequest, kind: CaseNoteKind, answers: Answers) -> web.Response:
    return request.render_page(
        "case-note.html",
        status=422 if answers.wrong else 200,
        kind=kind,
        is_decision=kind is CaseNoteKind.NOT_SHARED,
        about=await read_subject(request),
        asked=QUESTIONS[kind],
        answers=answers,
    )


def _build_endpoints(kind: CaseNoteKind, act: Permission) -> Sequence[Endpoint]:
    address = f"/cases/{CASE}/{kind}"
    return (
        Endpoint("GET", address, act, partial(ask_note, kind)),
        Endpoint("POST", address, act, partial(add_note, kind)),
    )


ENDPOINTS = (
    *_build_endpoints(CaseNoteKind.NOTE, Permission.WRITE_DOWN),
    *_build_endpoints(CaseNoteKind.VISIT, Permission.WRITE_DOWN),
    # Who may answer another authority may decide not to.
    *_build_endpoints(CaseNoteKind.NOT_SHARED, Permission.ANSWER),
)
