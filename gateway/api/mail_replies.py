"""Replies by mail to letters: listed, read, and what an officer says that each is. None counts by itself."""

from urllib.parse import urlencode

from gateway.api.call import PREFIX, ApiResponse, Call, Malformed, answered, given
from gateway.api.guard import Operation, Parameter
from gateway.api.notices import mailed, taken
from gateway.api.shapes import Judged, MailRead, Mails, Taken
from gateway.case_systems import idempotency
from gateway.casework import by_mail
from gateway.core.mail_replies import Judgement
from gateway.core.permissions import Permission
from gateway.store import mail_replies
from schemas import json

PAGE = 50
QUERY = (
    Parameter(
        "waiting", "only replies that no officer has read, oldest first", {"type": "string", "enum": ["yes", "no"]}
    ),
    Parameter(
        "cursor",
        "where the page begins: take it from `next` of the page before",
        {"type": "string", "pattern": "^[0-9]{1,15}$"},
    ),
)


def listed(call: Call) -> ApiResponse:
    """One page. A list says nothing of what they say."""
    waiting, cursor = call.query.get("waiting") == "yes", int(call.query.get("cursor", 0))
    found = call.gw.store.look(
        lambda tx: (
            mail_replies.list_waiting_replies(tx, PAGE + 1, after=cursor)
            if waiting
            else mail_replies.list_mail_replies(tx, PAGE + 1, before=cursor or None)
        )
    )
    more = None
    if len(found) > PAGE:
        more = f"{PREFIX}/mail-replies?{urlencode({**call.query, 'cursor': found[PAGE - 1].number})}"
    return given(Mails(tuple(map(mailed, found[:PAGE])), more))


def read(call: Call) -> ApiResponse:
    """What one says; that it was read is an entry of the audit log."""
    reply, _, text = by_mail.read_mail_reply(call.gw, int(call.parts["reply"]), call.by)
    if text is None:
        return given(MailRead(mailed(reply), None, None, None, None, False, ()))
    return given(MailRead(mailed(reply), text.sender, text.subject, text.sent, text.body, text.is_cut, text.attached))


def judge(call: Call) -> ApiResponse:
    """What an officer read in it."""
    said = json.loaded(call.body)
    if said.keys() != {"judgement"} or said["judgement"] not in list(Judgement):
        raise Malformed("request.malformed", what="the judgement must be one of those in the description")
    kept = idempotency.build_answer_writer(call.gw, call.tried, taken)
    reply = by_mail.judge_mail_reply(
        call.gw, int(call.parts["reply"]), Judgement(str(said["judgement"])), call.by, also=kept
    )
    return answered(taken(reply.message_id))


OPERATIONS = (
    Operation(
        "GET",
        "/mail-replies",
        "listMailReplies",
        Permission.SEE_WORK,
        "List email replies that an officer must read",
        listed,
        gives=Mails,
        query=QUERY,
    ),
    Operation(
        "GET",
        "/mail-replies/{reply}",
        "readMailReply",
        Permission.READ_CHILD,
        "Get an email reply",
        read,
        gives=MailRead,
    ),
    Operation(
        "POST",
        "/mail-replies/{reply}/judgement",
        "judgeMailReply",
        Permission.ANSWER,
        "Record what an officer read in an email reply",
        judge,
        gives=Taken,
        status=202,
        takes=Judged,
    ),
)
