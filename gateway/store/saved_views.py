"""Views of the inbox that people saved: a name, and the filters and the order for which it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from gateway.store.rows import build_insert, build_record, get_values, list_columns
from gateway.store.tables import saved_views


@dataclass(frozen=True, slots=True)
class SavedView:
    """One view of one person."""

    person: str
    # In their own words.
    name: str = field(repr=False)
    # The end of the address of the inbox that shows it.
    query: str


def add_saved_view(tx: Connection, view: SavedView) -> bool:
    """Add a view; return False where this person has one of that name."""
    insertion = build_insert(tx, saved_views).values(get_values(view)).on_conflict_do_nothing()
    return tx.execute(insertion.returning(saved_views.c.name)).first() is not None


def list_saved_views(tx: Connection, person: str) -> Sequence[SavedView]:
    """List the views of a person, by name."""
    query = select(*list_columns(saved_views, SavedView)).where(saved_views.c.person == person)
    return [build_record(SavedView, row) for row in tx.execute(query.order_by(saved_views.c.name))]


def delete_saved_view(tx: Connection, person: str, name: str) -> bool:
    """Delete a view; return False where there is none."""
    mine = delete(saved_views).where(saved_views.c.person == person, saved_views.c.name == name)
    return tx.execute(mine).rowcount == 1
