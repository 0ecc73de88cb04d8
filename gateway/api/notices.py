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
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName
from gateway.core.permissions import Permission
from gateway.core.safeguards import SAFEGUARDS
from gateway.exchange import respond, send
from gateway.store import inbox, mail_replies, outbox
from gateway.store.inbox import InboxItem
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from keys.errors import Destroyed
from schemas import json, xml
from schemas.findings import Finding, Unreadable
from schemas.json import MOMENT
from schemas.message import Message

LONGEST_PAGE, PAGE = 200, 50
STATES = sorted({*map(str, DeliveryState), *map(str, InboxState)})
QUERY = (
    Parameter("direction", "what we sent, or what came", {"type": "string", "enum": ["sent", "came"]}, must=True),
    Parameter("state", "those in this state", {"type": "string", "enum": STATES}),
    Parameter("partner", "those to or from this authority", {"type": "string", "pattern": "^[0-9]{3}$"}),
    Parameter("since", "those queued or received then or later", {"type": "string", "pattern": f"^{MOMENT.pattern}$"}),
    Parameter("limit", "at most so many", {"type": "string", "pattern": "^([1-9][0-9]?|1[0-9][0-9]|200)$"}),
    Parameter("cursor", "as `next` of the page before has it", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,200}$"}),
)
CHECK = "Check the restriction with the sender: until then the address and the note are hidden."
# A member beside Header and body; of a notice in XML, a parameter.
CONFIRMED = "Confirmed"
DOUBTS = [safeguard.code for safeguard in SAFEGUARDS if safeguard.level == "warning"]
CONFIRMING = (
    Parameter(
        "confirmed",
        "the codes of doubts, with commas between, of which an officer says that it is right as it stands; of a notice"
        " in JSON, the member Confirmed does the same",
        {
            "type": "string",
            "pattern": f"^(?:{'|'.join(map(re.escape, DOUBTS))})(?:,(?:{'|'.join(map(re.escape, DOUBTS))}))*$",
        },
    ),
)
IN_FULL = (
    Parameter(
        "in_full",
        "yes: an officer has checked the restriction with the sender, and reads what came without anything hidden",
        {"type": "string", "enum": ["yes"]},
    ),
)


def send_notice(call: Call) -> ApiResponse:
    """A notice, in JSON or XML, is checked, signed, sealed and queued."""
    notice, confirmed = (xml.read(call.body), ()) if call.kind == XML else _confirmed(json.load_object(call.body))
    confirmed = (*confirmed, *confirmed_in(call))
    made = idempotency.build_answer_writer(call.gw, call.tried, build_taken_answer)
    return build_stored_response(
        build_taken_answer(send.send_notice(call.gw, notice, call.by, confirmed=confirmed, also=made))
    )


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


def build_taken_answer(message_id: str) -> StoredAnswer:
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
        more = f"{PREFIX}/notices?{urlencode({**asked, 'cursor': build_cursor(last.at, last.id)})}"
    return build_response(Page(tuple(notices[:limit]), more))


def _sent(call: Call, limit: int) -> list[Listed]:
    state = call.query.get("state")
    if state is not None and state not in list(DeliveryState):
        return []
    since, before = _since(call), _before(call)
    deliveries = call.gw.store.look(
        lambda tx: outbox.list_delivery_page(
            tx,
            state=DeliveryState(state) if state else None,
            recipient=call.query.get("partner"),
            since=since,
            before=before,
            limit=limit,
        )
    )
    return [summarise_sent(delivery) for delivery in deliveries]


def _came(call: Call, limit: int) -> list[Listed]:
    state = call.query.get("state")
    if state is not None and state not in list(InboxState):
        return []
    since, before = _since(call), _before(call)
    items = call.gw.store.look(
        lambda tx: inbox.search_inbox(
            tx,
            call.gw.now(),
            states=(InboxState(state),) if state else (),
            sender=call.query.get("partner"),
            since=since,
            beyond=before,
            limit=limit,
        )
    )
    return [summarise_received(item) for item in items]


def summarise_sent(delivery: Delivery) -> Listed:
    """One of ours, as it stands."""
    return Listed(
        delivery.message_id,
        delivery.conversation_id,
        delivery.kind,
        "sent",
        delivery.recipient,
        delivery.state,
        delivery.state_at,
        delivery.queued_at,
        delivery.restriction,
        delivery.test,
        delivery.in_reply_to,
    )


def summarise_received(item: InboxItem) -> Listed:
    """One of theirs, as it stands."""
    return Listed(
        item.message_id,
        item.conversation_id,
        item.kind,
        "came",
        item.sender,
        item.state,
        item.state_at,
        item.received_at,
        item.restriction,
        item.test,
        item.in_reply_to,
    )


def _since(call: Call) -> datetime | None:
    return _moment(call.query["since"], "since") if "since" in call.query else None


def _moment(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(name) from None


def build_cursor(at: datetime, message_id: str) -> str:
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
    form, message_id = choose_form(call.accept, (JSON, XML)), call.parts["notice"]
    message = _opened(call, message_id, in_full=call.query.get("in_full") == "yes")
    return ApiResponse(200, xml.write(message) if form == XML else json.write(message), form)


def _opened(call: Call, message_id: str, *, in_full: bool) -> Message:
    name = call.gw.store.look(lambda tx: inbox.resolve_message_name(tx, message_id))
    if not name.sender:
        return respond.read_outgoing(call.gw, name.message_id, call.by)
    return respond.read_incoming(call.gw, name, call.by, in_full=in_full)[1]


def read_status(call: Call) -> ApiResponse:
    """How a notice stands, what was tried, and who signed for it."""
    gw = call.gw
    name = gw.store.look(lambda tx: inbox.resolve_message_name(tx, call.parts["notice"]))
    return _status_of_theirs(gw, name) if name.sender else _status_of_ours(gw, name.message_id)


def _status_of_theirs(gw: Gateway, name: MessageName) -> ApiResponse:
    item = gw.store.look(lambda tx: inbox.get_message(tx, name))
    signed = gw.store.look(lambda tx: inbox.list_receipts(tx, item.message_id, issuer=gw.code, digest=item.digest))
    check = CHECK if _must_be_checked(gw, name) else None
    return build_response(Status(summarise_received(item), (), tuple(map(_signed, signed)), None, None, (), check))


def _must_be_checked(gw: Gateway, name: MessageName) -> bool:
    try:
        return respond.needs_restriction_check(gw, name)
    except Destroyed:
        return False


def _status_of_ours(gw: Gateway, message_id: str) -> ApiResponse:
    delivery, tries = gw.store.look(lambda tx: (outbox.get_delivery(tx, message_id), outbox.list_tries(tx, message_id)))
    signed = gw.store.look(lambda tx: inbox.list_receipts(tx, message_id, issuer=delivery.recipient))
    tried = tuple(Try(**each) for each in tries)  # type: ignore[arg-type]  # the columns have these types
    mails = gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [message_id]))
    by_mail = tuple(map(summarise_reply, mails))
    return build_response(
        Status(
            summarise_sent(delivery),
            tried,
            tuple(map(_signed, signed)),
            delivery.reason,
            delivery.handed_over_at,
            by_mail,
            None,
        )
    )


def summarise_reply(reply: MailReply) -> ByMail:
    """A mail in answer to a letter, as it stands."""
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
    token = call.gw.store.look(lambda tx: inbox.get_receipt(tx, int(call.parts["receipt"])))
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
