"""An officer's acts on what came: read it, acknowledge it, say what became of the child."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, Machine, View
from gateway.core import labels, replies, safeguards
from gateway.core.causes import find_cause
from gateway.core.inbox_state import DECIDED, MAY_BECOME, UNFIT, InboxState
from gateway.core.message_name import MessageName
from gateway.errors import NotAllowed
from gateway.exchange import import_queue
from gateway.exchange.alerts import end_alert
from gateway.exchange.prepare import build_next_header
from gateway.exchange.send import Also, queue_messages, send_messages
from gateway.store import audit_log, calls, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import QueuedNotice
from schemas.message import (
    OPENS_A_CASE,
    Acknowledgement,
    Body,
    Message,
    Outcome,
    RestrictionLevel,
    WhereaboutsResponse,
    get_kind,
)
from schemas.shapes import MessageId

Name = str | MessageName


def read_incoming(gw: Gateway, name: Name, by: str, *, in_full: bool = False) -> tuple[InboxItem, Message]:
    """Open a message that came for a person. That it was read is an entry of the audit log. Raises NotFound, Ambiguous.

    Where it contradicts itself about its restriction, it is read strictly: without address and note. `in_full`: the
    officer has checked the restriction with the sender, and reads all of it, which is another act.
    """

    def get_and_log(tx: Tx) -> tuple[InboxItem, Copy]:
        item = inbox.get_message(tx, name)
        usual = AuditEntry("notice.read", by, item.message_id, item.sender)
        whole = AuditEntry("notice.read-in-full", by, item.message_id, item.sender)
        return item, copies.take_received(tx, gw, item.sender, item.message_id, View(whole if in_full else usual))

    item, copy = gw.store.run(get_and_log)
    message = copies.open_copy(gw, copy)
    return item, message if in_full else safeguards.read_strictly(message, gw.now().date())


def needs_restriction_check(gw: Gateway, name: Name) -> bool:
    """Tell whether a message that came contradicts itself about its restriction; a machine looks.

    Raises NotFound, Ambiguous.
    """

    def get_copy(tx: Tx) -> Copy:
        item = inbox.get_message(tx, name)
        return copies.take_received(tx, gw, item.sender, item.message_id, Machine.CHECK)

    return safeguards.contradicts_restriction(copies.open_copy(gw, gw.store.look(get_copy)), gw.now().date())


def read_outgoing(gw: Gateway, message_id: MessageId, by: str) -> Message:
    """Open our own copy of a notice that we sent, for a person."""

    def get_and_log(tx: Tx) -> Copy:
        view = AuditEntry("notice.read", by, message_id, outbox.get_delivery(tx, message_id).recipient)
        return copies.take_sent(tx, gw, message_id, View(view))

    return copies.open_copy(gw, gw.store.run(get_and_log))


def acknowledge_notice(
    gw: Gateway,
    name: Name,
    body: Acknowledgement,
    by: str,
    *,
    was: str | None = None,
    without_call: bool = False,
    also: Also | None = None,
) -> MessageId:
    """Tell the sender that an officer has it: accepted, rejected or passed on; return the id of the acknowledgement.

    `name`, here and below: the message that came, as `core.message_name` has it; a bare id only where one message has
    it. Raises NotFound, Ambiguous, NotAllowed, Unfit.

    `was`, here and below: how the notice stood when the officer looked at it; where it stands otherwise now, nothing is
    said. `without_call`: the officer accepts a notice of which only calls may speak, though no call to its sender is
    recorded. `also`: what is written with it, or not at all.
    """
    return _send_reply(gw, name, body, DECIDED[body.decision], by, was, also, without_call=without_call)


def send_outcome(
    gw: Gateway, name: Name, body: Outcome, by: str, *, was: str | None = None, also: Also | None = None
) -> MessageId:
    """Tell the sender what became of the child; return the id of the outcome."""
    return _send_reply(gw, name, body, InboxState.CONCLUDED, by, was, also)


def answer_search(
    gw: Gateway,
    name: Name,
    body: WhereaboutsResponse,
    by: str,
    *,
    was: str | None = None,
    confirmed: Collection[str] = (),
    also: Also | None = None,
) -> MessageId:
    """Answer a search, an enquiry or a notice that whereabouts are unknown: found, no trace, or ring us; return its id.

    `confirmed`: as `prepare.prepare_messages` has it.
    """
    return _send_reply(gw, name, body, InboxState.CONCLUDED, by, was, also, confirmed)


def _send_reply(
    gw: Gateway,
    name: Name,
    body: Body,
    standing: InboxState,
    by: str,
    was: str | None,
    also: Also | None,
    confirmed: Collection[str] = (),
    *,
    without_call: bool = False,
) -> MessageId:
    item = gw.store.look(lambda tx: inbox.get_message(tx, name))
    if item.kind not in OPENS_A_CASE:
        raise NotAllowed("reply.not-answerable")
    if not replies.may_answer(item.kind, get_kind(type(body)), getattr(body, "decision", None)):
        raise _does_not_fit_error(item, body)
    if was is not None and item.state != was:
        raise NotAllowed("reply.overtaken", name=item.name)
    if standing not in MAY_BECOME[item.state]:
        raise NotAllowed(
            "reply.already", state=labels.name_status("came", item.kind, item.state, item.cause), name=item.name
        )
    if item.restriction != "none" and _says_too_much(body, item.restriction):
        raise NotAllowed("reply.restricted")
    lacks_call = standing is InboxState.ACKNOWLEDGED and _lacks_call(gw, item)
    if lacks_call and not without_call:
        raise NotAllowed("reply.not-called", name=item.name)
    head = build_next_header(gw, item.case_said, item.sender, in_reply_to=item.message_id, test=item.test)

    def write_reply(tx: Tx, ready: Sequence[QueuedNotice]) -> MessageId:
        if not inbox.set_state(
            tx, gw.now(), item.sender, item.message_id, standing, was=item.state, cause=find_cause(body)
        ):
            raise NotAllowed("reply.overtaken", name=item.name)
        queue_messages(
            tx,
            gw,
            [
                replace(
                    reply,
                    restriction=item.restriction,
                    case_id=item.case_id,
                    said_case=item.said_case,
                    # The audit log says that there was none.
                    confirmed="reply.not-called" if lacks_call else reply.confirmed,
                )
                for reply in ready
            ],
        )
        if isinstance(body, Acknowledgement) and body.decision == "accepted":
            import_queue.queue_for_import(tx, gw, [item])
        if also:
            also(tx, head.message_id)
        return head.message_id

    return send_messages(gw, [Message(head, body)], by, write_reply, confirmed=confirmed)


def _does_not_fit_error(item: InboxItem, body: Body) -> NotAllowed:
    if isinstance(body, WhereaboutsResponse):
        return NotAllowed("reply.not-an-enquiry")
    return NotAllowed("reply.does-not-fit")


def put_reply_aside(gw: Gateway, name: Name, by: str, *, was: str | None = None) -> None:
    """Put aside a reply that does not fit and at which an officer looked: it is no task any more.

    Raises NotFound, or NotAllowed where it is no such reply, or somebody was faster.
    """

    def write_put_aside(tx: Tx) -> None:
        item = inbox.get_message(tx, name)
        if was is not None and item.state != was:
            raise NotAllowed("reply.overtaken", "put-aside", name=item.name)
        if item.misfit is None or item.state not in UNFIT:
            raise NotAllowed("reply.fits")
        inbox.set_misfit(tx, gw.now(), item.sender, item.message_id, InboxState.FILED, item.misfit)
        detail = {"why": item.misfit.value}
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("reply.put-aside", by, item.message_id, item.sender, item.digest, detail)]
        )
        end_alert(tx, gw, item.name, by)

    gw.store.run(write_put_aside)


def _lacks_call(gw: Gateway, item: InboxItem) -> bool:
    """Tell whether only calls may speak of it, and none to its sender is recorded."""
    if item.restriction != "phone-only":
        return False
    return not gw.store.look(lambda tx: calls.list_received_calls(tx, item.sender, item.message_id))


def _says_too_much(body: Body, restriction: RestrictionLevel) -> bool:
    """Tell whether the answer holds more than may be said of a restricted child."""
    places = ("passed_to", "moved_to") if restriction == "phone-only" else ()
    return any(getattr(body, part, None) for part in ("note", *places))
