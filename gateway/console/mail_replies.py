"""One reply by mail: what it says, and what an officer reads in it. Nothing that comes by mail counts before."""

import asyncio

from aiohttp import web

from gateway.casework import by_mail
from gateway.console import forms
from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import CASE, Door
from gateway.console.forms import Answers, Question
from gateway.core.mail_replies import SAYS, Judgement, MailReplyKind, describe_mail_reply
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed, NotFound
from gateway.exchange import respond
from gateway.store import mail_replies, outbox
from gateway.store.mail_replies import MailReply
from keys.errors import Destroyed
from schemas.message import Child

NUMBER = "{number:[0-9]{1,15}}"
JUDGEMENT = Question(
    "judgement",
    "What is this email?",
    "radios",
    options=lambda: tuple((one.value, SAYS[one]) for one in Judgement),
    missing="Select what this email is",
)


async def look(visit: Visit) -> web.StreamResponse:
    """What it says. That it was read is an entry of the audit log."""
    return await asyncio.to_thread(_page, visit, Answers({}, {}))


def _page(visit: Visit, answers: Answers) -> web.Response:
    _check(visit)
    reply, sent, text = by_mail.read_mail_reply(visit.here, _number(visit), visit.by)
    child = _child(visit, sent.message_id)
    return visit.page(
        "mail-reply.html",
        status=422 if answers.wrong else 200,
        reply=reply,
        sent=sent,
        text=text,
        child=child,
        said=describe_mail_reply(reply.what, reply.stage, reply.judgement),
        worth=by_mail.describe_worth(reply),
        asked=(JUDGEMENT,) if reply.what is not MailReplyKind.REPORT and visit.may(Permission.ANSWER) else (),
        answers=answers,
        was=_stands(reply),
    )


def _child(visit: Visit, message_id: str) -> Child | None:
    """Whom the notice is about, so that nobody judges a reply about another child; nobody where none is named."""
    try:
        message = respond.read_outgoing(visit.here, message_id, visit.by)
    except Destroyed:
        return None
    child: Child | None = getattr(message.body, "child", None)
    return child


async def judge(visit: Visit) -> web.StreamResponse:
    """What an officer read in it."""
    return await asyncio.to_thread(_judge, visit)


def _judge(visit: Visit) -> web.Response:
    reply = _check(visit)
    answers = forms.read((JUDGEMENT,), {"judgement": visit.typed("judgement")}, visit.here.now().date())
    if visit.typed("was") != _stands(reply):
        answers = Answers(answers.values, {"": "Someone else has dealt with this email since you opened it."})
    if not answers.wrong:
        try:
            by_mail.judge_mail_reply(visit.here, reply.number, Judgement(answers.text("judgement")), visit.by)
        except NotAllowed as why:
            answers = Answers(answers.values, {"": f"{why.sentence} {why.next_on_page}"})
    return _page(visit, answers) if answers.wrong else goto(f"/cases/{visit.part('case')}?done=reply")


def _check(visit: Visit) -> MailReply:
    """It is one of this case. Raises NotFound."""
    reply = visit.here.store.look(lambda tx: mail_replies.get_mail_reply(tx, _number(visit)))
    if visit.here.store.look(lambda tx: outbox.get_delivery(tx, reply.message_id)).conversation_id != visit.part(
        "case"
    ):
        raise NotFound("case.other-notice")
    return reply


def _number(visit: Visit) -> int:
    return int(visit.part("number"))


def _stands(reply: MailReply) -> str:
    return f"{reply.stage}/{reply.judgement or ''}"


DOORS = (
    Door("GET", f"/cases/{CASE}/replies/{NUMBER}", Permission.READ_CHILD, look),
    Door("POST", f"/cases/{CASE}/replies/{NUMBER}", Permission.ANSWER, judge),
)
