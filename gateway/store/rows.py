"""Records as rows and back, and the insertion of a row that may be there already: one way for both databases."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


def list_columns(table: FromClause, record_class: "type[DataclassInstance]") -> Sequence[ColumnElement[Any]]:
    """List the columns of a table that hold such a record, in the order of its fields. Raises KeyError."""
    return [table.c[field.name] for field in fields(record_class)]


def get_values(record: "DataclassInstance") -> dict[str, Any]:
    """Return what a record holds, by column."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def build_record(record_class: type[Record], row: Row[*tuple[Any, ...]]) -> Record:
    """Build the record that a row holds, which may hold more."""
    return record_class(**{field.name: row._mapping[field.name] for field in fields(record_class)})


def build_insert(tx: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Build an insertion that can say what is to be done where such a row is there (ON CONFLICT)."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
