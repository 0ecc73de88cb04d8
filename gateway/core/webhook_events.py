"""What case systems may have themselves told of, read off the entries of the audit log: which message, and never what
of a child.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.message_name import MessageName
from schemas.shapes import MessageId


class WebhookEvent(StrEnum):
    """One kind of thing that happens."""

    RECEIVED = "notice.received"
    STATE = "notice.state"
    RECEIPT = "receipt.received"
    # About the safety of a child.
    URGENT = "notice.urgent"
    # About no message: what was said since the backup may be forgotten.
    RESTORED = "gateway.restored"


@dataclass(frozen=True, slots=True)
class Happening:
    """It happened to this message."""

    event: WebhookEvent
    # Empty: to the gateway itself.
    message_id: MessageId
    # Of the message; empty: we sent it.
    sender: str


# Acts that say that the gateway was restored.
RESTORES = ("gateway.restored", "gateway.restore-noticed")
# Acts after which the message that they are about may stand otherwise.
MOVES = (
    "receipt.verified",
    "notice.sent",
    "notice.rejected",
    "notice.failed",
    # Of before: no reply by mail does anything by itself.
    "notice.answered",
    "notice.accepted-by-mail",
    "notice.not-accepted",
    "notice.not-from-a-person",
    "notice.came-back",
    # A reply waits to be read.
    "notice.mail-came",
    "notice.withdrawn",
    "notice.handed-over",
    "notice.outcome-told",
    "notice.sent-on",
    "case.closed",
)


def list_entry_events(
    act: str, about: str | None, partner: str | None, changed: Sequence[MessageName]
) -> list[Happening]:
    """List what an entry tells of; `changed` are the messages that this one answers, takes back or replaces."""
    if about is None:
        return []
    if act in RESTORES:
        return [Happening(WebhookEvent.RESTORED, MessageId(""), "")]
    message_id = MessageId(about)
    events = []
    if act == "message.kept":
        events.append(Happening(WebhookEvent.RECEIVED, message_id, partner or ""))
    if act == "receipt.verified":
        events.append(Happening(WebhookEvent.RECEIPT, message_id, ""))
    if act == "notice.urgent":
        events.append(Happening(WebhookEvent.URGENT, message_id, partner or ""))
    if act in MOVES:
        events.append(Happening(WebhookEvent.STATE, message_id, ""))
    return events + [Happening(WebhookEvent.STATE, name.message_id, name.sender) for name in changed]
