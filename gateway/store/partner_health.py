"""How it last went with each partner, by each route: one row for each, however many messages there are.

Written with what became of the tries, in one transaction; the table is small, so whoever looks reads all of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, literal, select

from gateway.store.rows import build_insert
from gateway.store.tables import reached

# Stands in place of a route: its statement was compared with our account.
STATEMENT = "statement"
# Endings in which the route did its work.
REACHED = frozenset({"receipted", "handed over", "rejected"})
# Characters that are kept of a code: those of other people's carriers may be longer.
CODE_LENGTH = 20
# Seconds, some thirty years: what a clock says may be anything.
MOST_SKEW = 2**30

_at = reached.c


@dataclass(frozen=True, slots=True)
class RouteReach:
    """How it stands with one partner, by one route."""

    authority: str
    route: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    failing_since: datetime | None
    reason: str | None
    clock_ahead: int | None
    # Of its last answer, where that held no receipt: `adapters.statuses`.
    code: str | None


def note_route_endings(
    tx: Connection,
    now: datetime,
    authority: str,
    endings: Iterable[tuple[str, str, str | None, str | None]],
    clock: timedelta | None = None,
) -> None:
    """Note how a batch of tries ended (route, ending, reason, code).

    Where one of a route went through, the route works.
    """
    worked: set[str] = set()
    failed: dict[str, tuple[str | None, str | None]] = {}
    for route, ending, reason, code in endings:
        if ending in REACHED:
            worked.add(route)
        else:
            failed[route] = reason, code
    # In order, so that two processes cannot wait for each other.
    for route in sorted(worked | failed.keys()):
        if route in worked:
            note_route_success(tx, now, authority, route, clock)
        else:
            reason, code = failed[route]
            note_route_failure(tx, now, authority, route, reason, clock, code=code)


def note_route_success(
    tx: Connection, now: datetime, authority: str, route: str, clock: timedelta | None = None
) -> None:
    """Note that it went through."""
    _replace_reach(tx, authority, route, {"succeeded_at": now, "failing_since": None}, clock)


def note_route_failure(
    tx: Connection,
    now: datetime,
    authority: str,
    route: str,
    reason: str | None,
    clock: timedelta | None = None,
    *,
    code: str | None = None,
) -> None:
    """Note that it did not; since when, stands from the first failure on."""
    since = {"failing_since": func.coalesce(_at.failing_since, literal(now, _at.failing_since.type))}
    _replace_reach(
        tx,
        authority,
        route,
        {"failed_at": now, "failing_since": now, "reason": reason, "code": code and code[:CODE_LENGTH]},
        clock,
        since,
    )


def _replace_reach(
    tx: Connection,
    authority: str,
    route: str,
    values: dict[str, object],
    clock: timedelta | None,
    instead: Mapping[str, object] | None = None,
) -> None:
    if clock is not None:
        seconds = int(clock.total_seconds())
        values["clock_ahead"] = max(-MOST_SKEW, min(MOST_SKEW, seconds))
    tx.execute(
        build_insert(tx, reached)
        .values(authority=authority, route=route, **values)
        .on_conflict_do_update(index_elements=["authority", "route"], set_={**values, **(instead or {})})
    )


def list_route_reach(tx: Connection) -> dict[str, list[RouteReach]]:
    """Return all of them, by authority."""
    by_authority: dict[str, list[RouteReach]] = {}
    for row in tx.execute(select(reached).order_by(_at.authority, _at.route)):
        by_authority.setdefault(row.authority, []).append(RouteReach(**row._mapping))
    return by_authority
