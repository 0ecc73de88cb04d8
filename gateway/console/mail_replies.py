"""One reply by mail: what it says, and what an officer reads in it. Nothing that comes by mail counts before."""

import asyncio

from aiohttp import web

from gateway.casework import by_mail
from gateway.console import forms
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, Endpoint
from gateway.console.forms import Answers, Question
from gateway.core.mail_replies import SAYS, Judgement, MailReplyKind, MailReplyStage, describe_mail_reply
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed
from gateway.exchange import respond
from keys.errors import Destroyed
from schemas.message import Child
from schemas.shapes import MessageId

NUMBER = "{number:[0-9]{1,15}}"
JUDGEMENT = Question(
    "judgement",
    "What is this email?",
    "radios",
    options=lambda: tuple((judgement.value, SAYS[judgement]) for judgement in Judgement),
    missing="Select what this email is",
)


async def show_mail_reply(request: ConsoleRequest) -> web.StreamResponse:
    """Show what it says. That it was read is an entry of the audit log."""
    return await asyncio.to_thread(_render_mail_reply, request, Answers({}, {}))


def _render_mail_reply(request: ConsoleRequest, answers: Answers) -> web.Response:
    by_mail.get_case_reply(request.gw, request.get_part("case"), _parse_number(request))
    reply, sent, text = by_mail.read_mail_reply(request.gw, _parse_number(request), request.by)
    child = _find_child(request, sent.message_id)
    return request.render_page(
        "mail-reply.html",
        status=422 if answers.wrong else 200,
        reply=reply,
        sent=sent,
        text=text,
        child=child,
        summary=describe_mail_reply(reply.what, reply.stage, reply.judgement),
        worth=by_mail.describe_worth(reply),
        asked=(JUDGEMENT,) if reply.what is not MailReplyKind.REPORT and request.may_do(Permission.ANSWER) else (),
        answers=answers,
        was=_format_state(reply.stage, reply.judgement),
    )


def _find_child(request: ConsoleRequest, message_id: MessageId) -> Child | None:
    """Return whom the notice is about, so that nobody judges a reply about another child; None if it names nobody."""
    try:
        message = respond.read_outgoing(request.gw, message_id, request.by)
    except Destroyed:
        return None
    child: Child | None = getattr(message.body, "child", None)
    return child


async def judge_mail_reply(request: ConsoleRequest) -> web.StreamResponse:
    """Record what an officer read in it."""
    return await asyncio.to_thread(_check_judgement, request)


def _check_judgement(request: ConsoleRequest) -> web.Response:
    reply = by_mail.get_case_reply(request.gw, request.get_part("case"), _parse_number(request))
    answers = forms.read_answers((JUDGEMENT,), {"judgement": request.get_typed("judgement")}, request.gw.now().date())
    if request.get_typed("was") != _format_state(reply.stage, reply.judgement):
        answers = Answers(answers.values, {"": "Someone else has recorded what this email is since you opened it."})
    if not answers.wrong:
        try:
            by_mail.judge_mail_reply(request.gw, reply.number, Judgement(answers.get_text("judgement")), request.by)
        except NotAllowed as why:
            answers = Answers(answers.values, {"": f"{why.sentence} {why.next_on_page}"})
    return (
        _render_mail_reply(request, answers)
        if answers.wrong
        else redirect_to(f"/cases/{request.get_part('case')}?done=reply")
    )


def _parse_number(request: ConsoleRequest) -> int:
    return int(request.get_part("number"))


def _format_state(stage: MailReplyStage, judgement: Judgement | None) -> str:
    return f"{stage}/{judgement or ''}"


ENDPOINTS = (
    Endpoint("GET", f"/cases/{CASE}/replies/{NUMBER}", Permission.READ_CHILD, show_mail_reply),
    Endpoint("POST", f"/cases/{CASE}/replies/{NUMBER}", Permission.ANSWER, judge_mail_reply),
)
