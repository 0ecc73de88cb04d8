"""Two accounts of the same exchange, ours and the partner's, and how they differ.

What is merely under way is no difference: what is queued here is delivered anyhow, and a state counts only once it has
stood for RECEIPT_WAIT. Ours is read before theirs is asked for, so what a receipt of theirs is for, they must have.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.delivery import RECEIPT_WAIT, State
from keys.statement import Row

HAS_IT = (State.RECEIVED, State.ACKNOWLEDGED, State.PASSED_ON, State.CONCLUDED)  # the sender holds a receipt
STANDS = {
    "received": "new",
    "acknowledged": "acknowledged",
    "passed-on": "passed-on",
    "concluded": "concluded",
    "rejected": "rejected",
}


class Differs(StrEnum):
    """In what way."""

    MISSING_THERE = "missing-there"  # they signed for it, or should have, and do not have it
    MISSING_HERE = "missing-here"  # we signed for it, they say, and we do not have it
    FORGOTTEN_HERE = "forgotten-here"  # they have it from us, and we do not know it
    RECEIPT_LOST = "receipt-lost"  # they have it, and we hold no receipt
    DIGEST = "digest-differs"  # one id, other bytes
    STATE = "state-differs"  # what an officer said of it here or there is not known at the other side


@dataclass(frozen=True, slots=True)
class Account:
    """What one side sent to the other, and has from it, by message id."""

    sent: Mapping[str, Row]
    received: Mapping[str, Row]
    unreceipted: Collection[str] = ()  # of what was sent, that for which we hold no receipt


@dataclass(frozen=True, slots=True)
class Difference:
    """One message on which the accounts differ, as each side has it."""

    differs: Differs
    message_id: str
    here: Row | None
    there: Row | None


def compare(ours: Account, theirs: Account, *, listed: Collection[str], now: datetime) -> Iterator[Difference]:
    """Every difference. `listed` are those we sent in the days that are compared; `ours` may know more of them."""
    for message_id in listed:
        mine = ours.sent[message_id]
        if message_id not in theirs.received and (mine.state in HAS_IT or _overdue(mine, now)):
            yield Difference(Differs.MISSING_THERE, message_id, mine, None)
    for message_id, there in theirs.received.items():
        sent = ours.sent.get(message_id)
        differs = Differs.FORGOTTEN_HERE if sent is None else _both(sent, there, sent, there, now)
        if (
            sent
            and differs in (None, Differs.STATE)
            and message_id in ours.unreceipted
            and _is_settled(sent, there, now)
        ):
            differs = Differs.RECEIPT_LOST
        if differs:
            yield Difference(differs, message_id, sent, there)
    for message_id, there in theirs.sent.items():
        got = ours.received.get(message_id)
        if got is None and there.state in HAS_IT:
            yield Difference(Differs.MISSING_HERE, message_id, None, there)
        elif got is not None and (differs := _both(got, there, there, got, now)) not in (None, Differs.RECEIPT_LOST):
            yield Difference(differs, message_id, got, there)


def _overdue(sent: Row, now: datetime) -> bool:
    return sent.state == State.SENT and now - sent.at >= RECEIPT_WAIT


def _both(here: Row, there: Row, sent: Row, received: Row, now: datetime) -> Differs | None:
    if here.sha256 != there.sha256:
        return Differs.DIGEST
    if sent.state == State.FAILED or _overdue(sent, now):
        return Differs.RECEIPT_LOST
    stands = STANDS.get(sent.state)
    known = stands is not None and received.state in STANDS.values()
    return Differs.STATE if known and _is_settled(here, there, now) and stands != received.state else None


def _is_settled(here: Row, there: Row, now: datetime) -> bool:
    return now - max(here.at, there.at) >= RECEIPT_WAIT
