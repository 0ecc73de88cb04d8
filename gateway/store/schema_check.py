"""The tables that a database really has, held against those that this version needs."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from gateway.store.tables import APPEND_ONLY, metadata

# Without these nothing can be asked.
BREAKING = {
    "add_table": "the table {} is missing",
    "add_column": "the column {} is missing",
}
WEAKENING = {
    "add_index": "the index {} is missing",
    "add_constraint": "the constraint {} is missing",
    "add_fk": "the foreign key {} is missing",
    "modify_type": "the column {} has another type",
    "modify_nullable": "the column {} may be empty where it must not, or must not where it may",
    "modify_default": "the column {} has another default",
}
# What somebody else put there.
MORE = {
    "remove_table": "the table {} does not belong to the gateway",
    "remove_column": "the column {} does not belong to the gateway",
    "remove_index": "the index {} does not belong to the gateway",
    "remove_constraint": "the constraint {} does not belong to the gateway",
    "remove_fk": "the foreign key {} does not belong to the gateway",
}


class DifferenceHarm(Enum):
    """What a difference does."""

    NONE = "there is more than there should be"
    WEAKENS = "something is missing on which correctness, or speed, depends"
    BREAKS = "what is asked of it ends in an error"


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """One thing in which a database is not as this version made it."""

    says: str
    harm: DifferenceHarm


def list_schema_differences(tx: Connection) -> list[SchemaDifference]:
    """List every difference between the database and the tables of this version; none: it has their shape."""
    with warnings.catch_warnings():
        # SQLite cannot tell of an index over an expression.
        warnings.simplefilter("ignore")
        changes = compare_metadata(MigrationContext.configure(tx), metadata)
    named_differences = [difference for each in changes for difference in _describe_change(each)]
    return named_differences + [
        SchemaDifference(f"the table {table} can be changed, but must not be", DifferenceHarm.WEAKENS)
        for table in _unguarded_tables(tx)
    ]


def _describe_change(change: Any) -> Iterator[SchemaDifference]:
    if isinstance(change, list):
        for part in change:
            yield from _describe_change(part)
        return
    what, *about = change
    says = (BREAKING | WEAKENING | MORE).get(what, "{} is not what it should be").format(_format_name(about))
    yield SchemaDifference(
        says,
        DifferenceHarm.NONE if what in MORE else DifferenceHarm.BREAKS if what in BREAKING else DifferenceHarm.WEAKENS,
    )


def _format_name(about: list[Any]) -> str:
    """Format the name of a table, an index or a constraint alone, or of a column with its table."""
    if len(about) == 1:
        return str(about[0].name)
    _, table, column, *_ = about
    return f"{table}.{getattr(column, 'name', column)}"


def _unguarded_tables(tx: Connection) -> list[str]:
    """Return the tables that are only appended to, and of which the database no longer sees to that."""
    if tx.dialect.name == "sqlite":
        there = set(tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
        return [table for table in APPEND_ONLY if not {f"{table}_no_update", f"{table}_no_delete"} <= there]
    there = set(tx.scalars(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")))
    return [table for table in APPEND_ONLY if f"{table}_append_only" not in there]
