"""Which warning was given last about each thing that expires, so that each is given once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from gateway.core.expiry import ExpiryKind
from gateway.store.rows import build_insert, get_values
from gateway.store.tables import expiry_warnings


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """The last warning about one thing: so many days before its end."""

    authority: str
    kind: ExpiryKind
    id: str
    days: int


_at = expiry_warnings.c


def list_warnings(tx: Connection) -> list[ExpiryWarning]:
    """List the last warning about each thing."""
    rows = tx.execute(select(_at.authority, _at.kind, _at.id, _at.days))
    return [ExpiryWarning(row.authority, ExpiryKind(row.kind), row.id, row.days) for row in rows]


def replace_warnings(tx: Connection, given: Iterable[ExpiryWarning], ended: Collection[ExpiryWarning]) -> None:
    """Keep these warnings in the place of earlier ones about the same, and forget others, as of what was renewed."""
    for warning in ended:
        mine = _at.authority == warning.authority, _at.kind == warning.kind, _at.id == warning.id
        tx.execute(delete(expiry_warnings).where(*mine))
    for warning in given:
        keep = build_insert(tx, expiry_warnings).values(get_values(warning))
        keys = [column.name for column in expiry_warnings.primary_key]
        tx.execute(keep.on_conflict_do_update(index_elements=keys, set_={"days": warning.days}))
