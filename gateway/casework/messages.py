"""The messages that we sent and that came: as lists, and one of them opened with all that was done about it.

A list says nothing of a child. That a person opened a message is an entry of the audit log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.auditing import audit
from gateway.auditing.audit import CaseHistory
from gateway.casework import by_hand
from gateway.casework.by_hand import RecordedCall
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName
from gateway.exchange import respond
from gateway.store import inbox, mail_replies, outbox
from gateway.store.inbox import InboxItem
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from schemas.message import Message
from schemas.shapes import MessageId

# A message as it is kept: one that we sent, or one that came.
StoredMessage: TypeAlias = Delivery | InboxItem


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """One message, opened for a person, with its receipts and what was done in its case."""

    message: Message = field(repr=False)
    receipts: Sequence[Mapping[str, object]]
    history: CaseHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSent(OpenedMessage):
    """One that we sent."""

    item: Delivery
    tries: Sequence[Mapping[str, object]]
    calls: Sequence[RecordedCall]
    mail_replies: Sequence[MailReply]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReceived(OpenedMessage):
    """One that came."""

    item: InboxItem
    # It contradicts itself about its restriction.
    must_be_checked: bool


def list_sent_messages(
    gw: Gateway, *, states: Sequence[DeliveryState] = (), recipient: str | None = None, limit: int
) -> list[Delivery]:
    """List what we sent, the newest first."""
    return gw.store.look(
        lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(states=states, recipient=recipient), limit=limit)
    )


def list_undelivered_messages(gw: Gateway, recipient: str | None, limit: int) -> list[Delivery]:
    """List what could not be delivered, to this authority or to any."""
    return gw.store.look(lambda tx: outbox.list_dead_letters(tx, recipient, limit))


def get_sent_message(gw: Gateway, message_id: MessageId) -> Delivery:
    """Return how a message of ours stands. Raises NotFound."""
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))


def list_received_messages(
    gw: Gateway, *, states: Sequence[InboxState] = (), sender: str | None = None, unmatched: bool = True, limit: int
) -> list[InboxItem]:
    """List what came, the newest first; `unmatched`: with the searches to which nothing of ours is near."""
    return gw.store.look(
        lambda tx: inbox.search_inbox(
            tx, gw.now(), inbox.InboxQuery(states=states, sender=sender, unmatched=unmatched), limit=limit
        )
    )


def find_early_messages(gw: Gateway, items: Sequence[InboxItem]) -> set[MessageName]:
    """Return the names of those before which an earlier message of their case is missing."""
    return gw.store.look(lambda tx: {item.name for item in items if inbox.is_predecessor_missing(tx, item)})


def open_message(gw: Gateway, name: str, by: str, *, in_full: bool = False) -> OpenedSent | OpenedReceived:
    """Open one message for a person, by its name or its id. Raises NotFound, or Ambiguous where several have the id.

    `in_full`: as `respond.read_incoming` has it.
    """
    named = gw.store.look(lambda tx: inbox.resolve_message_name(tx, name))
    return _open_received(gw, named, by, in_full) if named.sender else _open_sent(gw, named.message_id, by)


def _open_sent(gw: Gateway, message_id: MessageId, by: str) -> OpenedSent:
    message = respond.read_outgoing(gw, message_id, by)
    item = get_sent_message(gw, message_id)
    return OpenedSent(
        item=item,
        message=message,
        tries=gw.store.look(lambda tx: outbox.list_tries(tx, message_id)),
        receipts=gw.store.look(lambda tx: inbox.list_receipts(tx, message_id, issuer=item.recipient)),
        calls=by_hand.list_recorded_calls(gw, message_id),
        mail_replies=gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [message_id])),
        history=gw.store.look(lambda tx: audit.list_case_acts(tx, item.case_id)),
    )


def _open_received(gw: Gateway, name: MessageName, by: str, in_full: bool) -> OpenedReceived:
    item, message = respond.read_incoming(gw, name, by, in_full=in_full)
    return OpenedReceived(
        item=item,
        message=message,
        must_be_checked=respond.needs_restriction_check(gw, name),
        receipts=gw.store.look(lambda tx: inbox.list_receipts(tx, name.message_id, issuer=gw.code, digest=item.digest)),
        history=gw.store.look(lambda tx: audit.list_case_acts(tx, item.case_id)),
    )
