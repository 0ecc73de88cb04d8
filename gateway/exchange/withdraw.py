"""Take back a notice that we sent."""

from collections.abc import Sequence

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.errors import NotAllowed, too_late
from gateway.exchange.case_review import end_case_review
from gateway.exchange.prepare import build_next_header
from gateway.exchange.send import Also, queue_messages, send_messages
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import Delivery, QueuedNotice
from schemas.message import OPENS_A_CASE, SEARCHES, Message, Withdrawal
from schemas.shapes import CaseId, MessageId


def withdraw_notice(
    gw: Gateway, message_id: MessageId, body: Withdrawal, by: str, *, also: Also | None = None
) -> MessageId | None:
    """Take a notice back; return the withdrawal's id, or None where the notice had not left us and nobody need be told.

    Raises NotFound, or NotAllowed where it is concluded, or taken back already. `also` is told the id, or that of the
    notice.
    """
    sent = get_amendable(gw, message_id)
    head = build_next_header(gw, sent.case_id, sent.recipient, in_reply_to=message_id, test=sent.test)

    def write_withdrawal(tx: Tx, ready: Sequence[QueuedNotice]) -> MessageId | None:
        withdraw_delivery(tx, gw, sent, by, "withdrawn")
        if sent.kind in SEARCHES and not _is_search_open(tx, sent.case_id):
            end_case_review(tx, gw, sent.case_id, "withdrawn", by)
        # Read after the change, so that no claim is in between.
        is_told = outbox.get_delivery(tx, message_id).attempts > 0
        if is_told:
            queue_messages(tx, gw, ready)
        if also:
            also(tx, head.message_id if is_told else message_id)
        return head.message_id if is_told else None

    return send_messages(gw, [Message(head, body)], by, write_withdrawal)


def _is_search_open(tx: Tx, case_id: CaseId) -> bool:
    case = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    return any(delivery.kind in SEARCHES and delivery.state is not DeliveryState.WITHDRAWN for delivery in case)


def get_amendable(gw: Gateway, message_id: MessageId) -> Delivery:
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind not in OPENS_A_CASE:
        raise NotAllowed("amend.not-a-notice")
    return sent


def withdraw_delivery(tx: Tx, gw: Gateway, sent: Delivery, by: str, reason: str, cause: str | None = None) -> None:
    now, about, whom = gw.now(), sent.message_id, sent.recipient
    if not outbox.advance_delivery(tx, now, about, whom, DeliveryState.WITHDRAWN, reason=reason, cause=cause):
        raise too_late(name_status(outbox.get_delivery(tx, sent.message_id)))
    entry = AuditEntry("notice.withdrawn", by, sent.message_id, sent.recipient, sent.digest, {"reason": reason})
    audit_log.append_entries(tx, gw.now(), [entry])


def name_status(sent: Delivery) -> str:
    return labels.name_status("sent", sent.kind, sent.state, sent.cause)
