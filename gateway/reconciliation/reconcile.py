"""What is owed, on every notice that is not at its end: by partners to us, and by us to them; the oldest duty first.

Test messages are owed nothing. Searches that came and to which our index has no possible match are one duty together:
an officer answers them in one act. Nothing about a child stands here but the ids of messages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from gateway.context import Gateway
from gateway.core import duties, labels
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import DIRECTIONS, Direction, MessageName, build_name
from gateway.reconciliation import deadlines
from gateway.reconciliation.deadlines import AgreedTerms
from gateway.store import inbox, outbox, reminders
from gateway.store.database import Tx
from gateway.store.reminders import ESCALATED, REMINDED
from schemas.message import MessageKind
from schemas.shapes import CaseId, MessageId

OPEN = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.RECEIVED,
    DeliveryState.ACKNOWLEDGED,
    DeliveryState.ACCEPTED_BY_MAIL,
    DeliveryState.PASSED_ON,
    DeliveryState.FAILED,
    DeliveryState.REJECTED,
)
# In short, or with all that is known of it.
Sent: TypeAlias = outbox.OwedDelivery | outbox.Delivery
Came: TypeAlias = inbox.OwedMessage | inbox.InboxItem
SENT = (outbox.OwedDelivery, outbox.Delivery)
# What is waited for since the notice was sent.
FROM_THE_START = (Missing.RECEIPT, Missing.DELIVERY, Missing.ANSWER)


class Owed(NamedTuple):
    """One duty: who owes it, what it is, since when, what is to be done about it now; and what was, once it is
    `pursued`.
    """

    owed_by: Literal["them", "us"]
    # The message that it is about.
    direction: Direction
    partner: str
    message_id: MessageId
    case: CaseId
    kind: MessageKind
    state: DeliveryState | InboxState
    missing: Missing
    since: datetime
    # Since then.
    working_days: int
    late_at: datetime
    escalate_at: datetime
    step: DutyStep
    # Who, and the number, where we know them.
    ring: str
    # By telephone.
    handed_over_at: datetime | None
    # How the last try ended, and by which route.
    tried: str = ""
    # They by us, or we by them.
    reminded_at: datetime | None = None
    # The service manager was told.
    escalated_at: datetime | None = None

    @property
    def name(self) -> MessageName:
        """Return the name of the message, by which it is called everywhere."""
        return build_name(self.direction, self.partner, self.message_id)

    @property
    def pursuits(self) -> Sequence[tuple[str, datetime]]:
        """Return what was done about it, in words, and when."""
        done = (
            ("handed-over", self.handed_over_at),
            ("reminded", self.reminded_at),
            ("escalated", self.escalated_at),
        )
        return [(labels.describe_pursuit(what, self.owed_by, self.partner), at) for what, at in done if at]


def list_owed(gw: Gateway) -> list[Owed]:
    """List every duty that is open, the oldest first. Raises ConfigProblem where a calendar cannot be read."""
    terms = deadlines.read_terms(gw.config)
    return gw.store.look(lambda tx: find_owed(tx, gw, terms))


def find_owed(tx: Tx, gw: Gateway, terms: AgreedTerms) -> list[Owed]:
    """Find every duty that is open, within a transaction."""
    return list_owed_on(gw, terms, outbox.list_owed_deliveries(tx, OPEN), inbox.list_owed_messages(tx, gw.now()))


def list_owed_on_received(gw: Gateway, came: Sequence[Came]) -> list[Owed]:
    """List what is owed on these that came. Raises ConfigProblem where a calendar cannot be read."""
    return list_owed_on(gw, deadlines.read_terms(gw.config), (), came)


def list_due_moments(gw: Gateway, came: Sequence[inbox.WaitingRow]) -> list[datetime | None]:
    """List until when we owe something on these that came, in their order, as `list_owed_on_received` has it.

    Raises ConfigProblem where a calendar cannot be read.
    """
    terms, own = deadlines.read_terms(gw.config), gw.code

    def find_due(message: inbox.WaitingRow) -> datetime | None:
        if (ours := _find_missing_on(message)) is None:
            return None
        return terms.build_duty(*ours, kind=message.kind, partner=message.sender, owed_by=own).late_at

    return [find_due(message) for message in came]


def _find_missing_on(message: Came | inbox.WaitingRow) -> tuple[Missing, datetime] | None:
    """Find what we owe on a message that came, and since when."""
    missing = None if message.test else duties.find_missing_on_received(message.kind, message.state)
    if missing is None:
        return None
    return missing, message.state_at if missing is Missing.OUTCOME else message.received_at


def group_by_case(owed_items: Sequence[Owed]) -> list[Sequence[Owed]]:
    """Group what is owed in one case by many: a search that went to all of England is one row."""
    groups: dict[tuple[str, str, Missing], list[Owed]] = {}
    for owed_item in owed_items:
        groups.setdefault((owed_item.case, owed_item.owed_by, owed_item.missing), []).append(owed_item)
    return list(groups.values())


def list_owed_on(gw: Gateway, terms: AgreedTerms, sent: Sequence[Sent], came: Sequence[Came]) -> list[Owed]:
    """List what is owed on these messages, the oldest first."""
    reckoning = _DutyReckoning(terms, gw.code, gw.now(), cache(gw.whom_to_ring))
    owed_items = [*reckoning.of_sent(sent), *reckoning.of_came(came)]
    return sorted(owed_items, key=lambda owed_item: (owed_item.since, owed_item.message_id))


@dataclass(frozen=True, slots=True)
class _DutyReckoning:
    """What does not change from one message to the next; whom to ring is looked up once for each partner."""

    terms: AgreedTerms
    own: str
    now: datetime
    ring: Callable[[str], str]

    def of_sent(self, sent: Sequence[Sent]) -> Iterator[Owed]:
        """Yield what is owed on what we sent. Only a decision is ours."""
        for sent_message in sent:
            if sent_message.test or sent_message.state not in OPEN:
                continue
            sealed, handed_over = sent_message.protection == "sealed", sent_message.handed_over_at is not None
            missing = duties.find_missing_on_sent(
                sent_message.kind, sent_message.state, sealed=sealed, handed_over=handed_over
            )
            if missing is not None:
                owed_by = self.own if missing is Missing.DECISION else sent_message.recipient
                yield self._owed(
                    sent_message, sent_message.recipient, owed_by, missing, _missing_since(sent_message, missing)
                )

    def of_came(self, came: Sequence[Came]) -> Iterator[Owed]:
        """Yield what we owe on what came."""
        for message in came:
            if (ours := _find_missing_on(message)) is not None:
                yield self._owed(message, message.sender, self.own, *ours)

    def _owed(self, message: Sent | Came, partner: str, owed_by: str, missing: Missing, since: datetime) -> Owed:
        sent = message if isinstance(message, SENT) else None
        duty = self.terms.build_duty(missing, since, kind=message.kind, partner=partner, owed_by=owed_by)
        return Owed(
            owed_by="us" if owed_by == self.own else "them",
            direction="sent" if sent else "came",
            partner=partner,
            message_id=message.message_id,
            case=message.case_id,
            kind=message.kind,
            state=message.state,
            missing=missing,
            since=since,
            working_days=self.terms.get_calendar(owed_by).working_days_between(since, self.now),
            late_at=duty.late_at,
            escalate_at=duty.escalate_at,
            step=duty.decide_step(self.now),
            ring=self.ring(partner),
            handed_over_at=sent.handed_over_at if sent else None,
        )


def _missing_since(sent: Sent, missing: Missing) -> datetime:
    if missing in FROM_THE_START:
        return sent.queued_at
    accepted = sent.state in (DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL)
    if missing is Missing.OUTCOME and not accepted and sent.handed_over_at:
        return sent.handed_over_at
    return sent.state_at


def list_pursued(gw: Gateway, owed_items: Sequence[Owed]) -> list[Owed]:
    """List the same duties with what was done about each, for those that are shown: there may be thousands."""
    return gw.store.look(lambda tx: find_pursued(tx, owed_items))


def find_pursued(tx: Tx, owed_items: Sequence[Owed]) -> list[Owed]:
    """Find what was done about each of these duties; return the duties with it."""
    sent, came = (
        [owed_item.message_id for owed_item in owed_items if owed_item.direction == direction]
        for direction in DIRECTIONS
    )
    tries, chases, asked = (
        outbox.list_last_tries(tx, sent),
        reminders.list_reminders(tx, sent),
        inbox.list_last_reminders(tx, came),
    )

    def add_pursuit(duty: Owed) -> Owed:
        if duty.direction == "came":
            return duty._replace(reminded_at=asked.get((duty.partner, duty.message_id)))
        reminded, escalated = (chases.get((duty.message_id, duty.missing, step)) for step in (REMINDED, ESCALATED))
        return duty._replace(
            tried=tries.get(duty.message_id, "not tried yet"),
            reminded_at=reminded.at if reminded else None,
            escalated_at=escalated.at if escalated else None,
        )

    return [add_pursuit(owed_item) for owed_item in owed_items]


@dataclass(frozen=True, slots=True)
class UnmatchedDuty:
    """What we owe on searches with no possible match: on how many, since when, and what is to be done
    about them now.
    """

    searches: int
    since: datetime
    late_at: datetime
    step: DutyStep


def find_unmatched_duty(gw: Gateway) -> UnmatchedDuty | None:
    """Return the duty on all of them, by the oldest, or None. A circulated notice is owed no answer."""
    enquiries = [item for item in gw.store.look(inbox.list_unmatched_searches) if item.kind == "WhereaboutsEnquiry"]
    if not enquiries:
        return None
    oldest = enquiries[0]
    duty = deadlines.read_terms(gw.config).build_duty(
        Missing.ANSWER, oldest.received_at, kind=oldest.kind, partner=oldest.sender, owed_by=gw.code
    )
    return UnmatchedDuty(len(enquiries), duty.since, duty.late_at, duty.decide_step(gw.now()))
