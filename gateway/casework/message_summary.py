"""One message as it stands: where it lies, what it is, with whom, and how far it has come. Nothing of what it says."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.message_name import MessageName
from gateway.core.replies import Misfit
from gateway.store.blind_index import Lies
from gateway.store.inbox import Item
from gateway.store.outbox import Delivery
from schemas.message import MessageKind, RestrictionLevel


@dataclass(frozen=True, slots=True)
class Stands:
    """A message that we sent, or that came."""

    lies: Lies
    message_id: str
    case: str
    kind: MessageKind
    partner: str
    state: str
    at: datetime  # when it was queued here, or came
    restriction: RestrictionLevel
    test: bool
    in_reply_to: str | None
    misfit: Misfit | None = None  # why it has no effect on what it names

    @property
    def name(self) -> MessageName:
        """What it is named by in addresses and commands."""
        return MessageName("" if self.lies == "sent" else self.partner, self.message_id)


def stands(one: Delivery | Item) -> Stands:
    """How it stands."""
    lies: Lies = "sent" if isinstance(one, Delivery) else "came"
    return Stands(
        lies=lies,
        message_id=one.message_id,
        case=one.conversation_id,
        kind=one.kind,
        partner=one.recipient if isinstance(one, Delivery) else one.sender,
        state=one.state.value,
        at=one.queued_at if isinstance(one, Delivery) else one.received_at,
        restriction=one.restriction,
        test=one.test,
        in_reply_to=one.in_reply_to,
        misfit=one.misfit if isinstance(one, Item) else None,
    )
