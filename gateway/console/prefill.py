"""A notice is begun, filled in: about the child of a case, about siblings, or about a child of the pupil index.

What is typed to look a child up stands in no address; the child is chosen by a number of the index.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from aiohttp import web

from gateway.casework import case, prefill, pupil_search
from gateway.casework.pupil_search import PupilQuestion, ShownPupil
from gateway.console import forms
from gateway.console.case_actions import read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, NOTICE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import labels
from gateway.core.permissions import Permission
from schemas.message import OPENS_A_CASE, MessageKind, RestrictionLevel, find_member
from schemas.shapes import CaseId, MessageId

KIND = Question(
    "kind", "What type of notice do you want to write?", "radios", missing="Select the type of notice", noun="The type"
)
UPN = Question("upn", "UPN", hint="A letter followed by 12 characters", optional=True, sometimes=True, short=True)
SURNAME = Question("surname", "Surname", optional=True, sometimes=True, missing="Enter a surname")
FORENAME = Question(
    "forename", "Forename", hint="Leave blank if the child has only one name.", optional=True, sometimes=True
)
BORN = Question(
    "dob", "Date of birth", "day", "For example, 27 3 2015", optional=True, sometimes=True, noun="The date of birth"
)
PUPIL = (UPN, SURNAME, FORENAME, BORN)
NOTHING_TYPED = "Enter a UPN, or a surname and a date of birth"
# As a notice has them.
SIBLING_PLACES = frozenset(map(str, range(12)))
NO_ANSWERS = Answers({}, {})


async def ask_kind(request: ConsoleRequest) -> web.StreamResponse:
    """Ask which type of notice is to be written about the child of a case."""
    return await _render_kind(request, NO_ANSWERS)


async def begin_about_child(request: ConsoleRequest) -> web.StreamResponse:
    """Begin a notice about the child of a case, filled in from the one that lies here."""
    asked = await _build_kind_question(request)
    answers = forms.read_answers([asked], {"kind": request.get_typed("kind")}, request.gw.now().date())
    kind = find_member(answers.get_text("kind"), OPENS_A_CASE)
    if kind is None:
        return await _render_kind(request, answers)
    work = partial(prefill.begin_about_child, request.gw, request.get_part("notice"), kind, request.by)
    return redirect_to(f"/compositions/{await asyncio.to_thread(work)}")


async def _render_kind(request: ConsoleRequest, answers: Answers) -> web.Response:
    return request.render_page(
        "prefill-kind.html",
        status=422 if answers.wrong else 200,
        asked=[await _build_kind_question(request)],
        answers=answers,
        about=await read_subject(request, request.get_part("notice")),
    )


async def _build_kind_question(request: ConsoleRequest) -> Question:
    notice = await asyncio.to_thread(
        case.get_case_notice, request.gw, CaseId(request.get_part("case")), request.get_part("notice")
    )
    return replace(KIND, options=lambda: [(kind, labels.name_kind(kind)) for kind in list_kinds(notice.restriction)])


def list_kinds(restriction: RestrictionLevel) -> Sequence[MessageKind]:
    """List the types of notices that may be written: nobody else is asked for a child of whom only calls may speak."""
    return ("TransferNotice",) if restriction == "phone-only" else OPENS_A_CASE


async def ask_siblings(request: ConsoleRequest) -> web.StreamResponse:
    """Show the siblings whom a notice of ours names, to begin a notice for each."""
    return await _render_siblings(request, "")


async def begin_for_siblings(request: ConsoleRequest) -> web.StreamResponse:
    """Begin a notice for each of the siblings that were chosen."""
    wanted = {int(place) for place in request.form.getall("sibling", []) if str(place) in SIBLING_PLACES}
    if not wanted:
        return await _render_siblings(request, "Select the children to write about")
    message_id = MessageId(request.get_part("notice"))
    work = partial(prefill.begin_for_siblings, request.gw, message_id, wanted, request.by)
    return redirect_to(f"/compositions?started={await asyncio.to_thread(work)}")


async def _render_siblings(request: ConsoleRequest, wrong: str) -> web.Response:
    message_id = MessageId(request.get_part("notice"))
    siblings = await asyncio.to_thread(prefill.list_named_siblings, request.gw, message_id, request.by)
    return request.render_page(
        "prefill-siblings.html",
        status=422 if wrong else 200,
        siblings=siblings,
        wrong=wrong,
        about=await read_subject(request, request.get_part("notice")),
    )


async def ask_pupil(request: ConsoleRequest) -> web.StreamResponse:
    """Ask which child of ours the notice is about."""
    kind = find_member(request.web_request.query.get("kind", ""), OPENS_A_CASE)
    return redirect_to("/compositions") if kind is None else await _render_pupils(request, kind, NO_ANSWERS, None)


async def show_pupils(request: ConsoleRequest) -> web.StreamResponse:
    """Show the children of the pupil index who may be meant."""
    kind = find_member(request.get_typed("kind"), OPENS_A_CASE)
    if kind is None:
        return redirect_to("/compositions")
    typed = {name: str(value) for name, value in request.form.items()}
    answers = check_question(forms.read_answers(PUPIL, typed, request.gw.now().date()))
    if answers.wrong:
        return await _render_pupils(request, kind, answers, None)
    asked = _build_pupil_question(answers)
    shown = await asyncio.to_thread(pupil_search.find_pupils, request.gw, asked, request.by)
    return await _render_pupils(request, kind, answers, shown)


def check_question(answers: Answers) -> Answers:
    """Check that a child can be looked for: by a whole UPN, or by a surname and a date of birth."""
    if answers.wrong:
        return answers
    if upn := answers.get_text("upn"):
        wrong = {} if pupil_search.read_upn(upn) else {"upn": "UPN must be a letter followed by 12 characters"}
        return Answers(answers.values, wrong)
    surname, born = answers.get_text("surname"), answers.values.get("dob")
    if not surname and not born:
        return Answers(answers.values, {"upn": NOTHING_TYPED})
    missing: Mapping[str, str] = {
        "surname": "" if surname else "Enter a surname",
        "dob": "" if born else "Enter a date of birth",
    }
    return Answers(answers.values, {name: sentence for name, sentence in missing.items() if sentence})


def _build_pupil_question(answers: Answers) -> PupilQuestion:
    if upn := answers.get_text("upn"):
        return PupilQuestion(pupil_search.read_upn(upn))
    return PupilQuestion("", answers.get_text("surname"), answers.get_text("forename"), answers.get_day("dob"))


async def _render_pupils(
    request: ConsoleRequest, kind: MessageKind, answers: Answers, shown: Sequence[ShownPupil] | None
) -> web.Response:
    return request.render_page(
        "prefill-pupils.html",
        status=422 if answers.wrong else 200,
        kind=kind,
        asked=PUPIL,
        answers=answers,
        shown=shown,
        loaded_at=await asyncio.to_thread(pupil_search.find_index_date, request.gw),
    )


async def begin_from_pupil(request: ConsoleRequest) -> web.StreamResponse:
    """Begin a notice about the child that was chosen, filled in from the pupil index."""
    kind = find_member(request.get_typed("kind"), OPENS_A_CASE)
    if kind is None:
        return redirect_to("/compositions")
    work = partial(pupil_search.begin_from_pupil, request.gw, request.get_typed("pupil"), kind, request.by)
    return redirect_to(f"/compositions/{await asyncio.to_thread(work)}")


WRITE, SIBLINGS = f"/cases/{CASE}/notices/{NOTICE}/write", f"/cases/{CASE}/notices/{NOTICE}/siblings"
ENDPOINTS = (
    Endpoint("GET", WRITE, Permission.SEND, ask_kind),
    Endpoint("POST", WRITE, Permission.SEND, begin_about_child),
    Endpoint("GET", SIBLINGS, Permission.SEND, ask_siblings),
    Endpoint("POST", SIBLINGS, Permission.SEND, begin_for_siblings),
    Endpoint("GET", "/compositions/pupils", Permission.SEND, ask_pupil),
    Endpoint("POST", "/compositions/pupils", Permission.SEND, show_pupils),
    Endpoint("POST", "/compositions/pupils/begin", Permission.SEND, begin_from_pupil),
)
