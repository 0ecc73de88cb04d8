"""Legal holds: a case is kept though its time has come, until somebody ends the hold. The note on it is locked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.context import Gateway
from gateway.core.copy_names import name_hold
from gateway.core.retention import CaseRetention, HoldReason, judge_case
from gateway.errors import NotAllowed, NotFound
from gateway.store import audit_log, holds, purge, retention
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.holds import StoredHold
from keys import at_rest
from keys.at_rest import Locked
from schemas.hidden_signs import find_hidden
from schemas.shapes import CaseId

# Characters.
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold: why, since when, by whom, and what was written about it."""

    case_id: CaseId
    reason: HoldReason
    at: datetime
    by: str
    note: str = field(repr=False)


def hold_case(gw: Gateway, case: str, reason: HoldReason, by: str, note: str = "") -> CaseId:
    """Keep a case, by its own id or that of one of its messages; return its id.

    Raises NotFound, or NotAllowed where it is held already, was purged, or the note is too long.
    """
    if len(note) > LONGEST_NOTE or find_hidden(note):
        raise NotAllowed("hold.note", most=LONGEST_NOTE)

    def write(tx: Tx) -> CaseId:
        # A purge that has begun is waited for, and seen.
        audit_log.lock_log(tx)
        case_id = _get_case(tx, case)
        if not purge.list_held_messages(tx, case_id):
            raise NotAllowed("hold.purged")
        locked = at_rest.lock(json.dumps({"note": note}).encode(), about=name_hold(case_id), ring=gw.ring)
        if not holds.add_hold(tx, StoredHold(case_id, reason, gw.now(), by, locked.data_key, locked.content)):
            raise NotAllowed("hold.exists")
        audit_log.append_entries(tx, gw.now(), [AuditEntry("case.held", by, case_id, detail={"reason": reason})])
        return case_id

    return gw.store.run(write)


def release_case(gw: Gateway, case: str, by: str) -> CaseId:
    """End the hold of a case; return its id. Raises NotFound."""

    def write(tx: Tx) -> CaseId:
        case_id = _get_case(tx, case)
        if not holds.delete_hold(tx, case_id):
            raise NotFound("hold.not-found")
        audit_log.append_entries(tx, gw.now(), [AuditEntry("case.released", by, case_id)])
        return case_id

    return gw.store.run(write)


def list_holds(gw: Gateway) -> Sequence[StoredHold]:
    """List every hold, the oldest first. What was written about each is not opened."""
    return gw.store.look(holds.list_holds)


def find_hold(gw: Gateway, case_id: CaseId) -> LegalHold | None:
    """Return the hold of a case that is viewed, with what was written about it; None where it has none."""
    stored = gw.store.look(lambda tx: holds.find_hold(tx, case_id))
    return _open_hold(gw, stored) if stored else None


def judge_one_case(gw: Gateway, case_id: CaseId) -> CaseRetention:
    """Judge how long a case is kept."""
    [case] = gw.store.look(lambda tx: retention.read_cases(tx, [case_id]))
    return judge_case(case, gw.config.retention.days, gw.now())


def _get_case(tx: Tx, name: str) -> CaseId:
    case_id = retention.find_case_of(tx, name)
    if case_id is None:
        raise NotFound("case.not-found")
    return case_id


def _open_hold(gw: Gateway, stored: StoredHold) -> LegalHold:
    words = at_rest.unlock(Locked(stored.data_key, stored.content), about=name_hold(stored.case_id), ring=gw.ring)
    return LegalHold(stored.case_id, stored.reason, stored.at, stored.by, json.loads(words)["note"])
