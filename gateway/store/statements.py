"""What we sent to a partner and have from it, as statements say it; letters are left out, for nobody signs for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, func, insert, select, update

from gateway.core.delivery import LOST, DeliveryState
from gateway.store.outbox import has_sealed_bytes
from gateway.store.tables import inbox, outbox, receipts, statements
from keys.statement import ROWS, StatementRow, Window
from schemas.shapes import MessageId


def list_sent_rows(tx: Connection, partner: str, window: Window) -> list[StatementRow]:
    """List a page of what we queued for a partner in these days, and one row more where there is another page."""
    mine = outbox.c.recipient == partner, outbox.c.protection == "sealed"
    days = outbox.c.queued_at >= window.since, outbox.c.queued_at < window.until
    return _read_rows(
        tx,
        _limit_to_page(
            _select_rows(outbox).where(*mine, *days).order_by(outbox.c.queued_at, outbox.c.message_id), window
        ),
    )


def list_received_rows(tx: Connection, partner: str, window: Window) -> list[StatementRow]:
    """List a page of what came from a partner in these days, and one row more where there is another page."""
    days = inbox.c.received_at >= window.since, inbox.c.received_at < window.until
    mine = _select_rows(inbox).where(inbox.c.sender == partner, *days)
    return _read_rows(tx, _limit_to_page(mine.order_by(inbox.c.received_at, inbox.c.message_id), window))


def find_sent_rows(tx: Connection, partner: str, ids: Sequence[MessageId]) -> dict[MessageId, StatementRow]:
    """Return those of these messages that we sent to the partner, whenever it was, by id."""
    query = _select_rows(outbox).where(outbox.c.recipient == partner)
    parts = [_read_rows(tx, query.where(outbox.c.message_id.in_(some))) for some in _split_ids(ids)]
    return {MessageId(row.message_id): row for rows in parts for row in rows}


def find_unreceipted(tx: Connection, partner: str, ids: Sequence[MessageId]) -> set[MessageId]:
    """Return those of these that we sent to the partner and that nobody there has signed for, as far as we hold."""
    theirs = receipts.c.issuer == partner, receipts.c.result == "accepted"
    held = exists().where(receipts.c.message_id == outbox.c.message_id, *theirs)
    query = select(outbox.c.message_id).where(outbox.c.recipient == partner, outbox.c.protection == "sealed", ~held)
    # It is under way.
    query = query.where(outbox.c.state != DeliveryState.QUEUED)
    return {
        message_id for some in _split_ids(ids) for message_id in tx.scalars(query.where(outbox.c.message_id.in_(some)))
    }


def list_accepting_receipts(tx: Connection, partner: str, ids: Sequence[MessageId]) -> Iterator[tuple[MessageId, str]]:
    """Yield the receipts by which a partner took in these messages of ours, each with the id of its message."""
    theirs = receipts.c.issuer == partner, receipts.c.result == "accepted"
    query = select(receipts.c.message_id, receipts.c.token).where(*theirs)
    for some in _split_ids(ids):
        for message_id, token in tx.execute(query.where(receipts.c.message_id.in_(some))):
            yield MessageId(message_id), token


def find_received_rows(tx: Connection, partner: str, ids: Sequence[MessageId]) -> dict[MessageId, StatementRow]:
    """Return those of these messages that came from the partner, whenever they came, by id."""
    parts = [
        _read_rows(tx, _select_rows(inbox).where(inbox.c.message_id.in_(some), inbox.c.sender == partner))
        for some in _split_ids(ids)
    ]
    return {MessageId(row.message_id): row for rows in parts for row in rows}


def queue_again(tx: Connection, now: datetime, message_id: MessageId, *, sealed_since: datetime, reason: str) -> bool:
    """Deliver the same sealed bytes again; False where they are too old to be taken, or it has moved on."""
    still = outbox.c.message_id == message_id, outbox.c.state.in_(LOST), outbox.c.queued_at >= sealed_since
    change = {"state": DeliveryState.QUEUED, "state_at": now, "due_at": now, "reason": reason, "claimed_until": None}
    return tx.execute(update(outbox).where(*still, has_sealed_bytes()).values(change)).rowcount == 1


def add_statements(tx: Connection, now: datetime, issuer: str, tokens: Sequence[str]) -> None:
    """Keep a partner's statement as evidence."""
    tx.execute(insert(statements), [{"issuer": issuer, "at": now, "token": token} for token in tokens])


def _select_rows(table: Table) -> Select[Any]:
    at = table.c
    case = func.coalesce(at.said_case, at.case_id)
    return select(at.message_id, at.kind, case, at.digest, at.state, at.state_at)


def _limit_to_page(query: Select[Any], window: Window) -> Select[Any]:
    return query.limit(ROWS + 1).offset(window.page * ROWS)


def _read_rows(tx: Connection, query: Select[Any]) -> list[StatementRow]:
    return [StatementRow(*row) for row in tx.execute(query)]


def _split_ids(ids: Sequence[MessageId]) -> list[Sequence[str]]:
    return [ids[at : at + ROWS] for at in range(0, len(ids), ROWS)]
