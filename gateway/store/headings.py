"""Which sets of headings of extracts are read, because a person accepted them, or because they were the first."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.tables import accepted_headings


@dataclass(frozen=True, slots=True)
class AcceptedHeadings:
    """A set of headings that is read."""

    digest: str
    # Ours, by our own names.
    known: frozenset[str]
    unknown: tuple[str, ...]


def list_accepted_headings(tx: Connection, kind: str) -> list[AcceptedHeadings]:
    """List the sets that are read in the folder of this kind."""
    query = select(accepted_headings.c.digest, accepted_headings.c.headings).where(accepted_headings.c.kind == kind)
    rows = [
        (row.digest, json.loads(row.headings)) for row in tx.execute(query.order_by(accepted_headings.c.accepted_at))
    ]
    return [
        AcceptedHeadings(digest, frozenset(headings["known"]), tuple(headings["unknown"])) for digest, headings in rows
    ]


def add_accepted_headings(tx: Connection, now: datetime, kind: str, new: AcceptedHeadings, by: str) -> bool:
    """Remember that this set is read; tell whether it is new."""
    if new.digest in {accepted.digest for accepted in list_accepted_headings(tx, kind)}:
        return False
    headings = json.dumps({"known": sorted(new.known), "unknown": new.unknown})
    values = {"kind": kind, "digest": new.digest, "headings": headings, "accepted_at": now, "accepted_by": by}
    tx.execute(insert(accepted_headings), values)
    return True
