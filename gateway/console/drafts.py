"""Drafts: leavers of the case system at whom an officer must look.

One is written on as a notice, or discarded with a reason.
"""

import asyncio
from functools import partial

from aiohttp import web

from gateway.casework.case import TAIL, CaseSubject
from gateway.console import forms, notice_questions
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.forms import Answers, Question
from gateway.console.tasks import describe_answers
from gateway.core import composition
from gateway.core.draft_state import DraftState
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed
from gateway.one import drafts, held_files
from schemas import codes
from schemas.message import get_kind

SHOWN = 50
# An officer decides the one, and is the other.
NOT_IN_A_ROW = ("restriction", "ring")
DRAFT = "{draft:[0-9a-f-]{36}}"
REASON = Question(
    "reason",
    "Why is no notice needed?",
    "radios",
    options=lambda: tuple(codes.get_labels("discard_reasons").items()),
    missing="Select why no notice is needed",
)


async def show_drafts(request: ConsoleRequest) -> web.StreamResponse:
    """Show the drafts that wait, the oldest first. No child is described."""
    state = DraftState.DISCARDED if "discarded" in request.web_request.query else DraftState.OPEN
    listed_drafts = await asyncio.to_thread(drafts.list_drafts, request.gw, state, SHOWN + 1)
    files = await asyncio.to_thread(held_files.find_all, request.gw.config.home)
    more, open_ones = len(listed_drafts) > SHOWN, state is DraftState.OPEN
    return request.render_page(
        "drafts.html", drafts=listed_drafts[:SHOWN], more=more, waiting=open_ones, files=len(files)
    )


async def show_draft(request: ConsoleRequest) -> web.StreamResponse:
    """Show one draft in full. That it was read is an entry of the audit log."""
    draft, row = await asyncio.to_thread(drafts.read_draft, request.gw, request.get_part("draft"), request.by)
    notice = drafts.read_draft_leaver(row, request.gw.build_officer(request.by)).notice
    kind = get_kind(type(notice))
    pages = [section for section in notice_questions.list_sections(kind) if section.name not in NOT_IN_A_ROW]
    described = describe_answers(kind, composition.to_text_fields(notice), pages)
    return request.render_page(
        "draft.html", draft=draft, child=notice.child, to=row["destination_la"], answers=described, State=DraftState
    )


async def ask_discard(request: ConsoleRequest) -> web.StreamResponse:
    """Ask why nothing is to be sent."""
    return await _render_discard(request, Answers({}, {}))


async def _render_discard(request: ConsoleRequest, answers: Answers) -> web.Response:
    draft, row = await asyncio.to_thread(drafts.read_draft, request.gw, request.get_part("draft"), request.by)
    about = CaseSubject(
        draft.draft_id[-TAIL:], drafts.read_draft_leaver(row, request.gw.build_officer(request.by)).notice.child
    )
    status = 422 if answers.wrong else 200
    return request.render_page(
        "draft-discard.html", status=status, about=about, was=draft.said, asked=(REASON,), answers=answers
    )


async def discard_draft(request: ConsoleRequest) -> web.StreamResponse:
    """Discard the draft: nothing is to be sent."""
    answers = forms.read_answers((REASON,), {"reason": request.get_typed("reason")}, request.gw.now().date())
    if answers.wrong:
        return await _render_discard(request, answers)
    try:
        end = partial(drafts.discard_draft, was=request.get_typed("was"))
        await asyncio.to_thread(end, request.gw, request.get_part("draft"), answers.get_text("reason"), request.by)
    except NotAllowed as why:
        if why.code == "draft.stale":
            return await _render_discard(request, Answers(answers.values, {"": why.sentence}))
        # It has ended already; there it says how.
        return redirect_to(f"/drafts/{request.get_part('draft')}")
    return redirect_to("/drafts?done=discarded")


ENDPOINTS = (
    Endpoint("GET", "/drafts", Permission.SEND, show_drafts),
    Endpoint("GET", f"/drafts/{DRAFT}", Permission.SEND, show_draft),
    Endpoint("GET", f"/drafts/{DRAFT}/discard", Permission.SEND, ask_discard),
    Endpoint("POST", f"/drafts/{DRAFT}/discard", Permission.SEND, discard_draft),
)
