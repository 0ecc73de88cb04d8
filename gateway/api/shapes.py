"""What the API answers, and the little that it takes besides messages. `description` makes its schemas of these."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.core.mail_replies import Judgement, MailReplyKind, MailReplyStage
from gateway.core.message_name import Direction
from gateway.core.webhook_events import WebhookEvent


@dataclass(frozen=True, slots=True)
class Token:
    """An access token (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    # Seconds.
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class Taken:
    """It is durable here, and goes out by itself."""

    # Of the message that was made; of the notice itself where nobody need be told.
    id: str
    # Where to get its status.
    status: str


@dataclass(frozen=True, slots=True)
class Listed:
    """How one message stands. Nothing about a child."""

    id: str
    case: str
    kind: str
    direction: Direction
    partner: str
    state: str
    state_at: datetime
    # Queued, or received.
    at: datetime
    restriction: str
    test: bool
    in_reply_to: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, the newest first; `next` leads to those before, and is null on the last page."""

    notices: tuple[Listed, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver."""

    at: datetime
    route: str
    ending: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt: its signed text is at `address`."""

    address: str
    issuer: str
    result: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ByMail:
    """A mail in answer to a letter, as far as anybody may know who may not read it.

    Nothing in it counts before an officer said so.
    """

    reply: int
    # The id of the notice that it is about.
    notice: str
    came_at: datetime
    what: MailReplyKind
    # From where it claims to come.
    domain: str
    # That is where we wrote to.
    from_there: bool
    # With the certificate that we hold.
    signed: bool
    # It says so itself.
    by_machine: bool
    stage: MailReplyStage
    judgement: Judgement | None


@dataclass(frozen=True, slots=True)
class Mails:
    """Mails in answer to letters; `next` leads on, and is null on the last page."""

    replies: tuple[ByMail, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class MailRead:
    """What one says; null where its key was destroyed."""

    reply: ByMail
    sender: str | None
    subject: str | None
    sent: str | None
    body: str | None
    # The whole mail lies in the mailbox.
    is_cut: bool
    # Names of files.
    attached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What an officer read in one."""

    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Status:
    """How one message stands, what was tried, and who signed for it."""

    notice: Listed
    tries: tuple[Try, ...]
    receipts: tuple[Signed, ...]
    reason: str | None
    # By telephone.
    handed_over_at: datetime | None
    # The newest first.
    replies_by_mail: tuple[ByMail, ...]
    # What an officer must do first with what came, where it contradicts itself about its restriction.
    check: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """A local authority, and how it is reached from here."""

    code: str
    name: str
    reached: Literal["sealed", "letter", "no"]


@dataclass(frozen=True, slots=True)
class Authorities:
    """Every live local authority of England and Wales."""

    authorities: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to tell of what: an https address of a host that the operator has listed."""

    url: str
    events: tuple[WebhookEvent, ...]


@dataclass(frozen=True, slots=True)
class NewHook:
    """A webhook, with its secret, this once."""

    id: str
    url: str
    events: tuple[WebhookEvent, ...]
    secret: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, and how it fares; `failed_as` says how the last try ended that was not taken."""

    id: str
    url: str
    events: tuple[WebhookEvent, ...]
    active: bool
    made_at: datetime
    failing_since: datetime | None
    failed_as: str | None


@dataclass(frozen=True, slots=True)
class Hooks:
    """The webhooks of one client."""

    webhooks: tuple[Hook, ...]


@dataclass(frozen=True, slots=True)
class MessageId:
    """Which message: two authorities may use one id."""

    # Empty in an event that is about the gateway itself.
    id: str
    sender: str


@dataclass(frozen=True, slots=True)
class Happened:
    """What is posted to a webhook: which message it happened to, and nothing of a child."""

    type: WebhookEvent
    timestamp: datetime
    data: MessageId


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what was sent, and where."""

    code: str
    sentence: str
    # A URI fragment, as RFC 9457 has it.
    pointer: str
    # Of XML.
    line: int | None
    # It is sent where this code stands in Confirmed, because it is right as it stands.
    confirmable: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it was not done (RFC 9457)."""

    type: str
    status: int
    title: str
    code: str
    next_step: str
    errors: tuple[Fault, ...]
