"""What lies at a route and is not handled: how many things, why and since when, so that another process can see it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select

from gateway.store.tables import left_behind

_at = left_behind.c


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Things of one kind at one route."""

    route: str
    # Whose address it is; ours too.
    authority: str
    why: str
    count: int
    since: datetime


def replace_left_behind(
    tx: Connection, now: datetime, *, route: str, authority: str, counts: Mapping[str, int]
) -> None:
    """Note what lies at a route now; since when, stands for as long as something lies there for the same reason."""
    at_place = and_(_at.route == route, _at.authority == authority)
    before = {row.why: row.since for row in tx.execute(select(_at.why, _at.since).where(at_place))}
    tx.execute(delete(left_behind).where(at_place))
    for why, count in sorted(counts.items()):
        values = {"route": route, "authority": authority, "why": why, "count": count, "since": before.get(why, now)}
        tx.execute(insert(left_behind).values(**values))


def delete_left_elsewhere(tx: Connection, places: Collection[tuple[str, str]]) -> None:
    """Delete what was left anywhere but at these places, each a route and whose it is."""
    for route, authority in {(row.route, row.authority) for row in tx.execute(select(_at.route, _at.authority))}:
        if (route, authority) not in places:
            tx.execute(delete(left_behind).where(and_(_at.route == route, _at.authority == authority)))


def list_left_behind(tx: Connection) -> list[LeftBehind]:
    """List all of it, by place."""
    rows = tx.execute(select(left_behind).order_by(_at.route, _at.authority, _at.why))
    return [LeftBehind(**row._mapping) for row in rows]
