"""Calls that officers wrote down: when, about which notice, and locked, with whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.store.database import is_among
from gateway.store.rows import get_values, list_columns
from gateway.store.tables import calls, outbox
from schemas.shapes import MessageId

# Begins the result of a call about a notice that came; the authority that wrote it follows, for two may use one id.
RECEIVED = "came:"


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it is stored."""

    message_id: MessageId
    at: datetime
    # What they told of the child; None where the notice was handed over; `RECEIVED` where we called about theirs.
    result: str | None
    recorded_at: datetime
    recorded_by: str
    data_key: bytes | None
    content: bytes

    @property
    def sender(self) -> str:
        """Return who wrote the notice that it is about; empty where we did."""
        return self.result.removeprefix(RECEIVED) if self.result and self.result.startswith(RECEIVED) else ""


def add_call(tx: Connection, call: StoredCall) -> None:
    """Add a call. The first in which the notice was handed over stands beside its state too."""
    tx.execute(insert(calls).values(get_values(call)))
    if call.result is None:
        first = outbox.c.message_id == call.message_id, outbox.c.handed_over_at.is_(None)
        tx.execute(update(outbox).where(*first).values(handed_over_at=call.at))


def list_calls(tx: Connection, message_id: MessageId) -> list[StoredCall]:
    """List every call about this notice of ours, in the order in which they were written down."""
    return [call for call in _list_calls(tx, message_id) if not call.sender]


def list_received_calls(tx: Connection, sender: str, message_id: MessageId) -> list[StoredCall]:
    """List every call about this notice that came, in the order in which they were written down."""
    return [call for call in _list_calls(tx, message_id) if call.sender == sender]


def _list_calls(tx: Connection, message_id: MessageId) -> list[StoredCall]:
    query = select(*list_columns(calls, StoredCall)).where(calls.c.message_id == message_id)
    return [StoredCall(**row._mapping) for row in tx.execute(query.order_by(calls.c.number))]


def list_call_results(tx: Connection, message_ids: Sequence[str]) -> dict[str, str]:
    """Return the newest result that was told by telephone of each of these notices."""
    query = select(calls.c.message_id, calls.c.result).where(
        is_among(tx, calls.c.message_id, message_ids),
        calls.c.result.is_not(None),
        calls.c.result.not_like(f"{RECEIVED}%"),
    )
    return {row.message_id: row.result for row in tx.execute(query.order_by(calls.c.number))}
