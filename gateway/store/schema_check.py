"""The tables that a database really has, held against those that this version needs."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from gateway.core import labels
from gateway.store.tables import APPEND_ONLY, metadata

# Without these nothing can be asked.
BREAKING = ("add_table", "add_column")
# What somebody else put there.
MORE = "remove_"


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
        SchemaDifference(labels.explain_schema_change("unguarded", table), DifferenceHarm.WEAKENS)
        for table in _unguarded_tables(tx)
    ]


def _describe_change(change: Any) -> Iterator[SchemaDifference]:
    if isinstance(change, list):
        for part in change:
            yield from _describe_change(part)
        return
    what, *about = change
    harm = DifferenceHarm.BREAKS if what in BREAKING else DifferenceHarm.WEAKENS
    yield SchemaDifference(
        labels.explain_schema_change(what, _format_name(about)),
        DifferenceHarm.NONE if what.startswith(MORE) else harm,
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
