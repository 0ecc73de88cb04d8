"""Every wrapped data key of the database, read and replaced a few at a time. What they lock is not touched.

A wrapped key begins with the 8 bytes that name the storage key under which it lies (`keys/wrapping.py`); under the key
of version 0.1 it has no such bytes, and so another length.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, func, literal, select, tuple_, update

from gateway.core import copy_names
from gateway.store import tables
from keys.key_file import read_wrapping_id
from keys.wrapping import WRAPPED_BYTES


@dataclass(frozen=True, slots=True)
class WrappedColumn:
    """A column of wrapped keys: where, and from which columns follows to what one is bound."""

    table: Table
    named_by: Sequence[str]
    build_name: Callable[..., str]
    column: str = "data_key"

    @property
    def keys(self) -> "Column[bytes]":
        """Return the column itself."""
        return self.table.c[self.column]


COLUMNS = (
    WrappedColumn(tables.outbox_contents, ("message_id",), str),
    WrappedColumn(tables.inbox, ("message_id",), str),
    WrappedColumn(tables.drafts, ("draft_id",), str),
    WrappedColumn(tables.compositions, ("composition_id",), str),
    WrappedColumn(tables.calls, ("message_id",), copy_names.name_call),
    WrappedColumn(tables.not_asked, ("case_id", "authority"), copy_names.name_search_call),
    WrappedColumn(tables.children, ("load", "number"), copy_names.name_child),
    WrappedColumn(tables.matches, ("sender", "message_id", "rank"), copy_names.name_match),
    WrappedColumn(tables.case_notes, ("case_id", "note_id"), copy_names.name_case_note),
    WrappedColumn(tables.holds, ("case_id",), copy_names.name_hold),
    WrappedColumn(tables.mail_replies, ("message_id",), copy_names.name_mail_reply),
    WrappedColumn(tables.api_answers, ("client", "key"), copy_names.name_api_answer),
    WrappedColumn(tables.webhooks, ("id",), copy_names.name_webhook_secret),
    WrappedColumn(tables.people, ("name",), copy_names.name_second_factor, "code_key"),
)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One wrapped data key: in which row, and to what it is bound."""

    # The row, by its primary key.
    place: tuple[Any, ...]
    name: str
    data_key: bytes = field(repr=False)


def _lies_under(column: WrappedColumn, kid: str) -> ColumnElement[bool]:
    """Build the condition that a key lies under this storage key."""
    if named := read_wrapping_id(kid):
        return func.substr(column.keys, 1, len(named)) == literal(named, LargeBinary)
    return func.length(column.keys) == WRAPPED_BYTES


def list_under_others(
    tx: Connection, column: WrappedColumn, kid: str, after: tuple[Any, ...], most: int
) -> list[WrappedKey]:
    """List data keys that lie under another storage key than this, in the order of their rows.

    `after`: the row after which they are; empty: from the first.
    """
    places = list(column.table.primary_key)
    query = select(*places, *(column.table.c[name].label(f"named_{name}") for name in column.named_by), column.keys)
    query = query.where(column.keys.is_not(None), ~_lies_under(column, kid)).order_by(*places).limit(most)
    if after:
        query = query.where(tuple_(*places) > tuple_(*map(literal, after)))
    return [
        WrappedKey(tuple(row[: len(places)]), column.build_name(*row[len(places) : -1]), bytes(row[-1]))
        for row in tx.execute(query)
    ]


def replace_wrapped_key(tx: Connection, column: WrappedColumn, old: WrappedKey, data_key: bytes) -> bool:
    """Put this in the place of a wrapped key, and return True; False where it was replaced or destroyed meanwhile."""
    mine = (place == value for place, value in zip(column.table.primary_key, old.place, strict=True))
    change = update(column.table).where(*mine, column.keys == old.data_key).values({column.column: data_key})
    return bool(tx.execute(change).rowcount)


def count_under_others(tx: Connection, kid: str) -> int:
    """Count the data keys of the whole database that lie under another storage key than this."""
    return sum(_count(tx, column, ~_lies_under(column, kid)) for column in COLUMNS)


def count_under(tx: Connection, kid: str) -> int:
    """Count the data keys of the whole database that lie under this storage key."""
    return sum(_count(tx, column, _lies_under(column, kid)) for column in COLUMNS)


def _count(tx: Connection, column: WrappedColumn, which: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(column.table).where(column.keys.is_not(None), which)
    return tx.scalar(query) or 0
