"""Cases that are kept though their time has come: why, since when, by whom; and locked, what was written about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from gateway.core.retention import HoldReason
from gateway.store.rows import build_insert, get_values, list_columns
from gateway.store.tables import holds
from schemas.shapes import CaseId


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A hold as it is stored."""

    case_id: CaseId
    reason: HoldReason
    at: datetime
    by: str
    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)


_VIEW = list_columns(holds, StoredHold)


def add_hold(tx: Connection, hold: StoredHold) -> bool:
    """Add a hold; return False where the case is held already."""
    new = build_insert(tx, holds).values(get_values(hold)).on_conflict_do_nothing()
    return tx.execute(new.returning(holds.c.case_id)).first() is not None


def delete_hold(tx: Connection, case_id: CaseId) -> bool:
    """Delete the hold of a case; return False where it has none."""
    return tx.execute(delete(holds).where(holds.c.case_id == case_id)).rowcount == 1


def find_hold(tx: Connection, case_id: CaseId) -> StoredHold | None:
    """Return the hold of a case; None where it has none."""
    row = tx.execute(select(*_VIEW).where(holds.c.case_id == case_id)).first()
    return None if row is None else _read_hold(row)


def list_holds(tx: Connection) -> Sequence[StoredHold]:
    """List every hold, the oldest first."""
    return [_read_hold(row) for row in tx.execute(select(*_VIEW).order_by(holds.c.at, holds.c.case_id))]


def _read_hold(row: Row[Any]) -> StoredHold:
    return StoredHold(**{**row._mapping, "reason": HoldReason(row.reason)})
