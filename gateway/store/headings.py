"""Which sets of headings of extracts are read, because a person accepted them, or because they were the first."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.tables import accepted_headings


@dataclass(frozen=True, slots=True)
class Accepted:
    """A set of headings that is read."""

    digest: str
    known: frozenset[str]  # ours, by our own names
    unknown: tuple[str, ...]


def find_all(tx: Connection, kind: str) -> list[Accepted]:
    """List the sets that are read in the folder of this kind."""
    query = select(accepted_headings.c.digest, accepted_headings.c.headings).where(accepted_headings.c.kind == kind)
    found = [
        (row.digest, json.loads(row.headings)) for row in tx.execute(query.order_by(accepted_headings.c.accepted_at))
    ]
    return [Accepted(digest, frozenset(said["known"]), tuple(said["unknown"])) for digest, said in found]


def remember(tx: Connection, now: datetime, kind: str, new: Accepted, by: str) -> bool:
    """Remember that this set is read: is it new?"""
    if new.digest in {one.digest for one in find_all(tx, kind)}:
        return False
    said = json.dumps({"known": sorted(new.known), "unknown": new.unknown})
    values = {"kind": kind, "digest": new.digest, "headings": said, "accepted_at": now, "accepted_by": by}
    tx.execute(insert(accepted_headings), values)
    return True
