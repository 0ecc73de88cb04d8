"""What is owed, on every notice that is not at its end: by partners to us, and by us to them; the oldest duty first.

Test messages are owed nothing. Searches that came and to which our index has no possible match are one duty together: an officer
answers them in one act. Nothing about a child stands here but the ids of messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.core import duties
from gateway.core.delivery import State
from gateway.core.duties import Missing, Step
from gateway.core.standing import WAITING
from gateway.reconciliation import agreed
from gateway.reconciliation.agreed import Agreed
from gateway.store import chased, inbox, outbox
from gateway.store.chased import ESCALATED, REMINDED
from gateway.store.inbox import Item
from gateway.store.outbox import Delivery

OPEN = (
    State.QUEUED,
    State.SENT,
    State.RECEIVED,
    State.ACKNOWLEDGED,
    State.PASSED_ON,
    State.FAILED,
    State.REJECTED,
)
FROM_THE_START = (Missing.RECEIPT, Missing.DELIVERY, Missing.ANSWER)  # what is waited for since the notice was sent
MOST = 10_000  # that came and wait for us


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty: who owes it, what it is, since when, and what is to be done about it now."""

    owed_by: Literal["them", "us"]
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
    tried: str  # how the last try ended, and by which route
    ring: str  # who, and the number, where we know them
    handed_over_at: datetime | None = None  # by telephone
    reminded_at: datetime | None = None  # they by us, or we by them
    escalated_at: datetime | None = None  # the service manager was told


def owed(here: Authority) -> list[Owed]:
    """Every duty that is open, the oldest first. Raises ConfigProblem where a calendar cannot be read."""
    terms = agreed.read(here.config)
    return here.store.look(lambda tx: find(tx, here, terms))


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What we owe on searches with no possible match: on how many, since when, and what is to be done about them now."""

    searches: int
    since: datetime
    late_at: datetime
    step: Step


def unmatched(here: Authority) -> Unmatched | None:
    """The duty on all of them, by the oldest; None where there is none. A circulated notice is owed no answer."""
    enquiries = [one for one in here.store.look(inbox.unmatched) if one.kind == "WhereaboutsEnquiry"]
    if not enquiries:
        return None
    oldest = enquiries[0]
    duty = agreed.read(here.config).duty(
        Missing.ANSWER, oldest.received_at, kind=oldest.kind, partner=oldest.sender, owed_by=here.code
    )
    return Unmatched(len(enquiries), duty.since, duty.late_at, duty.step(here.now()))


def find(tx: Connection, here: Authority, terms: Agreed) -> list[Owed]:
    """The same, within a transaction."""
    sent = outbox.search(tx, states=OPEN, limit=None)
    came = inbox.search(tx, here.now(), states=WAITING, tests=False, unmatched=False, limit=MOST)
    return about(tx, here, terms, sent, came)


def of_came(here: Authority, came: Sequence[Item]) -> list[Owed]:
    """What is owed on these that came. Raises ConfigProblem where a calendar cannot be read."""
    terms = agreed.read(here.config)
    return here.store.look(lambda tx: about(tx, here, terms, (), came))


def by_case(found: Sequence[Owed]) -> list[Sequence[Owed]]:
    """The same things that are owed in one case by many, together: a search that went to all of England is one row."""
    groups: dict[tuple[str, str, Missing], list[Owed]] = {}
    for one in found:
        groups.setdefault((one.case, one.owed_by, one.missing), []).append(one)
    return list(groups.values())


def about(tx: Connection, here: Authority, terms: Agreed, sent: Sequence[Delivery], came: Sequence[Item]) -> list[Owed]:
    """The same, about these messages alone."""
    live = [one for one in sent if one.state in OPEN and not one.test]
    waiting = [one for one in came if one.state in WAITING and not one.test]
    found = [*_sent(tx, here, terms, live), *_came(tx, here, terms, waiting)]
    return sorted(found, key=lambda one: (one.since, one.message_id))


def _sent(tx: Connection, here: Authority, terms: Agreed, live: Sequence[Delivery]) -> Iterator[Owed]:
    ids = [one.message_id for one in live]
    tries, chases = outbox.last_tries(tx, ids), chased.about(tx, ids)
    for sent in live:
        sealed, handed_over = sent.protection == "sealed", sent.handed_over_at is not None
        missing = duties.of_sent(sent.kind, sent.state, sealed=sealed, handed_over=handed_over)
        if missing is None:
            continue
        owed_by = here.code if missing is Missing.DECISION else sent.recipient
        since = _since(sent, missing)
        duty = terms.duty(missing, since, kind=sent.kind, partner=sent.recipient, owed_by=owed_by)
        reminded, escalated = (chases.get((sent.message_id, missing, step)) for step in (REMINDED, ESCALATED))
        yield Owed(
            owed_by="us" if owed_by == here.code else "them",
            partner=sent.recipient,
            message_id=sent.message_id,
            case=sent.conversation_id,
            kind=sent.kind,
            state=sent.state,
            missing=missing,
            since=since,
            working_days=terms.calendar(owed_by).working_days_between(since, here.now()),
            late_at=duty.late_at,
            escalate_at=duty.escalate_at,
            step=duty.step(here.now()),
            tried=tries.get(sent.message_id, "not tried yet"),
            ring=here.whom_to_ring(sent.recipient),
            handed_over_at=sent.handed_over_at,
            reminded_at=reminded.at if reminded else None,
            escalated_at=escalated.at if escalated else None,
        )


def _since(sent: Delivery, missing: Missing) -> datetime:
    if missing in FROM_THE_START:
        return sent.queued_at
    if missing is Missing.OUTCOME and sent.state is not State.ACKNOWLEDGED and sent.handed_over_at:
        return sent.handed_over_at
    return sent.state_at


def _came(tx: Connection, here: Authority, terms: Agreed, waiting: Sequence[Item]) -> Iterator[Owed]:
    asked = inbox.reminders(tx, [one.message_id for one in waiting])
    for came in waiting:
        missing = duties.of_received(came.kind, came.state)
        if missing is None:
            continue
        since = came.state_at if missing is Missing.OUTCOME else came.received_at
        duty = terms.duty(missing, since, kind=came.kind, partner=came.sender, owed_by=here.code)
        yield Owed(
            owed_by="us",
            partner=came.sender,
            message_id=came.message_id,
            case=came.conversation_id,
            kind=came.kind,
            state=came.state,
            missing=missing,
            since=since,
            working_days=terms.calendar(here.code).working_days_between(since, here.now()),
            late_at=duty.late_at,
            escalate_at=duty.escalate_at,
            step=duty.step(here.now()),
            tried="",
            ring=here.whom_to_ring(came.sender),
            reminded_at=asked.get((came.sender, came.message_id)),
        )
