"""What officers do with one notice: each act is a form of a few questions, made of one table.

A form carries how the notice stood when it was shown. Where it stands otherwise by the time it is sent, somebody else
was faster: nothing is done, and the case is shown as it is now.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from aiohttp import web

from gateway.authorities.reach import find_reach, list_reaches
from gateway.casework import by_hand, case, compose
from gateway.casework.by_hand import PhoneCall
from gateway.casework.case import CaseNotice
from gateway.console import forms
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, NOTICE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import labels
from gateway.core.causes import split_cause
from gateway.core.labels import ActionLabel
from gateway.core.open_actions import CaseAction
from gateway.core.permissions import Permission
from gateway.errors import GatewayError, NotAllowed, Unconfirmed
from gateway.exchange import respond
from gateway.exchange.send_on import send_notice_on
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.reconciliation import send_reminders
from keys.errors import Refusal
from schemas import codes
from schemas.field_labels import LABELS
from schemas.findings import Finding
from schemas.message import Acknowledgement, Decision, LocatedNotice, Outcome, WhereaboutsResponse, Withdrawal
from schemas.shapes import CaseId

STALE = ("reply.overtaken", "reply.already", "amend.too-late", "send-on.not-now", "reply.fits")
CONFIRM = "Confirm that you have checked these and the notice is correct"
# Acts that name the authority that should have it: neither we nor who has it.
OTHERS = (
    CaseAction.PASS_ON,
    CaseAction.SEND_ON,
)
# Where to go then, if not to the case.
Do = Callable[[ConsoleRequest, CaseNotice, Answers], str | None]


@dataclass(frozen=True, slots=True)
class Form:
    """One act: who may do it, what it asks, and who does it. What it is called is in the labels."""

    act: Permission
    questions: Callable[[CaseNotice], Sequence[Question]]
    do: Do
    # It takes something back, or says no.
    weighty: bool = False


def describe_form(choice: str, notice: CaseNotice) -> ActionLabel:
    """Return what an act is called for this notice."""
    _, code = split_cause(notice.cause)
    return labels.describe_action(choice, notice.kind, notice.partner, code)


def _list_codes(name: str, *without: str) -> Callable[[], Sequence[tuple[str, str]]]:
    """Return what lists the codes of a list, but for those that would need what may not be said."""
    return lambda: tuple(entry for entry in codes.get_labels(name).items() if entry[0] not in without)


def _list_authorities() -> Sequence[tuple[str, str]]:
    live = codes.get_labels("authorities_live") | codes.get_labels("authorities_wales")
    return sorted(live.items(), key=lambda code_and_name: code_and_name[1])


_NOTE = Question(
    "note", "Note to the other authority", "note", "Only people who can open this case will see it.", optional=True
)
_NOTE_OF_REJECTION = replace(
    _NOTE,
    hint='Enter a note if you selected "Another reason". Only people who can open this case will see it.',
    sometimes=True,
)
SPOKEN = (
    Question("spoken_to", "Who did you speak to?", hint="Name and role", missing="Enter who you spoke to"),
    Question("on", "Date of call", "day", missing="Enter the date of the call"),
    Question("time", "Time of call", "time", "For example, 2:30pm or 14:30", missing="Enter the time of the call"),
)

LOCATED = (
    Question(
        "way",
        "Why is the search ending?",
        "radios",
        options=_list_codes("located_ways"),
        missing="Select why the search is ending",
    ),
    Question("on", "Date this was confirmed or decided", "day", missing="Enter the date"),
    Question(
        "decided_by",
        "Name of the manager who decided",
        hint="Only if a manager decided to end the search.",
        optional=True,
        sometimes=True,
    ),
)


def _note_of_call(notice: CaseNotice) -> Sequence[Question]:
    """Ask for a note of the call; of a child about whom nothing may be sent, nothing is kept either."""
    if notice.restriction == "phone-only":
        return ()
    hint = f"Stored encrypted. Not sent to {notice.partner_name}."
    return (Question("note", "What was said", "note", hint, optional=True),)


def _build_note_question(notice: CaseNotice) -> Question:
    return replace(_NOTE, label=f"Note to {notice.partner_name}")


def _add_note_question(notice: CaseNotice, *rest: Question) -> Sequence[Question]:
    return rest if notice.restriction != "none" else (*rest, _build_note_question(notice))


def _ask_nothing(_: CaseNotice) -> Sequence[Question]:
    return ()


def _read_call(request: ConsoleRequest, answers: Answers) -> PhoneCall:
    at = forms.build_moment(answers.get_day("on"), answers.get_text("time"))
    return PhoneCall(answers.get_text("spoken_to"), at, answers.find_line("note"))


def _ask_before_accepting(notice: CaseNotice) -> Sequence[Question]:
    """Ask for a note; of a child about whom only calls may speak, whether to accept it without one."""
    if notice.restriction != "phone-only" or notice.called_at:
        return [replace(question, hint="") for question in _add_note_question(notice)]
    return (
        Question(
            "without_call",
            f"You have not recorded a call to {notice.partner_name}. Do you want to accept the notice without one?",
            "radios",
            options=lambda: (("no", "No, record the call first"), ("yes", "Yes, accept without a recorded call")),
            missing="Select whether to accept the notice without a recorded call",
        ),
    )


def _accept_notice(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> str | None:
    if answers.find_line("without_call") == "no":
        return f"/cases/{request.get_part('case')}/notices/{notice.name}/{CaseAction.CALL}"
    _acknowledge_notice("accepted", request, notice, answers)
    return None


def _acknowledge_notice(decision: Decision, request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    body = Acknowledgement(
        decision=decision,
        reason=answers.find_line("reason"),
        passed_to=answers.find_line("passed_to"),
        officer=request.gw.build_officer(request.by),
        note=answers.find_line("note"),
    )
    without_call = answers.find_line("without_call") == "yes"
    respond.acknowledge_notice(request.gw, notice.name, body, request.by, was=notice.state, without_call=without_call)


def _answer_search(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    ring = request.gw.build_officer(request.by)
    body = WhereaboutsResponse(
        result=answers.get_text("result"), answered_by="officer", ring=ring, note=answers.find_line("note")
    )
    respond.answer_search(
        request.gw, notice.name, body, request.by, was=notice.state, confirmed=list_confirmed(request)
    )


def _send_outcome(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    body = Outcome(
        result=answers.get_text("result"),
        confirmed_on=answers.get_day("on"),
        moved_to=answers.find_line("moved_to"),
        officer=request.gw.build_officer(request.by),
        note=answers.find_line("note"),
    )
    respond.send_outcome(request.gw, notice.name, body, request.by, was=notice.state)


def _record_handover(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    by_hand.record_handover(request.gw, notice.message_id, _read_call(request, answers), request.by)


def _record_received_call(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    by_hand.record_received_call(request.gw, notice.name, _read_call(request, answers), request.by)


def _record_phone_result(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    by_hand.record_outcome(
        request.gw, notice.message_id, answers.get_text("result"), _read_call(request, answers), request.by
    )


def _withdraw_notice(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    body = Withdrawal(reason=answers.get_text("reason"), officer=request.gw.build_officer(request.by))
    withdraw_notice(request.gw, notice.message_id, body, request.by)


def _begin_correction(request: ConsoleRequest, notice: CaseNotice, _: Answers) -> str:
    return f"/compositions/{compose.begin_correction(request.gw, notice.message_id, request.by)}"


def _end_search(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    body = LocatedNotice(
        located_on=answers.get_day("on"), way=answers.get_text("way"), ring=request.gw.build_officer(request.by)
    )
    stand_down_search(request.gw, notice.message_id, body, request.by, decided_by=answers.find_line("decided_by"))


def _send_reminder(request: ConsoleRequest, notice: CaseNotice, _: Answers) -> None:
    send_reminders.remind_partner(request.gw, notice.message_id, request.by)


def _send_notice_on(request: ConsoleRequest, notice: CaseNotice, answers: Answers) -> None:
    send_notice_on(request.gw, notice.message_id, answers.get_text("to"), request.by, confirmed=list_confirmed(request))


def _list_answers(notice: CaseNotice) -> Sequence[tuple[str, str]]:
    """Return what may be answered to an enquiry, as the officer says it who answers."""
    return (
        ("found", "Yes, the child is known to us"),
        ("no-trace", "No trace of the child in our records"),
        ("ring-me", f"Ask {notice.partner_name} to call me"),
    )


def _outcome_questions(notice: CaseNotice) -> Sequence[Question]:
    phone_only = notice.restriction == "phone-only"
    moved_to = Question(
        "moved_to",
        LABELS["Outcome", "moved_to"],
        "authority",
        "Only if the child has moved to another authority. Enter any part of its name, or its DfE code.",
        options=_list_authorities,
        optional=True,
        sometimes=True,
    )
    return _add_note_question(
        notice,
        Question(
            "result",
            LABELS["Outcome", "result"],
            "radios",
            options=_list_codes("outcomes", *(("moved-on",) if phone_only else ())),
            missing="Select an outcome",
        ),
        Question(
            "on",
            LABELS["Outcome", "confirmed_on"],
            "day",
            missing="Enter the date this was confirmed",
            noun="The date this was confirmed",
        ),
        *(() if phone_only else (moved_to,)),
    )


def _rejection_questions(notice: CaseNotice) -> Sequence[Question]:
    restricted = notice.restriction != "none"
    return (
        Question(
            "reason",
            "Why are you rejecting it?",
            "radios",
            options=_list_codes("rejection_reasons", *(("other",) if restricted else ())),
            missing="Select why you are rejecting it",
        ),
        *(() if restricted else (replace(_NOTE_OF_REJECTION, label=_build_note_question(notice).label),)),
    )


def _passing_questions(notice: CaseNotice) -> Sequence[Question]:
    if notice.restriction == "phone-only":
        return ()
    which = Question(
        "passed_to",
        f"Which authority should {notice.partner_name} contact?",
        "authority",
        options=_list_authorities,
        missing="Enter an authority",
    )
    return _add_note_question(notice, which)


def _phone_result_questions(notice: CaseNotice) -> Sequence[Question]:
    return (
        Question(
            "result",
            f"What did {notice.partner_name} tell you?",
            "radios",
            options=_list_codes(by_hand.TOLD[notice.kind]),
            missing="Select what you were told",
        ),
        *SPOKEN,
        *_note_of_call(notice),
    )


FORMS: Mapping[CaseAction, Form] = {
    CaseAction.CALL: Form(
        Permission.WRITE_DOWN,
        lambda _: SPOKEN,
        _record_received_call,
    ),
    CaseAction.ACCEPT: Form(
        Permission.ANSWER,
        _ask_before_accepting,
        _accept_notice,
    ),
    CaseAction.ANSWER: Form(
        Permission.ANSWER,
        lambda notice: _add_note_question(
            notice,
            Question(
                "result",
                "Is this child known to you?",
                "radios",
                options=partial(_list_answers, notice),
                missing="Select whether the child is known to you",
            ),
        ),
        _answer_search,
    ),
    CaseAction.CONCLUDE: Form(
        Permission.ANSWER,
        _outcome_questions,
        _send_outcome,
    ),
    CaseAction.REJECT: Form(
        Permission.ANSWER,
        _rejection_questions,
        partial(_acknowledge_notice, "rejected"),
        weighty=True,
    ),
    CaseAction.PASS_ON: Form(
        Permission.ANSWER,
        _passing_questions,
        partial(_acknowledge_notice, "passed-on"),
    ),
    CaseAction.HAND_OVER: Form(
        Permission.WRITE_DOWN,
        lambda notice: (*SPOKEN, *_note_of_call(notice)),
        _record_handover,
    ),
    CaseAction.TOLD: Form(
        Permission.WRITE_DOWN,
        _phone_result_questions,
        _record_phone_result,
    ),
    CaseAction.CLOSE: Form(
        Permission.WRITE_DOWN,
        _ask_nothing,
        lambda request, notice, _: by_hand.close_notice(request.gw, notice.message_id, request.by),
        weighty=True,
    ),
    CaseAction.REMIND: Form(
        Permission.SEND,
        _ask_nothing,
        _send_reminder,
    ),
    CaseAction.SEND_ON: Form(
        Permission.SEND,
        lambda _: (
            Question(
                "to",
                "Which authority should get the notice?",
                "authority",
                options=_list_authorities,
                missing="Enter an authority",
            ),
        ),
        _send_notice_on,
    ),
    CaseAction.LOCATED: Form(
        Permission.SEARCH,
        lambda _: LOCATED,
        _end_search,
        weighty=True,
    ),
    CaseAction.CORRECT: Form(
        Permission.SEND,
        _ask_nothing,
        _begin_correction,
    ),
    CaseAction.PUT_ASIDE: Form(
        Permission.ANSWER,
        _ask_nothing,
        lambda request, notice, _: respond.put_reply_aside(request.gw, notice.name, request.by, was=notice.state),
    ),
    CaseAction.WITHDRAW: Form(
        Permission.SEND,
        lambda notice: (
            Question(
                "reason",
                "Why are you withdrawing it?",
                "radios",
                options=_list_codes("withdrawal_reasons"),
                missing="Select why you are withdrawing it",
            ),
        ),
        _withdraw_notice,
        weighty=True,
    ),
}


async def show_form(choice: CaseAction, request: ConsoleRequest) -> web.StreamResponse:
    """Show the form."""
    notice = await asyncio.to_thread(
        case.get_case_notice, request.gw, CaseId(request.get_part("case")), request.get_part("notice")
    )
    if choice not in notice.choices:
        return await _render_overtaken(request, choice, notice)
    return await _render_form(request, choice, notice, Answers({}, {}))


async def submit_form(choice: CaseAction, request: ConsoleRequest) -> web.StreamResponse:
    """Do what the form says."""
    notice = await asyncio.to_thread(
        case.get_case_notice, request.gw, CaseId(request.get_part("case")), request.get_part("notice")
    )
    if choice not in notice.choices or request.get_typed("was") != notice.state:
        return await _render_overtaken(request, choice, notice)
    form = FORMS[choice]
    typed = {name: str(value) for name, value in request.form.items()}
    answers = forms.read_answers(_list_questions(request, choice, notice), typed, request.gw.now().date())
    if choice is CaseAction.SEND_ON and not answers.wrong:
        answers = await asyncio.to_thread(_check_reach, request, answers)
    if answers.wrong:
        return await _render_form(request, choice, notice, answers)
    try:
        then = await asyncio.to_thread(form.do, request, notice, answers)
    except Unconfirmed as why:
        return await _render_form(request, choice, notice, Answers(answers.values, {"weighed": CONFIRM}), why.findings)
    except (GatewayError, Refusal) as why:
        if isinstance(why, NotAllowed) and why.code in STALE:
            now = await asyncio.to_thread(
                case.get_case_notice, request.gw, CaseId(request.get_part("case")), str(notice.name)
            )
            return await _render_overtaken(request, choice, now)
        return await _render_form(request, choice, notice, Answers(answers.values, {"": why.sentence}))
    return redirect_to(
        then or f"/cases/{request.get_part('case')}?{urlencode({'done': choice, 'notice': str(notice.name)})}"
    )


def _check_reach(request: ConsoleRequest, answers: Answers) -> Answers:
    """Check that the authority that was chosen can be reached."""
    reach = find_reach(request.gw, answers.get_text("to"))
    return Answers(answers.values, {"to": reach.refusal}) if reach.why else answers


async def _render_form(
    request: ConsoleRequest, choice: CaseAction, notice: CaseNotice, answers: Answers, doubts: Sequence[Finding] = ()
) -> web.Response:
    return request.render_page(
        "act.html",
        status=422 if answers.wrong else 200,
        choice=choice,
        form=FORMS[choice],
        words=describe_form(choice, notice),
        notice=notice,
        about=await read_subject(request, str(notice.name)),
        asked=_list_questions(request, choice, notice),
        answers=answers,
        doubts=doubts,
    )


async def read_subject(request: ConsoleRequest, name: str | None = None) -> case.CaseSubject:
    """Return whom the page is about on which one acts."""
    return await asyncio.to_thread(
        case.read_case_subject, request.gw, CaseId(request.get_part("case")), request.by, name
    )


async def _render_overtaken(request: ConsoleRequest, choice: CaseAction, notice: CaseNotice) -> web.Response:
    return request.render_page(
        "overtaken.html",
        status=409,
        notice=notice,
        case=request.get_part("case"),
        about=await read_subject(request, str(notice.name)),
        typed=list_typed_text(request, FORMS[choice].questions(replace(notice, restriction="none"))),
    )


def list_typed_text(request: ConsoleRequest, asked: Sequence[Question]) -> list[tuple[str, str]]:
    """List what somebody wrote into a page that is refused, as it was typed, so that it is not lost: by question."""
    written = {question.name: question.label for question in asked if question.kind in ("text", "note", "lines")}
    return [(label, request.get_typed(name)) for name, label in written.items() if request.get_typed(name)]


def list_confirmed(request: ConsoleRequest) -> Sequence[str]:
    """List the codes of the doubts shown on a page, where the officer said there that it is right as it stands."""
    return request.get_typed("codes").split() if request.get_typed("weighed") else ()


def _list_questions(request: ConsoleRequest, choice: CaseAction, notice: CaseNotice) -> Sequence[Question]:
    """List the questions; where one asks who should have it, without us, and without who has it already."""
    without = {request.gw.code, notice.partner} if choice in OTHERS else {request.gw.code}
    offered = [entry for entry in _list_authorities() if entry[0] not in without]
    if choice is CaseAction.SEND_ON:
        # What is sent goes from here, so it matters whether we reach them.
        reaches = list_reaches(request.gw, [code for code, _ in offered])
        offered = [(code, reaches[code].listed) for code, _ in offered]
    return [
        replace(question, options=lambda: offered) if question.options is _list_authorities else question
        for question in FORMS[choice].questions(notice)
    ]


def _build_endpoints(choice: CaseAction, form: Form) -> tuple[Endpoint, Endpoint]:
    address = f"/cases/{CASE}/notices/{NOTICE}/{choice}"
    return Endpoint("GET", address, form.act, partial(show_form, choice)), Endpoint(
        "POST", address, form.act, partial(submit_form, choice)
    )


ENDPOINTS = tuple(endpoint for choice, form in FORMS.items() for endpoint in _build_endpoints(choice, form))
