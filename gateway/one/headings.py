"""Is what stands over the columns of an extract what we take it for? Otherwise a person looks before any row of it
counts.

A heading that is not recognised is a column that is not there: a child's UPN, or that its data are restricted. So the
first extract of a folder is read where every heading is known, or every column of ours is there; its set of headings is
remembered. Another set, of an upgrade or of a second program, waits until a person accepts it, and is remembered then.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from gateway.context import SYSTEM, Gateway
from gateway.errors import Doubted
from gateway.one.table import MAX_NAMED, Headings, normalise_heading
from gateway.store import audit_log
from gateway.store import headings as store_headings
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.headings import AcceptedHeadings

CODE = "one.headings"


def check(
    gw: Gateway,
    kind: str,
    headings: Headings,
    ours: Mapping[str, str],
    *,
    must: Sequence[str] = (),
    by: str,
    command: str,
) -> None:
    """Let these headings pass, and remember them; `ours`: how the columns that count are called, `must` those without
    which a person looks.

    `by`: who has accepted them; empty: nobody. `command` is how to. Raises Doubted.
    """
    new = AcceptedHeadings(_digest(headings), headings.known, headings.unknown)

    def look(tx: Tx) -> str:
        accepted = store_headings.list_accepted_headings(tx, kind)
        if any(known.digest == new.digest for known in accepted):
            return ""
        missing = [name for name in ours if name not in headings.known]
        if not by and (accepted or (headings.unknown and missing) or any(name in missing for name in must)):
            return _differing(headings, ours, accepted)
        store_headings.add_accepted_headings(tx, gw.now(), kind, new, by or SYSTEM)
        detail: dict[str, str | int] = {"kind": kind, "known": len(new.known), "unknown": len(new.unknown)}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("one.headings-accepted", by or SYSTEM, detail=detail)])
        return ""

    if why := gw.store.run(look):
        raise Doubted("one.headings", why=why, command=command)


def _digest(headings: Headings) -> str:
    names = [sorted(headings.known), sorted({normalise_heading(heading) for heading in headings.unknown})]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def _differing(headings: Headings, ours: Mapping[str, str], accepted: Sequence[AcceptedHeadings]) -> str:
    if not accepted:
        return f"Some headings are not known. {describe_headings(headings, ours)}"
    nearest = max(accepted, key=lambda known: len(known.known & headings.known))
    gone = {name: text for name, text in ours.items() if name in nearest.known}
    fresh = {name: text for name, text in ours.items() if name in headings.known - nearest.known}
    more = f" New: {_list(list(fresh.values()))}." if fresh else ""
    return f"The headings are not the same as those accepted before. {describe_headings(headings, gone)}{more}".strip()


def describe_headings(headings: Headings, ours: Mapping[str, str]) -> str:
    """Name the headings that are not known, and those of ours that are not there."""
    missing = [text for name, text in ours.items() if name not in headings.known]
    unknown = f"Not known, so not used: {_list(headings.unknown)}." if headings.unknown else ""
    return f"{unknown} {f'Missing: {_list(missing)}.' if missing else ''}".strip()


def _list(some: Sequence[str]) -> str:
    more = f", and {len(some) - MAX_NAMED} more" if len(some) > MAX_NAMED else ""
    return ", ".join(some[:MAX_NAMED]) + more
