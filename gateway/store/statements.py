"""What we sent to a partner and have from it, as statements say it; letters are left out, for nobody signs for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, func, insert, select, update

from gateway.core.delivery import LOST, State
from gateway.store.tables import inbox, outbox, receipts, statements
from keys.statement import ROWS, Row, Window


def sent(tx: Connection, partner: str, window: Window) -> list[Row]:
    """One page of what we queued for it in these days, and one row more where there is another page."""
    mine = outbox.c.recipient == partner, outbox.c.protection == "sealed"
    days = outbox.c.queued_at >= window.since, outbox.c.queued_at < window.until
    return _rows(
        tx, _page(_query(outbox).where(*mine, *days).order_by(outbox.c.queued_at, outbox.c.message_id), window)
    )


def received(tx: Connection, partner: str, window: Window) -> list[Row]:
    """The same of what came from it."""
    days = inbox.c.received_at >= window.since, inbox.c.received_at < window.until
    mine = _query(inbox).where(inbox.c.sender == partner, *days)
    return _rows(tx, _page(mine.order_by(inbox.c.received_at, inbox.c.message_id), window))


def known_sent(tx: Connection, partner: str, ids: Sequence[str]) -> dict[str, Row]:
    """Those of these that we sent to it, whenever it was."""
    query = _query(outbox).where(outbox.c.recipient == partner)
    found = [_rows(tx, query.where(outbox.c.message_id.in_(some))) for some in _parts(ids)]
    return {row.message_id: row for rows in found for row in rows}


def unreceipted(tx: Connection, partner: str, ids: Sequence[str]) -> set[str]:
    """Those of these that we sent to it and that nobody there has signed for, as far as we hold."""
    theirs = receipts.c.issuer == partner, receipts.c.result == "accepted"
    held = exists().where(receipts.c.message_id == outbox.c.message_id, *theirs)
    query = select(outbox.c.message_id).where(outbox.c.recipient == partner, outbox.c.protection == "sealed", ~held)
    query = query.where(outbox.c.state != State.QUEUED)  # it is under way
    return {one for some in _parts(ids) for one in tx.scalars(query.where(outbox.c.message_id.in_(some)))}


def known_received(tx: Connection, partner: str, ids: Sequence[str]) -> dict[str, Row]:
    """Those of these that we have from it, whenever they came."""
    found = [
        _rows(tx, _query(inbox).where(inbox.c.message_id.in_(some), inbox.c.sender == partner)) for some in _parts(ids)
    ]
    return {row.message_id: row for rows in found for row in rows}


def queue_again(tx: Connection, now: datetime, message_id: str, *, sealed_since: datetime, reason: str) -> bool:
    """Deliver the same sealed bytes again; False where they are too old to be taken, or it has moved on."""
    still = outbox.c.message_id == message_id, outbox.c.state.in_(LOST), outbox.c.queued_at >= sealed_since
    change = {"state": State.QUEUED, "state_at": now, "due_at": now, "reason": reason, "claimed_until": None}
    return tx.execute(update(outbox).where(*still).values(change)).rowcount == 1


def keep(tx: Connection, now: datetime, issuer: str, tokens: Sequence[str]) -> None:
    """Keep a partner's statement as evidence."""
    tx.execute(insert(statements), [{"issuer": issuer, "at": now, "token": token} for token in tokens])


def _query(table: Table) -> Select[Any]:
    at = table.c
    case = func.coalesce(at.said_case, at.conversation_id)
    return select(at.message_id, at.kind, case, at.digest, at.state, at.state_at)


def _page(query: Select[Any], window: Window) -> Select[Any]:
    return query.limit(ROWS + 1).offset(window.page * ROWS)


def _rows(tx: Connection, query: Select[Any]) -> list[Row]:
    return [Row(*row) for row in tx.execute(query)]


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + ROWS] for at in range(0, len(ids), ROWS)]
