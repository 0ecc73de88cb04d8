"""One message, by its name or its id: how it stands, who signed for it, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.casework.by_mail import AnsweredLetter
from gateway.context import Gateway
from gateway.core.message_name import MessageName
from gateway.core.message_summary import MessageSummary
from gateway.exchange import respond
from gateway.store import inbox, mail_replies, outbox
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from keys.errors import Destroyed
from schemas.message import Message
from schemas.shapes import MessageId


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """How a message stands, what was tried, and who signed for it."""

    message: MessageSummary
    receipts: Sequence[Mapping[str, object]]
    # Of what we sent.
    tries: Sequence[Mapping[str, object]] = ()
    reason: str | None = None
    handed_over_at: datetime | None = None
    mail_replies: Sequence[AnsweredLetter] = ()
    # It came, and contradicts itself about its restriction.
    must_be_checked: bool = False


def get_received_message(gw: Gateway, name: str) -> InboxItem:
    """Return how a message that came stands. Raises NotFound, or Ambiguous where an id is given that several have."""
    return gw.store.look(lambda tx: inbox.get_message(tx, name))


def get_message_status(gw: Gateway, name: str) -> MessageStatus:
    """Return how a message stands. Raises NotFound, or Ambiguous where several have the id."""
    named = gw.store.look(lambda tx: inbox.resolve_message_name(tx, name))
    if not named.sender:
        return gw.store.look(lambda tx: _read_sent_status(tx, named.message_id))
    item, receipts = gw.store.look(lambda tx: _read_received_item(tx, gw, named))
    return MessageStatus(item.summary, receipts, must_be_checked=_must_be_checked(gw, named))


def _read_sent_status(tx: Tx, message_id: MessageId) -> MessageStatus:
    sent = outbox.get_delivery(tx, message_id)
    return MessageStatus(
        sent.summary,
        inbox.list_receipts(tx, message_id, issuer=sent.recipient),
        outbox.list_tries(tx, message_id),
        sent.reason,
        sent.handed_over_at,
        [AnsweredLetter(reply, sent) for reply in mail_replies.list_mail_replies_about(tx, [message_id])],
    )


def _read_received_item(tx: Tx, gw: Gateway, name: MessageName) -> tuple[InboxItem, Sequence[Mapping[str, object]]]:
    item = inbox.get_message(tx, name)
    return item, inbox.list_receipts(tx, item.message_id, issuer=gw.code, digest=item.digest)


def _must_be_checked(gw: Gateway, name: MessageName) -> bool:
    try:
        return respond.needs_restriction_check(gw, name)
    except Destroyed:
        return False


def read_message(gw: Gateway, name: str, by: str, *, in_full: bool = False) -> Message:
    """Open one message, ours or theirs. Raises NotFound, or Ambiguous where several have the id.

    `in_full`: as `respond.read_incoming` has it.
    """
    named = gw.store.look(lambda tx: inbox.resolve_message_name(tx, name))
    if not named.sender:
        return respond.read_outgoing(gw, named.message_id, by)
    return respond.read_incoming(gw, named, by, in_full=in_full)[1]


def get_receipt(gw: Gateway, number: int) -> str:
    """Return the signed text of one receipt, as it was given. Raises NotFound."""
    return gw.store.look(lambda tx: inbox.get_receipt(tx, number))
