"""Changes by which somebody may have got access to children's records, and whether the service manager was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.core.access_rules import AccessGrant
from gateway.core.permissions import Role
from gateway.store.rows import get_values
from gateway.store.tables import access_changes


@dataclass(frozen=True, slots=True)
class AccessChange:
    """Roles that were given to somebody, a new one-time password of an account that has them, or a new partner.

    `person` is then the authority, by name and code, and there are no roles.
    """

    id: str
    at: datetime
    kind: AccessGrant
    person: str
    by: str
    roles: frozenset[Role]
    told_at: datetime | None = None

    @property
    def is_own(self) -> bool:
        """Tell whether they did it for themselves."""
        return self.person == self.by


def add_access_change(tx: Connection, change: AccessChange) -> None:
    """Add a change."""
    tx.execute(insert(access_changes).values(get_values(change) | {"roles": " ".join(sorted(change.roles))}))


def list_access_changes(tx: Connection, since: datetime) -> Sequence[AccessChange]:
    """List the changes since then, the oldest first."""
    query = select(access_changes).where(access_changes.c.at >= since)
    return [_read_change(row) for row in tx.execute(query.order_by(access_changes.c.at, access_changes.c.id))]


def set_changes_told(tx: Connection, now: datetime, ids: Sequence[str]) -> None:
    """Note that the service manager was told of these."""
    for change_id in ids:
        tx.execute(update(access_changes).where(access_changes.c.id == change_id).values(told_at=now))


def _read_change(row: Row[Any]) -> AccessChange:
    values = dict(row._mapping)
    return AccessChange(
        **{
            **values,
            "kind": AccessGrant(values["kind"]),
            "roles": frozenset(Role(role) for role in values["roles"].split()),
        }
    )
