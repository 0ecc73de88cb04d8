"""Case systems that may call the API."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.core.permissions import Scope
from gateway.errors import NotAllowed, NotFound
from gateway.store.tables import api_clients


@dataclass(frozen=True, slots=True)
class Client:
    """One case system, as the store knows it."""

    id: str
    name: str
    scopes: frozenset[Scope]
    active: bool
    made_at: datetime
    made_by: str
    secret: str = field(repr=False)  # its digest
    failed: int = 0
    locked_until: datetime | None = None
    seen_at: datetime | None = None


def add(tx: Connection, client: Client) -> None:
    """A new one. Raises NotAllowed where the id is taken, now or ever: the audit log names clients by it."""
    if find(tx, client.id) is not None:
        raise NotAllowed("client.exists", id=client.id)
    tx.execute(insert(api_clients).values(_columns(client)))


def put(tx: Connection, client: Client) -> None:
    """One that is there, as it is now."""
    tx.execute(update(api_clients).where(api_clients.c.id == client.id).values(_columns(client)))


def find(tx: Connection, name: str) -> Client | None:
    """The client with this id."""
    row = tx.execute(select(api_clients).where(api_clients.c.id == name)).first()
    return _client(row) if row else None


def get(tx: Connection, name: str) -> Client:
    """The same. Raises NotFound."""
    found = find(tx, name)
    if found is None:
        raise NotFound("client.not-found")
    return found


def every(tx: Connection) -> list[Client]:
    """All, by id."""
    return [_client(row) for row in tx.execute(select(api_clients).order_by(api_clients.c.id))]


def _columns(client: Client) -> dict[str, Any]:
    said = {name: getattr(client, name) for name in Client.__dataclass_fields__}
    return said | {"scopes": " ".join(sorted(client.scopes))}


def _client(row: Row[Any]) -> Client:
    said = row._mapping
    return Client(**{**said, "scopes": frozenset(Scope(one) for one in said["scopes"].split())})
