"""How a message is named by people, addresses and commands: what came by its sender and its id, what we sent by its id.

An id stands in the clear on the envelope, so another authority may use it too; only with the sender it names one
message.
"""

import re
from typing import Literal, NamedTuple, get_args

from schemas.shapes import MessageId

# Whether we sent a message, or it came.
Direction = Literal["sent", "came"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
_OF_SENDER = re.compile(r"(?P<sender>[0-9]{3})-(?P<message_id>[0-9A-Fa-f-]{36})", re.ASCII)


class MessageName(NamedTuple):
    """One message. The sender is empty where we sent it."""

    sender: str
    message_id: MessageId

    def __str__(self) -> str:
        """Write it as it is typed and shown: 885-ID for what came from 885, ID for what we sent."""
        return f"{self.sender}-{self.message_id}" if self.sender else self.message_id


def build_name(direction: Direction, partner: str, message_id: MessageId) -> MessageName:
    """Return the name of a message that went to a partner, or came from one."""
    return MessageName("" if direction == "sent" else partner, message_id)


def split_name(text: str) -> tuple[str | None, MessageId]:
    """Read the sender, None where a bare id is given, and the id."""
    match = _OF_SENDER.fullmatch(text)
    return (match["sender"], MessageId(match["message_id"])) if match else (None, MessageId(text))
