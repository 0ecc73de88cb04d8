"""Messages that came and are about the safety of a child: which are still to be announced, or looked at."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from gateway.core.inbox_state import TASKS
from gateway.core.message_name import MessageName
from gateway.store.rows import build_insert
from gateway.store.tables import alerts, inbox
from schemas.message import MessageKind

_MINE = and_(alerts.c.sender == inbox.c.sender, alerts.c.message_id == inbox.c.message_id)


def add_alerts(tx: Connection, now: datetime, messages: Sequence[tuple[MessageName, bool]]) -> None:
    """Add an alert for each of these, once; with whether it waits until an officer has looked at it."""
    rows = [
        {"sender": name.sender, "message_id": name.message_id, "at": now, "waits": waits} for name, waits in messages
    ]
    if rows:
        tx.execute(build_insert(tx, alerts).on_conflict_do_nothing(), rows)


def list_untold(tx: Connection) -> list[tuple[MessageName, MessageKind]]:
    """List those that nobody was told of, and that an officer still has to deal with; the first first."""
    open_ones = or_(inbox.c.state.in_(TASKS), alerts.c.waits)
    query = select(inbox.c.sender, inbox.c.message_id, inbox.c.kind).join(alerts, _MINE)
    rows = tx.execute(query.where(alerts.c.told_at.is_(None), open_ones).order_by(alerts.c.at))
    return [(MessageName(row.sender, row.message_id), row.kind) for row in rows]


def set_told(tx: Connection, now: datetime, names: Collection[MessageName]) -> None:
    """Note that these were announced."""
    for name in names:
        tx.execute(update(alerts).where(_is_named(name)).values(told_at=now))


def is_waiting(tx: Connection, name: MessageName) -> bool:
    """Tell whether this one waits until an officer has looked at it."""
    return bool(tx.scalar(select(alerts.c.waits).where(_is_named(name))))


def end_waiting(tx: Connection, name: MessageName) -> bool:
    """Note that an officer has looked at it; return False where it waited for nobody."""
    mine = _is_named(name) & alerts.c.waits
    return tx.execute(update(alerts).where(mine).values(waits=False)).rowcount == 1


def _is_named(name: MessageName) -> ColumnElement[bool]:
    return and_(alerts.c.sender == name.sender, alerts.c.message_id == name.message_id)
