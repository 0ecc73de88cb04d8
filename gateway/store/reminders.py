"""What was chased: for which notice, for what that is missing, and how far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, select, update

from gateway.store.database import is_among
from gateway.store.rows import build_insert, get_values
from gateway.store.tables import chased
from schemas.shapes import MessageId

REMINDED, ESCALATED = "reminded", "escalated"


@dataclass(frozen=True, slots=True)
class Chase:
    """They were reminded, or the service manager was told."""

    message_id: MessageId
    missing: str
    step: str
    at: datetime
    reminder_id: str | None = None
    told_at: datetime | None = None


def add_reminder(tx: Connection, chase: Chase) -> bool:
    """Add a reminder or an escalation; return False where there is one for the same reason."""
    # How many rows an insertion changed, not every driver says.
    insertion = build_insert(tx, chased).values(get_values(chase)).on_conflict_do_nothing()
    return tx.execute(insertion.returning(chased.c.message_id)).first() is not None


def list_reminders(tx: Connection, message_ids: Sequence[str]) -> dict[tuple[str, str, str], Chase]:
    """Return what was chased of these notices, by id, what is missing, and step."""
    query = select(chased).where(is_among(tx, chased.c.message_id, message_ids))
    return {(r.message_id, r.missing, r.step): Chase(**r._mapping) for r in tx.execute(query).all()}


def set_escalations_told(tx: Connection, now: datetime, keys: Sequence[tuple[str, str]]) -> None:
    """Note that the service manager was told of these, by id and what is missing."""
    for message_id, missing in keys:
        mine = and_(chased.c.message_id == message_id, chased.c.missing == missing, chased.c.step == ESCALATED)
        tx.execute(update(chased).where(mine).values(told_at=now))
