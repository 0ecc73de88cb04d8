"""Views of the inbox that a person saves under a name: filters and an order. Each person has their own.

The audit log says that a view was saved or deleted, and not its name: it is in a person's own words.
"""

from collections.abc import Sequence

from gateway.context import Gateway
from gateway.errors import NotAllowed
from gateway.store import audit_log, saved_views
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.saved_views import SavedView
from schemas.hidden_signs import is_line

# Characters: a view is a link above the list.
LONGEST_NAME = 40
# Of one person; with more, the links are a list of their own.
MOST_VIEWS = 20


def list_views(gw: Gateway, person: str) -> Sequence[SavedView]:
    """List the views that a person saved, by name."""
    return gw.store.look(lambda tx: saved_views.list_saved_views(tx, person))


def save_view(gw: Gateway, person: str, name: str, query: str) -> None:
    """Save what this address of the inbox shows as a view.

    Raises NotAllowed where it has no fit name, or a name that another has, or where there are many.
    """
    view = SavedView(person, name, query)
    if not name or len(name) > LONGEST_NAME or not is_line(name):
        raise NotAllowed("view.name", most=LONGEST_NAME)

    def write(tx: Tx) -> None:
        if len(saved_views.list_saved_views(tx, person)) >= MOST_VIEWS:
            raise NotAllowed("view.too-many", most=MOST_VIEWS)
        if not saved_views.add_saved_view(tx, view):
            raise NotAllowed("view.taken")
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.view-saved", person)])

    gw.store.run(write)


def delete_view(gw: Gateway, person: str, name: str) -> None:
    """Delete a view of this person; nothing where there is none."""

    def write(tx: Tx) -> None:
        if saved_views.delete_saved_view(tx, person, name):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("person.view-deleted", person)])

    gw.store.run(write)
