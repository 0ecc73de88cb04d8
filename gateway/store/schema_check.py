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

BREAKING = {  # without these nothing can be asked
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
MORE = {  # what somebody else put there
    "remove_table": "the table {} is not ours",
    "remove_column": "the column {} is not ours",
    "remove_index": "the index {} is not ours",
    "remove_constraint": "the constraint {} is not ours",
    "remove_fk": "the foreign key {} is not ours",
}


class Harm(Enum):
    """What a difference does."""

    NONE = "there is more than there should be"
    WEAKENS = "something is missing on which correctness, or speed, depends"
    BREAKS = "what is asked of it ends in an error"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a database is not as this version made it."""

    says: str
    harm: Harm


def differences(tx: Connection) -> list[Difference]:
    """Every difference between the database and the tables of this version, each named; none: it has their shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLite cannot tell of an index over an expression
        found = compare_metadata(MigrationContext.configure(tx), metadata)
    told = [one for each in found for one in _told(each)]
    return told + [
        Difference(f"the table {table} can be changed, and must not be", Harm.WEAKENS) for table in _unguarded(tx)
    ]


def _told(found: Any) -> Iterator[Difference]:
    if isinstance(found, list):
        for one in found:
            yield from _told(one)
        return
    what, *about = found
    says = (BREAKING | WEAKENING | MORE).get(what, "{} is another than it should be").format(_name(about))
    yield Difference(says, Harm.NONE if what in MORE else Harm.BREAKS if what in BREAKING else Harm.WEAKENS)


def _name(about: list[Any]) -> str:
    """Of a table, an index or a constraint alone, or of a column with its table."""
    if len(about) == 1:
        return str(about[0].name)
    _, table, column, *_ = about
    return f"{table}.{getattr(column, 'name', column)}"


def _unguarded(tx: Connection) -> list[str]:
    """The tables that are only appended to, and of which the database no longer sees to that."""
    if tx.dialect.name == "sqlite":
        there = set(tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
        return [table for table in APPEND_ONLY if not {f"{table}_no_update", f"{table}_no_delete"} <= there]
    there = set(tx.scalars(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")))
    return [table for table in APPEND_ONLY if f"{table}_append_only" not in there]
