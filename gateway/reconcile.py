"""What is owed, on every notice that is not at its end: by partners to us, and by us to them; the oldest duty first.

Test messages are owed nothing. Searches that came and to which our index has no possible match are one duty together: an officer
answers them in one act. Nothing about a child stands here but the ids of messages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.delivery import State
from gateway.core.duties import Deadlines, Missing, Step
from gateway.store import inbox, outbox
from keys.errors import Refusal
from schemas.message import OPENS_A_CASE

OPEN = (State.QUEUED, State.SENT, State.RECEIVED, State.ACKNOWLEDGED, State.FAILED, State.REJECTED)
MOST = 10_000  # that came and wait for us


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty: who owes it, what it is, since when, and what is to be done about it now."""

    owed_by: Literal["them", "us"]
    partner: str
    message_id: str
    kind: str
    missing: Missing
    since: datetime
    working_days: int  # since then
    late_at: datetime
    escalate_at: datetime
    step: Step
    tried: str  # how the last try ended, and by which route
    ring: str  # who, and the number, where we know them


def owed(here: Authority, calendar: Calendar, deadlines: Deadlines) -> list[Owed]:
    """Every duty that is open, the oldest first."""
    found = here.store.look(
        lambda tx: [*_by_them(tx, here, calendar, deadlines), *_by_us(tx, here, calendar, deadlines)]
    )
    return sorted(found, key=lambda one: (one.since, one.message_id))


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What we owe on searches with no possible match: on how many, since when, and what is to be done about them now."""

    searches: int
    since: datetime
    late_at: datetime
    step: Step


def unmatched(here: Authority, calendar: Calendar, deadlines: Deadlines) -> Unmatched | None:
    """The duty on all of them, by the oldest; None where there is none."""
    waiting = here.store.look(inbox.unmatched)
    if not waiting:
        return None
    duty = duties.duty(Missing.ACKNOWLEDGEMENT, waiting[0].received_at, calendar, deadlines)
    return Unmatched(len(waiting), duty.since, duty.late_at, duty.step(here.now()))


def _by_them(tx: Connection, here: Authority, calendar: Calendar, deadlines: Deadlines) -> Iterator[Owed]:
    for sent in outbox.search(tx, states=OPEN, limit=None):
        is_notice, sealed = sent.kind in OPENS_A_CASE, sent.protection == "sealed"
        missing = duties.of_sent(sent.kind, sent.state, is_notice=is_notice, sealed=sealed)
        if missing and not sent.test:
            since = sent.queued_at if missing is Missing.RECEIPT else sent.state_at
            tries = outbox.tries(tx, sent.message_id)
            tried = f"{tries[-1]['route']}: {tries[-1]['ending']}" if tries else "not tried yet"
            yield _owed(
                here, "them", sent.recipient, sent.message_id, sent.kind, missing, since, tried, calendar, deadlines
            )


def _by_us(tx: Connection, here: Authority, calendar: Calendar, deadlines: Deadlines) -> Iterator[Owed]:
    for came in inbox.search(tx, here.now(), states=inbox.WAITING, tests=False, unmatched=False, limit=MOST):
        if missing := duties.of_received(came.kind, came.state):
            since = came.received_at if missing is Missing.ACKNOWLEDGEMENT else came.state_at
            yield _owed(here, "us", came.sender, came.message_id, came.kind, missing, since, "", calendar, deadlines)


def _owed(
    here: Authority,
    owed_by: Literal["them", "us"],
    partner: str,
    message_id: str,
    kind: str,
    missing: Missing,
    since: datetime,
    tried: str,
    calendar: Calendar,
    deadlines: Deadlines,
) -> Owed:
    duty = duties.duty(missing, since, calendar, deadlines)
    return Owed(
        owed_by=owed_by,
        partner=partner,
        message_id=message_id,
        kind=kind,
        missing=missing,
        since=since,
        working_days=calendar.working_days_between(since, here.now()),
        late_at=duty.late_at,
        escalate_at=duty.escalate_at,
        step=duty.step(here.now()),
        tried=tried,
        ring=_whom_to_ring(here, partner),
    )


def _whom_to_ring(here: Authority, partner: str) -> str:
    if to := here.letters_go_to(partner):
        return to.telephone
    try:
        contacts = here.trust.card(partner).contacts
    except Refusal:
        return ""
    return next((f"{one.name}, {one.telephone}" for one in contacts if one.telephone), "")
