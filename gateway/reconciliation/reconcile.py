"""What is owed, on every notice that is not at its end: by partners to us, and by us to them; the oldest duty first.

Test messages are owed nothing. Searches that came and to which our index has no possible match are one duty together: an officer
answers them in one act. Nothing about a child stands here but the ids of messages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.core import duties
from gateway.core.delivery import State
from gateway.core.duties import Missing, Step
from gateway.reconciliation import deadlines
from gateway.reconciliation.deadlines import Agreed
from gateway.store import inbox, outbox, reminders
from gateway.store.reminders import ESCALATED, REMINDED

OPEN = (
    State.QUEUED,
    State.SENT,
    State.RECEIVED,
    State.ACKNOWLEDGED,
    State.ACCEPTED_BY_MAIL,
    State.PASSED_ON,
    State.FAILED,
    State.REJECTED,
)
Sent: TypeAlias = outbox.OwedDelivery | outbox.Delivery  # in short, or with all that is known of it
Came: TypeAlias = inbox.OwedMessage | inbox.InboxItem
SENT = (outbox.OwedDelivery, outbox.Delivery)
FROM_THE_START = (Missing.RECEIPT, Missing.DELIVERY, Missing.ANSWER)  # what is waited for since the notice was sent


class Owed(NamedTuple):
    """One duty: who owes it, what it is, since when, what is to be done about it now; and what was, once it is `pursued`."""

    owed_by: Literal["them", "us"]
    lies: Literal["sent", "came"]  # the message that it is about
    partner: str
    message_id: str
    case: str
    kind: str
    state: str
    missing: Missing
    since: datetime
    working_days: int  # since then
    late_at: datetime
    escalate_at: datetime
    step: Step
    ring: str  # who, and the number, where we know them
    handed_over_at: datetime | None  # by telephone
    tried: str = ""  # how the last try ended, and by which route
    reminded_at: datetime | None = None  # they by us, or we by them
    escalated_at: datetime | None = None  # the service manager was told


def owed(here: Authority) -> list[Owed]:
    """Every duty that is open, the oldest first. Raises ConfigProblem where a calendar cannot be read."""
    terms = deadlines.read(here.config)
    return here.store.look(lambda tx: find(tx, here, terms))


def find(tx: Connection, here: Authority, terms: Agreed) -> list[Owed]:
    """The same, within a transaction."""
    return about(here, terms, outbox.list_owed_deliveries(tx, OPEN), inbox.list_owed_messages(tx, here.now()))


def of_came(here: Authority, came: Sequence[Came]) -> list[Owed]:
    """What is owed on these that came. Raises ConfigProblem where a calendar cannot be read."""
    return about(here, deadlines.read(here.config), (), came)


def by_case(found: Sequence[Owed]) -> list[Sequence[Owed]]:
    """The same things that are owed in one case by many, together: a search that went to all of England is one row."""
    groups: dict[tuple[str, str, Missing], list[Owed]] = {}
    for one in found:
        groups.setdefault((one.case, one.owed_by, one.missing), []).append(one)
    return list(groups.values())


def about(here: Authority, terms: Agreed, sent: Sequence[Sent], came: Sequence[Came]) -> list[Owed]:
    """What is owed on these messages, the oldest first."""
    reckoning = _Reckoning(terms, here.code, here.now(), cache(here.whom_to_ring))
    found = [*reckoning.of_sent(sent), *reckoning.of_came(came)]
    return sorted(found, key=lambda one: (one.since, one.message_id))


@dataclass(frozen=True, slots=True)
class _Reckoning:
    """What does not change from one message to the next; whom to ring is looked up once for each partner."""

    terms: Agreed
    own: str
    now: datetime
    ring: Callable[[str], str]

    def of_sent(self, sent: Sequence[Sent]) -> Iterator[Owed]:
        """What is owed on what we sent. Only a decision is ours."""
        for one in sent:
            if one.test or one.state not in OPEN:
                continue
            sealed, handed_over = one.protection == "sealed", one.handed_over_at is not None
            missing = duties.of_sent(one.kind, one.state, sealed=sealed, handed_over=handed_over)
            if missing is not None:
                owed_by = self.own if missing is Missing.DECISION else one.recipient
                yield self._owed(one, one.recipient, owed_by, missing, _since(one, missing))

    def of_came(self, came: Sequence[Came]) -> Iterator[Owed]:
        """What we owe on what came."""
        for one in came:
            missing = None if one.test else duties.of_received(one.kind, one.state)
            if missing is not None:
                since = one.state_at if missing is Missing.OUTCOME else one.received_at
                yield self._owed(one, one.sender, self.own, missing, since)

    def _owed(self, one: Sent | Came, partner: str, owed_by: str, missing: Missing, since: datetime) -> Owed:
        sent = one if isinstance(one, SENT) else None
        duty = self.terms.duty(missing, since, kind=one.kind, partner=partner, owed_by=owed_by)
        return Owed(
            owed_by="us" if owed_by == self.own else "them",
            lies="sent" if sent else "came",
            partner=partner,
            message_id=one.message_id,
            case=one.conversation_id,
            kind=one.kind,
            state=one.state,
            missing=missing,
            since=since,
            working_days=self.terms.calendar(owed_by).working_days_between(since, self.now),
            late_at=duty.late_at,
            escalate_at=duty.escalate_at,
            step=duty.step(self.now),
            ring=self.ring(partner),
            handed_over_at=sent.handed_over_at if sent else None,
        )


def _since(sent: Sent, missing: Missing) -> datetime:
    if missing in FROM_THE_START:
        return sent.queued_at
    accepted = sent.state in (State.ACKNOWLEDGED, State.ACCEPTED_BY_MAIL)
    if missing is Missing.OUTCOME and not accepted and sent.handed_over_at:
        return sent.handed_over_at
    return sent.state_at


def pursued(tx: Connection, found: Sequence[Owed]) -> list[Owed]:
    """The same duties with what was done about each. It is asked for those that somebody is shown, for there may be thousands."""
    sent, came = ([one.message_id for one in found if one.lies == lies] for lies in ("sent", "came"))
    tries, chases, asked = (
        outbox.list_last_tries(tx, sent),
        reminders.list_reminders(tx, sent),
        inbox.list_last_reminders(tx, came),
    )

    def known(one: Owed) -> Owed:
        if one.lies == "came":
            return one._replace(reminded_at=asked.get((one.partner, one.message_id)))
        reminded, escalated = (chases.get((one.message_id, one.missing, step)) for step in (REMINDED, ESCALATED))
        return one._replace(
            tried=tries.get(one.message_id, "not tried yet"),
            reminded_at=reminded.at if reminded else None,
            escalated_at=escalated.at if escalated else None,
        )

    return [known(one) for one in found]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What we owe on searches with no possible match: on how many, since when, and what is to be done about them now."""

    searches: int
    since: datetime
    late_at: datetime
    step: Step


def unmatched(here: Authority) -> Unmatched | None:
    """The duty on all of them, by the oldest; None where there is none. A circulated notice is owed no answer."""
    enquiries = [one for one in here.store.look(inbox.list_unmatched_searches) if one.kind == "WhereaboutsEnquiry"]
    if not enquiries:
        return None
    oldest = enquiries[0]
    duty = deadlines.read(here.config).duty(
        Missing.ANSWER, oldest.received_at, kind=oldest.kind, partner=oldest.sender, owed_by=here.code
    )
    return Unmatched(len(enquiries), duty.since, duty.late_at, duty.step(here.now()))
