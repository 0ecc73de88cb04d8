"""One message as it stands: where it lies, what it is, with whom, and how far it has come. Nothing of what it says."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.labels import Status, build_status
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
    # Why it stands in its state: `core.causes`.
    cause: str | None = None
    # False for an email to people, of which no gateway gives a receipt.
    sealed: bool = True

    @property
    def name(self) -> MessageName:
        """What it is named by in addresses and commands."""
        return MessageName("" if self.lies == "sent" else self.partner, self.message_id)

    @property
    def status(self) -> Status:
        """Where it stands, for a person."""
        return build_status(
            self.lies, self.kind, self.state, cause=self.cause, sealed=self.sealed, partner=self.partner
        )


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
        cause=one.cause,
        sealed=isinstance(one, Item) or one.protection == "sealed",
    )
