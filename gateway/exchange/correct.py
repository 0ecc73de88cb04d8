"""Send a notice in the place of one that was wrong."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import causes, safeguards
from gateway.errors import NotAllowed
from gateway.exchange.prepare import build_next_header, look_up_known_children
from gateway.exchange.send import Also, queue_messages, send_messages
from gateway.exchange.withdraw import get_amendable, withdraw_delivery
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from keys.errors import Destroyed
from schemas.message import Message
from schemas.shapes import MessageId


def correct_notice(
    gw: Gateway,
    message_id: MessageId,
    notice: Message,
    by: str,
    *,
    confirmed: Collection[str] = (),
    also: Also | None = None,
) -> MessageId:
    """Send a notice in the place of one that was wrong, in the same case; return the id of the new one.

    `also` is done in the same transaction. `confirmed`, here and below: as `prepare.prepare_messages` has it. What the
    old one said of a place may not stand in the texts of a new one that withholds it.

    Raises NotFound, Unfit, Unconfirmed, or NotAllowed where it is of another kind, or the old one is concluded or taken
    back.
    """
    sent = get_amendable(gw, message_id)
    if (notice.kind, notice.header.recipient.authority) != (sent.kind, sent.recipient):
        raise NotAllowed("correction.other-notice")
    head = build_next_header(gw, sent.case_id, sent.recipient, supersedes=message_id, test=notice.header.test)
    theirs = notice.header
    head = replace(head, recipient=theirs.recipient, legal_basis=theirs.legal_basis, marking=theirs.marking)
    new = Message(head, notice.body)
    known = look_up_known_children(gw, [new], {head.message_id: read_withheld_places(gw, message_id)})

    def write_correction(tx: Tx, ready: Sequence[QueuedNotice]) -> MessageId:
        if also:
            also(tx, head.message_id)
        withdraw_delivery(tx, gw, sent, by, f"corrected by {head.message_id}", causes.REPLACED)
        queue_messages(tx, gw, ready)
        return head.message_id

    return send_messages(gw, [new], by, write_correction, confirmed=confirmed, known=known)


def read_withheld_places(gw: Gateway, message_id: MessageId) -> frozenset[str]:
    """Give what a notice of ours said of where the child is; nothing where its key was destroyed."""
    try:
        return safeguards.list_withheld_places(open_own_copy(gw, message_id))
    except Destroyed:
        return frozenset()


def open_own_copy(gw: Gateway, message_id: MessageId) -> Message:
    copy = gw.store.look(lambda tx: copies.take_sent(tx, gw, message_id, Machine.WRITE_ON))
    return copies.open_copy(gw, copy)
