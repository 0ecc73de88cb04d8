"""Replies by mail to letters: listed, read, and what an officer says that each is. None counts by itself."""

from urllib.parse import urlencode

from gateway.api.call import PREFIX, ApiResponse, Call, Malformed, build_response, build_stored_response
from gateway.api.guard import Operation, Parameter
from gateway.api.notices import build_taken_answer, summarise_reply
from gateway.api.shapes import Judged, MailRead, Mails, Taken
from gateway.case_systems import idempotency
from gateway.casework import by_mail
from gateway.core.mail_replies import Judgement
from gateway.core.permissions import Permission
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


def list_replies(call: Call) -> ApiResponse:
    """One page. A list says nothing of what they say."""
    waiting, cursor = call.query.get("waiting") == "yes", int(call.query.get("cursor", 0))
    letters = (
        by_mail.list_waiting_replies(call.gw, PAGE + 1, cursor=cursor)
        if waiting
        else by_mail.list_mail_replies(call.gw, PAGE + 1, cursor=cursor or None)
    )
    more = None
    if len(letters) > PAGE:
        more = f"{PREFIX}/mail-replies?{urlencode({**call.query, 'cursor': letters[PAGE - 1].reply.number})}"
    return build_response(Mails(tuple(map(summarise_reply, letters[:PAGE])), more))


def read_reply(call: Call) -> ApiResponse:
    """What one says; that it was read is an entry of the audit log."""
    letter = by_mail.read_mail_reply(call.gw, int(call.parts["reply"]), call.by)
    text = letter.text
    if text is None:
        return build_response(MailRead(summarise_reply(letter), None, None, None, None, False, ()))
    return build_response(
        MailRead(summarise_reply(letter), text.sender, text.subject, text.sent, text.body, text.is_cut, text.attached)
    )


def judge_reply(call: Call) -> ApiResponse:
    """What an officer read in it."""
    members = json.load_object(call.body)
    if members.keys() != {"judgement"} or members["judgement"] not in list(Judgement):
        raise Malformed("request.malformed", what="the judgement must be one of those in the description")
    write_answer = idempotency.build_answer_writer(call.gw, call.tried, build_taken_answer)
    reply = by_mail.judge_mail_reply(
        call.gw, int(call.parts["reply"]), Judgement(str(members["judgement"])), call.by, also=write_answer
    )
    return build_stored_response(build_taken_answer(reply.message_id))


OPERATIONS = (
    Operation(
        "GET",
        "/mail-replies",
        "listMailReplies",
        Permission.SEE_WORK,
        "List email replies that an officer must read",
        list_replies,
        gives=Mails,
        query=QUERY,
    ),
    Operation(
        "GET",
        "/mail-replies/{reply}",
        "readMailReply",
        Permission.READ_CHILD,
        "Get an email reply",
        read_reply,
        gives=MailRead,
    ),
    Operation(
        "POST",
        "/mail-replies/{reply}/judgement",
        "judgeMailReply",
        Permission.ANSWER,
        "Record what an officer read in an email reply",
        judge_reply,
        gives=Taken,
        status=202,
        takes=Judged,
    ),
)
