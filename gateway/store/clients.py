"""Case systems that may call the API."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.core.permissions import Scope
from gateway.errors import NotAllowed, NotFound
from gateway.store.rows import get_values
from gateway.store.tables import api_clients


@dataclass(frozen=True, slots=True)
class ApiClient:
    """One case system, as the store knows it."""

    id: str
    name: str
    scopes: frozenset[Scope]
    active: bool
    made_at: datetime
    made_by: str
    # Its digest.
    secret: str = field(repr=False)
    failed: int = 0
    locked_until: datetime | None = None
    seen_at: datetime | None = None


def add_client(tx: Connection, client: ApiClient) -> None:
    """Add a client. Raises NotAllowed where the id is taken, now or ever: the audit log names clients by it."""
    if find_client(tx, client.id) is not None:
        raise NotAllowed("client.exists", id=client.id)
    tx.execute(insert(api_clients).values(_client_values(client)))


def update_client(tx: Connection, client: ApiClient) -> None:
    """Store a client that is there, as it is now."""
    tx.execute(update(api_clients).where(api_clients.c.id == client.id).values(_client_values(client)))


def find_client(tx: Connection, name: str) -> ApiClient | None:
    """Return the client with this id; None where there is none."""
    row = tx.execute(select(api_clients).where(api_clients.c.id == name)).first()
    return _read_client(row) if row else None


def get_client(tx: Connection, name: str) -> ApiClient:
    """Return the client with this id. Raises NotFound."""
    client = find_client(tx, name)
    if client is None:
        raise NotFound("client.not-found")
    return client


def list_clients(tx: Connection) -> list[ApiClient]:
    """List all clients, by id."""
    return [_read_client(row) for row in tx.execute(select(api_clients).order_by(api_clients.c.id))]


def _client_values(client: ApiClient) -> dict[str, Any]:
    return get_values(client) | {"scopes": " ".join(sorted(client.scopes))}


def _read_client(row: Row[Any]) -> ApiClient:
    values = row._mapping
    return ApiClient(**{**values, "scopes": frozenset(Scope(scope) for scope in values["scopes"].split())})
