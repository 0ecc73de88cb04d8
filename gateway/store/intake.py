"""Which rows of which child were sent, and what they said: so that a row has one effect, whatever is put into the
watched folder again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from gateway.store.rows import build_record, get_values, list_columns
from gateway.store.tables import intake
from schemas.shapes import MessageId


@dataclass(frozen=True, slots=True)
class SentRow:
    """A row that was sent: digests of whom, when and what, and the message that it became.

    Of a version before, the last three lack.
    """

    digest: str
    message_id: MessageId
    # The UPN, or name and date of birth.
    child: str | None
    # Name and date of birth, a half each.
    person: str | None
    # What the notice carries.
    said: str | None


def find_sent_by_digest(tx: Connection, digests: Collection[str]) -> dict[str, SentRow]:
    """Return those of these rows that were sent before, by digest."""
    return {row.digest: row for row in _read_sent(tx, intake.c.digest.in_(digests))}


def find_sent_by_child(tx: Connection, children: Collection[str]) -> dict[str, list[SentRow]]:
    """Return what was sent about these children, the newest last."""
    rows_by_child: dict[str, list[SentRow]] = {}
    for row in _read_sent(tx, intake.c.child.in_(children)):
        rows_by_child.setdefault(row.child or "", []).append(row)
    return rows_by_child


def _read_sent(tx: Connection, condition: ColumnElement[bool]) -> list[SentRow]:
    columns = list_columns(intake, SentRow)
    rows = sorted(tx.execute(select(*columns, intake.c.at).where(condition)), key=lambda row: (row.at, row.digest))
    return [build_record(SentRow, row) for row in rows]


def add_sent_rows(tx: Connection, now: datetime, sent: Sequence[SentRow]) -> None:
    """Note which message each row became, and what it said."""
    tx.execute(insert(intake), [get_values(row) | {"at": now} for row in sent])


def update_sent_row(tx: Connection, sent: SentRow) -> None:
    """Note what a row that was sent before says now."""
    mine = update(intake).where(intake.c.digest == sent.digest)
    tx.execute(mine.values(child=sent.child, person=sent.person, said=sent.said))
