"""Authorities that a search could not ask: a list to call, and the calls that take them off it.

Who was spoken to, and any note, is locked at rest like a notice; the audit log says that there was a call.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.copy_names import name_search_call
from gateway.core.review import find_review
from gateway.errors import NotAllowed, NotFound
from gateway.store import audit_log, not_asked, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.not_asked import StoredNotAsked
from keys import at_rest
from keys.at_rest import Locked
from keys.jose import CLOCK_SKEW
from schemas.hidden_signs import find_hidden
from schemas.shapes import CaseId

# That they know the child.
KNOWN = "found"


@dataclass(frozen=True, slots=True)
class SearchCall:
    """A call with an authority that could not be asked: who was spoken to, when, and what they said of the child."""

    spoken_to: str = field(repr=False)
    at: datetime
    result: str
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NotAskedAuthority:
    """One authority that a search was meant for and could not ask."""

    authority: str
    name: str
    why: str
    # Whom to call; empty where this gateway knows nobody.
    contact: str
    # None: nobody has called them.
    called_at: datetime | None
    # In words.
    result: str | None
    knows_child: bool
    # None too where its key was destroyed.
    call: SearchCall | None = field(repr=False)
    recorded_by: str | None


def read_call_list(tx: Tx, gw: Gateway, case_id: CaseId) -> list[NotAskedAuthority]:
    """Read who could not be asked in a case, in the transaction in which it is logged who looks."""
    return [_build_not_asked(gw, stored) for stored in not_asked.list_not_asked(tx, case_id)]


def count_to_call(gw: Gateway, case_id: CaseId) -> int:
    """Count whom nobody has called yet; nobody once the search has ended."""

    def count(tx: Tx) -> int:
        waiting = sum(it.called_at is None for it in not_asked.list_not_asked(tx, case_id))
        return waiting if waiting and find_review(reviews.list_review_acts(tx, case_id)) else 0

    return gw.store.look(count)


def find_to_call(gw: Gateway, case_id: CaseId, authority: str) -> NotAskedAuthority:
    """Return an authority that nobody has called yet. Raises NotFound."""
    waiting = [it for it in gw.store.look(lambda tx: not_asked.list_not_asked(tx, case_id)) if it.called_at is None]
    for stored in waiting:
        if stored.authority == authority:
            return _build_not_asked(gw, stored)
    raise NotFound("search-call.not-found")


def record_search_call(gw: Gateway, case_id: CaseId, authority: str, call: SearchCall, by: str) -> None:
    """Record the call in which an authority was asked: that takes it off the list.

    Raises NotFound where it is not on the list, or NotAllowed where somebody was faster.
    """
    noted = [it for it in gw.store.look(lambda tx: not_asked.list_not_asked(tx, case_id)) if it.authority == authority]
    if not noted:
        raise NotFound("search-call.not-found")
    called = _lock_call(gw, noted[0], call, by)

    def write_call(tx: Tx) -> None:
        if not not_asked.record_call(tx, called):
            raise NotAllowed("search-call.already", authority=labels.name_authority_in_full(authority))
        detail = {"result": call.result}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("search.called", by, case_id, authority, detail=detail)])

    _check_search_call(gw, noted[0], call)
    gw.store.run(write_call)


def _check_search_call(gw: Gateway, noted: StoredNotAsked, call: SearchCall) -> None:
    if call.result not in labels.list_search_calls():
        raise NotAllowed("call.other-result", result=call.result, known=", ".join(labels.list_search_calls()))
    if not noted.noted_at - CLOCK_SKEW <= call.at <= gw.now() + CLOCK_SKEW:
        raise NotAllowed("call.other-time")
    if sign := find_hidden(f"{call.spoken_to} {call.note or ''}"):
        raise NotAllowed("text.hidden-sign", sign=sign)


def _lock_call(gw: Gateway, noted: StoredNotAsked, call: SearchCall, by: str) -> StoredNotAsked:
    words = json.dumps({"spoken_to": call.spoken_to, "note": call.note}).encode()
    locked = at_rest.lock(words, about=name_search_call(noted.case_id, noted.authority), ring=gw.ring)
    return replace(
        noted,
        called_at=call.at,
        result=call.result,
        recorded_at=gw.now(),
        recorded_by=by,
        data_key=locked.data_key,
        content=locked.content,
    )


def _build_not_asked(gw: Gateway, stored: StoredNotAsked) -> NotAskedAuthority:
    return NotAskedAuthority(
        authority=stored.authority,
        name=labels.name_authority(stored.authority),
        why=stored.why,
        contact=gw.whom_to_ring(stored.authority),
        called_at=stored.called_at,
        result=labels.list_search_calls().get(stored.result, stored.result) if stored.result else None,
        knows_child=stored.result == KNOWN,
        call=_open_call(gw, stored),
        recorded_by=stored.recorded_by,
    )


def _open_call(gw: Gateway, stored: StoredNotAsked) -> SearchCall | None:
    if stored.data_key is None or stored.content is None or stored.called_at is None:
        return None
    locked = Locked(bytes(stored.data_key), bytes(stored.content))
    words = json.loads(at_rest.unlock(locked, about=name_search_call(stored.case_id, stored.authority), ring=gw.ring))
    return SearchCall(words["spoken_to"], stored.called_at, stored.result or "", words["note"])
