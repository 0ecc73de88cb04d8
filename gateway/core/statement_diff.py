"""Two accounts of the same exchange, ours and the partner's, and how they differ.

What is merely under way is no difference: what is queued here is delivered anyhow, and a state counts only once it has
stood for RECEIPT_WAIT. Ours is read before theirs is asked for, so what a receipt of theirs is for, they must have.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.delivery import RECEIPT_WAIT, DeliveryState
from keys.statement import StatementRow
from schemas.shapes import MessageId

# The sender holds a receipt.
HAS_IT = (
    DeliveryState.RECEIVED,
    DeliveryState.ACKNOWLEDGED,
    DeliveryState.PASSED_ON,
    DeliveryState.CONCLUDED,
)
STANDS = {
    "received": "new",
    "acknowledged": "acknowledged",
    "passed-on": "passed-on",
    "concluded": "concluded",
    "rejected": "rejected",
}


class DifferenceKind(StrEnum):
    """In what way."""

    # They signed for it, or should have, and do not have it.
    MISSING_THERE = "missing-there"
    # We signed for it, they say, and we do not have it.
    MISSING_HERE = "missing-here"
    # They have it from us, and we do not know it.
    FORGOTTEN_HERE = "forgotten-here"
    # They have it, and we hold no receipt.
    RECEIPT_LOST = "receipt-lost"
    # One id, other bytes.
    DIGEST = "digest-differs"
    # What an officer said of it here or there is not known at the other side.
    STATE = "state-differs"


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """What one side sent to the other, and has from it, by message id."""

    sent: Mapping[MessageId, StatementRow]
    received: Mapping[MessageId, StatementRow]
    # Of what was sent, that for which we hold no receipt.
    unreceipted: Collection[MessageId] = ()


@dataclass(frozen=True, slots=True)
class StatementDifference:
    """One message on which the accounts differ, as each side has it."""

    differs: DifferenceKind
    message_id: MessageId
    ours: StatementRow | None
    theirs: StatementRow | None
    # We sent it; else they did.
    is_sent: bool


def compare_accounts(
    ours: ExchangeAccount, theirs: ExchangeAccount, *, listed: Collection[MessageId], now: datetime
) -> Iterator[StatementDifference]:
    """Yield every difference. `listed` are those we sent in the days compared; `ours` may know more of them."""
    for message_id in listed:
        mine = ours.sent[message_id]
        if message_id not in theirs.received and (mine.state in HAS_IT or _is_overdue(mine, now)):
            yield StatementDifference(DifferenceKind.MISSING_THERE, message_id, mine, None, is_sent=True)
    for message_id, there in theirs.received.items():
        sent = ours.sent.get(message_id)
        differs = DifferenceKind.FORGOTTEN_HERE if sent is None else _compare_rows(sent, there, sent, there, now)
        if (
            sent
            and differs in (None, DifferenceKind.STATE)
            and message_id in ours.unreceipted
            and _is_settled(sent, there, now)
        ):
            differs = DifferenceKind.RECEIPT_LOST
        if differs:
            yield StatementDifference(differs, message_id, sent, there, is_sent=True)
    for message_id, there in theirs.sent.items():
        got = ours.received.get(message_id)
        if got is None and there.state in HAS_IT:
            yield StatementDifference(DifferenceKind.MISSING_HERE, message_id, None, there, is_sent=False)
        elif got is not None and (differs := _compare_rows(got, there, there, got, now)) not in (
            None,
            DifferenceKind.RECEIPT_LOST,
        ):
            yield StatementDifference(differs, message_id, got, there, is_sent=False)


def _is_overdue(sent: StatementRow, now: datetime) -> bool:
    return sent.state == DeliveryState.SENT and now - sent.at >= RECEIPT_WAIT


def _compare_rows(
    ours: StatementRow, theirs: StatementRow, sent: StatementRow, received: StatementRow, now: datetime
) -> DifferenceKind | None:
    if ours.sha256 != theirs.sha256:
        return DifferenceKind.DIGEST
    if sent.state == DeliveryState.FAILED or _is_overdue(sent, now):
        return DifferenceKind.RECEIPT_LOST
    stands = STANDS.get(sent.state)
    known = stands is not None and received.state in STANDS.values()
    return DifferenceKind.STATE if known and _is_settled(ours, theirs, now) and stands != received.state else None


def _is_settled(ours: StatementRow, theirs: StatementRow, now: datetime) -> bool:
    return now - max(ours.at, theirs.at) >= RECEIPT_WAIT
