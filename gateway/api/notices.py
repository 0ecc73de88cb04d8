"""Notices: sent, listed, read, and how each stands."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from gateway.api.call import (
    JSON,
    JWT,
    PREFIX,
    XML,
    ApiResponse,
    Call,
    Malformed,
    build_response,
    build_stored_response,
    choose_form,
    text_of,
)
from gateway.api.guard import Operation, Parameter
from gateway.api.shapes import ByMail, Listed, Page, Signed, Status, Taken, Try
from gateway.case_systems import idempotency
from gateway.case_systems.idempotency import StoredAnswer
from gateway.casework import message_pages, message_status
from gateway.casework.by_mail import AnsweredLetter, OpenedReply
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.message_summary import MessageSummary
from gateway.core.permissions import Permission
from gateway.core.safeguards import SAFEGUARDS
from gateway.exchange import send
from schemas import json, xml
from schemas.findings import Finding, Unreadable
from schemas.json import MOMENT
from schemas.message import Message
from schemas.shapes import MessageId

PAGE = 50
STATES = sorted({*map(str, DeliveryState), *map(str, InboxState)})
QUERY = (
    Parameter(
        "direction", "messages sent, or messages received", {"type": "string", "enum": ["sent", "came"]}, must=True
    ),
    Parameter("state", "only messages in this state", {"type": "string", "enum": STATES}),
    Parameter("partner", "only messages to or from this authority", {"type": "string", "pattern": "^[0-9]{3}$"}),
    Parameter(
        "since",
        "only messages queued or received at this time or later",
        {"type": "string", "pattern": f"^{MOMENT.pattern}$"},
    ),
    Parameter("limit", "the most to list", {"type": "string", "pattern": "^([1-9][0-9]?|1[0-9][0-9]|200)$"}),
    Parameter(
        "cursor",
        "where the page begins: take it from `next` of the page before",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,200}$"},
    ),
)
CHECK = "Check the restriction with the sender: until then the address and the note are hidden."
# A member beside Header and body; of a notice in XML, a parameter.
CONFIRMED = "Confirmed"
DOUBTS = [safeguard.code for safeguard in SAFEGUARDS if safeguard.level == "warning"]
CONFIRMING = (
    Parameter(
        "confirmed",
        "the codes of the warnings that an officer has checked, with commas between them; for a notice in JSON, the"
        " member Confirmed does the same",
        {
            "type": "string",
            "pattern": f"^(?:{'|'.join(map(re.escape, DOUBTS))})(?:,(?:{'|'.join(map(re.escape, DOUBTS))}))*$",
        },
    ),
)
IN_FULL = (
    Parameter(
        "in_full",
        "yes: an officer has checked the restriction with the sender, so nothing is hidden",
        {"type": "string", "enum": ["yes"]},
    ),
)


def send_notice(call: Call) -> ApiResponse:
    """A notice, in JSON or XML, is checked, signed, sealed and queued."""
    notice, confirmed = (xml.read(call.body), ()) if call.kind == XML else _confirmed(json.load_object(call.body))
    confirmed = (*confirmed, *confirmed_in(call))
    made = idempotency.build_answer_writer(call.gw, call.tried, build_taken_answer)
    [message_id] = send.send_notices(call.gw, [notice], call.by, confirmed=confirmed, also=made)
    return build_stored_response(build_taken_answer(message_id))


def confirmed_in(call: Call) -> list[str]:
    """The doubts that are confirmed in the query."""
    return [code for code in call.query.get("confirmed", "").split(",") if code]


def _confirmed(members: dict[str, Any]) -> tuple[Message, tuple[str, ...]]:
    """The notice, and the doubts that are confirmed beside it. Raises Unreadable."""
    codes = members.pop(CONFIRMED, [])
    if not isinstance(codes, list) or any(code not in DOUBTS for code in codes):
        sentence = f"{CONFIRMED} must be an array of codes of doubts."
        raise Unreadable([Finding("json.schema", "error", f"Message/{CONFIRMED}", sentence)])
    return json.of_object(members), tuple(codes)


def build_taken_answer(message_id: MessageId) -> StoredAnswer:
    """It is durable: which message, and where to see how it goes on."""
    place = f"{PREFIX}/notices/{message_id}/status"
    return StoredAnswer(202, text_of(Taken(message_id, place)), place)


def list_notices(call: Call) -> ApiResponse:
    """One page of what was sent, or of what came."""
    asked, limit = call.query, int(call.query.get("limit", PAGE))
    notices = _sent(call, limit + 1) if asked["direction"] == "sent" else _came(call, limit + 1)
    more = None
    if len(notices) > limit:
        last = notices[limit - 1]
        more = f"{PREFIX}/notices?{urlencode({**asked, 'cursor': build_cursor(last.at, MessageId(last.id))})}"
    return build_response(Page(tuple(notices[:limit]), more))


def _sent(call: Call, limit: int) -> list[Listed]:
    state = call.query.get("state")
    if state is not None and state not in list(DeliveryState):
        return []
    messages = message_pages.list_sent_before(
        call.gw,
        _before(call),
        state=DeliveryState(state) if state else None,
        recipient=call.query.get("partner"),
        since=_since(call),
        limit=limit,
    )
    return [to_row(message.summary) for message in messages]


def _came(call: Call, limit: int) -> list[Listed]:
    state = call.query.get("state")
    if state is not None and state not in list(InboxState):
        return []
    messages = message_pages.list_received_before(
        call.gw,
        _before(call),
        state=InboxState(state) if state else None,
        sender=call.query.get("partner"),
        since=_since(call),
        limit=limit,
    )
    return [to_row(message.summary) for message in messages]


def to_row(message: MessageSummary) -> Listed:
    """One message, ours or theirs, as it stands."""
    return Listed(
        message.message_id,
        message.case,
        message.kind,
        message.direction,
        message.partner,
        message.state,
        message.state_at,
        message.at,
        message.restriction,
        message.test,
        message.in_reply_to,
    )


def _since(call: Call) -> datetime | None:
    return _moment(call.query["since"], "since") if "since" in call.query else None


def _moment(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(name) from None


def build_cursor(at: datetime, message_id: MessageId) -> str:
    """Where a page ends, as the next one is asked for: nothing that a client could not know."""
    return urlsafe_b64encode(f"{at.isoformat()}|{message_id}".encode()).rstrip(b"=").decode()


def _before(call: Call) -> tuple[datetime, str] | None:
    if "cursor" not in call.query:
        return None
    cursor_text = call.query["cursor"]
    try:
        at, _, message_id = (
            urlsafe_b64decode(cursor_text + "=" * (-len(cursor_text) % 4)).decode("ascii").partition("|")
        )
    except ValueError:
        raise _wrong("cursor") from None
    if not re.fullmatch("[0-9a-f-]{36}", message_id, re.ASCII) or not at.endswith("+00:00"):
        raise _wrong("cursor")
    return _moment(at, "cursor"), message_id


def _wrong(name: str) -> Malformed:
    return Malformed("request.malformed", "cursor", name=name)


def read_notice(call: Call) -> ApiResponse:
    """What a notice says; that it was read is an entry of the audit log.

    What came and contradicts itself about its restriction is given as the stricter reading has it, unless all of it is
    asked for.
    """
    form, message_id = choose_form(call.accept, (JSON, XML)), MessageId(call.parts["notice"])
    in_full = call.query.get("in_full") == "yes"
    message = message_status.read_message(call.gw, message_id, call.by, in_full=in_full)
    return ApiResponse(200, xml.write(message) if form == XML else json.write(message), form)


def read_status(call: Call) -> ApiResponse:
    """How a notice stands, what was tried, and who signed for it."""
    stands = message_status.get_message_status(call.gw, call.parts["notice"])
    tries = tuple(Try(**each) for each in stands.tries)  # type: ignore[arg-type]  # the columns have these types
    shape = Status(
        to_row(stands.message),
        tries,
        tuple(map(_signed, stands.receipts)),
        stands.reason,
        stands.handed_over_at,
        tuple(map(summarise_reply, stands.mail_replies)),
        CHECK if stands.must_be_checked else None,
    )
    return build_response(shape)


def summarise_reply(letter: AnsweredLetter | OpenedReply) -> ByMail:
    """A mail in answer to a letter, as it stands."""
    reply = letter.reply
    return ByMail(
        reply.number,
        reply.message_id,
        reply.came_at,
        reply.what,
        reply.domain,
        reply.from_there,
        reply.signed,
        reply.by_machine,
        reply.stage,
        reply.judgement,
    )


def _signed(row: Mapping[str, object]) -> Signed:
    at = row["at"]
    assert isinstance(at, datetime)  # noqa: S101 - the column's type
    return Signed(f"{PREFIX}/receipts/{row['number']}", str(row["issuer"]), str(row["result"]), at)


def read_receipt(call: Call) -> ApiResponse:
    """The signed text of one receipt."""
    token = message_status.get_receipt(call.gw, int(call.parts["receipt"]))
    return ApiResponse(200, token.encode(), JWT)


OPERATIONS = (
    Operation(
        "POST",
        "/notices",
        "sendNotice",
        Permission.SEND,
        "Send a notice",
        send_notice,
        gives=Taken,
        status=202,
        takes="NoticeToSend",
        kinds=(JSON, XML),
        query=CONFIRMING,
    ),
    Operation(
        "GET",
        "/notices",
        "listNotices",
        Permission.SEE_WORK,
        "List notices",
        list_notices,
        gives=Page,
        query=QUERY,
    ),
    Operation(
        "GET",
        "/notices/{notice}",
        "readNotice",
        Permission.READ_CHILD,
        "Get a notice",
        read_notice,
        gives="Message",
        forms=(JSON, XML),
        query=IN_FULL,
    ),
    Operation(
        "GET",
        "/notices/{notice}/status",
        "noticeStatus",
        Permission.SEE_WORK,
        "Get the status of a notice",
        read_status,
        gives=Status,
    ),
    Operation(
        "GET",
        "/receipts/{receipt}",
        "readReceipt",
        Permission.SEE_WORK,
        "Get a delivery receipt",
        read_receipt,
        gives="text",
        forms=(JWT,),
    ),
)
