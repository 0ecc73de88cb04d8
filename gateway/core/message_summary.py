"""One message as it stands: where it lies, what it is, with whom, and how far it has come. Nothing of what it says."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.labels import StatusLabel, build_status
from gateway.core.message_name import Direction, MessageName, build_name
from gateway.core.replies import Misfit
from schemas.message import MessageKind, RestrictionLevel
from schemas.shapes import CaseId, MessageId


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """A message that we sent, or that came."""

    direction: Direction
    message_id: MessageId
    case: CaseId
    kind: MessageKind
    partner: str
    state: DeliveryState | InboxState
    state_at: datetime
    # When it was queued here, or came.
    at: datetime
    restriction: RestrictionLevel
    test: bool
    in_reply_to: MessageId | None
    # Which of its sender's messages in the case it is, from 1.
    sequence: int
    # Why it has no effect on what it names.
    misfit: Misfit | None = None
    # Why it stands in its state: `core.causes`.
    cause: str | None = None
    # False for an email to people, of which no gateway gives a receipt.
    sealed: bool = True

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called in addresses and commands."""
        return build_name(self.direction, self.partner, self.message_id)

    @property
    def case_order(self) -> tuple[datetime, int, MessageId]:
        """Return where it stands among the messages of its case.

        Messages that come together have one moment, and ids that were made in one millisecond have no order: which of
        them their sender wrote first, only their sequence tells.
        """
        return self.at, self.sequence, self.message_id

    @property
    def status(self) -> StatusLabel:
        """Return where it stands, for a person."""
        return build_status(
            self.direction, self.kind, self.state, cause=self.cause, sealed=self.sealed, partner=self.partner
        )
