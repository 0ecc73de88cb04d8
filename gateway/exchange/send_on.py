"""Send a notice on that is stuck, or was passed on, to another authority."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway.context import Gateway
from gateway.core.causes import REDIRECTED, build_cause
from gateway.core.delivery import DeliveryState, may_send_on
from gateway.errors import NotAllowed, too_late
from gateway.exchange.correct import open_own_copy
from gateway.exchange.prepare import build_next_header
from gateway.exchange.send import queue_messages, send_messages
from gateway.exchange.withdraw import name_status
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from schemas.message import Message
from schemas.shapes import MessageId


def send_notice_on(
    gw: Gateway, message_id: MessageId, to: str, by: str, *, confirmed: Collection[str] = ()
) -> MessageId:
    """Send a transfer notice that is stuck, or was passed on, to another authority in the same case; return the new id.

    Raises NotFound, Unfit, Unconfirmed, a keys.errors.Refusal, or NotAllowed where it is neither, or goes to the same
    authority.
    """
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind != "TransferNotice" or to == sent.recipient or not may_send_on(sent.state):
        raise NotAllowed("send-on.not-now")
    notice = open_own_copy(gw, message_id)
    head = build_next_header(gw, sent.case_id, to, test=sent.test)
    head = replace(head, legal_basis=notice.header.legal_basis, marking=notice.header.marking)

    def write_sent_on(tx: Tx, ready: Sequence[QueuedNotice]) -> MessageId:
        reason = f"redirected to {to} as {head.message_id}"
        cause = build_cause(REDIRECTED, to)
        if not outbox.advance_delivery(
            tx, gw.now(), message_id, sent.recipient, DeliveryState.CLOSED, reason=reason, cause=cause
        ):
            raise too_late(name_status(outbox.get_delivery(tx, message_id)))
        detail = {"to": to, "as": head.message_id}
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.sent-on", by, message_id, sent.recipient, sent.digest, detail)]
        )
        queue_messages(tx, gw, ready)
        return head.message_id

    return send_messages(gw, [Message(head, notice.body)], by, write_sent_on, confirmed=confirmed)
