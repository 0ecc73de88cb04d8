"""Send a notice on to another authority: one that is stuck, or was passed on; or all that are open with an authority
that ended, to its successor.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from gateway.context import SYSTEM, Gateway
from gateway.core.causes import REDIRECTED, build_cause
from gateway.core.delivery import FOLLOWING, DeliveryState, may_send_on
from gateway.errors import NotAllowed, Unconfirmed, Unfit, too_late
from gateway.exchange.correct import open_own_copy
from gateway.exchange.prepare import build_next_header
from gateway.exchange.send import queue_messages, send_messages
from gateway.exchange.withdraw import name_status
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import Delivery, OutboxQuery, QueuedNotice
from keys.errors import Refusal
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
    return _send_in_its_place(gw, sent, to, by, confirmed)


@dataclass(frozen=True, slots=True)
class FollowedCases:
    """What became of our open transfer notices to an authority that ended."""

    # The ids of those that went to its successor, and of those with which an officer must deal.
    sent: tuple[MessageId, ...]
    left: tuple[MessageId, ...]


def follow_successor(
    gw: Gateway, authority: str, successor: str, by: str, *, left: Collection[MessageId] = ()
) -> FollowedCases:
    """Send our open transfer notices to an authority that ended on to its successor, each in its case.

    What cannot go by itself, as where a warning must be confirmed, stays as it is; `left`: what stayed before, and is
    not tried again. What was answered, or referred to another, stays too: an officer has it. So do searches, which go
    on by their reviews. Where there is nothing to send on, only a person's act has an entry.
    """
    wanted = OutboxQuery(kinds=("TransferNotice",), states=FOLLOWING, recipient=authority, oldest_first=True)
    there = gw.store.look(lambda tx: outbox.search_outbox(tx, wanted, limit=None))
    tried = [sent for sent in there if sent.message_id not in left]
    followed, stays = list[MessageId](), [sent.message_id for sent in there if sent.message_id in left]
    for sent in tried:
        try:
            _send_in_its_place(gw, sent, successor, by)
            followed.append(sent.message_id)
        except (NotAllowed, Unconfirmed, Unfit, Refusal):
            stays.append(sent.message_id)
    if tried or by != SYSTEM:
        detail: dict[str, str | int] = {"to": successor, "sent": len(followed), "left": len(stays)}
        entry = AuditEntry("partner.followed", by, authority, authority, detail=detail)
        gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
    return FollowedCases(tuple(followed), tuple(stays))


def _send_in_its_place(gw: Gateway, sent: Delivery, to: str, by: str, confirmed: Collection[str] = ()) -> MessageId:
    message_id = sent.message_id
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
