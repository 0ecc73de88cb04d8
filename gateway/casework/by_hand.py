"""What officers did outside of the gateway, written down: calls, and cases that are closed on an acceptance or a call.

A case of a child who moved away does not close on hope: somebody there accepted the notice, or an officer of ours spoke to
them and says with whom. Whom, and any note, is locked at rest like a notice; the audit log says that there was a call.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.core import causes, labels
from gateway.core.causes import build_cause
from gateway.core.delivery import State
from gateway.errors import NotAllowed, too_late
from gateway.store import audit_log, calls, outbox
from gateway.store.audit_log import Entry
from gateway.store.calls import Kept
from gateway.store.outbox import Delivery
from keys import at_rest
from keys.at_rest import Locked
from keys.jose import CLOCK_SKEW
from schemas import codes
from schemas.hidden_signs import find_hidden

TOLD = {"TransferNotice": "outcomes", "WhereaboutsEnquiry": "whereabouts_results"}  # which codes an outcome may have
ENDED = (State.CONCLUDED, State.CLOSED, State.WITHDRAWN, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Call:
    """With whom an officer of ours spoke, and when."""

    spoken_to: str
    at: datetime
    note: str | None = None


def hand_over(here: Authority, message_id: str, call: Call, by: str) -> None:
    """The notice was handed over by telephone: that closes the gap which their acknowledgement would have closed.

    The sealed notice still goes there. Raises NotFound, or NotAllowed where it is no transfer notice, or is at its end.
    """
    sent = _live(here, message_id, ("TransferNotice",))
    _check(here, sent, call)
    kept = _kept(here, message_id, call, None, by)

    def write(tx: Connection) -> None:
        calls.add(tx, kept)
        audit_log.append(tx, here.now(), [Entry("notice.handed-over", by, message_id, sent.recipient, sent.digest)])

    here.store.run(write)


def outcome_told(here: Authority, message_id: str, result: str, call: Call, by: str) -> None:
    """They told us by telephone, or otherwise, what became of the child, or whether they know it: that ends the notice.

    Raises NotFound, or NotAllowed where it is no notice that is answered, is at its end, or has no such result.
    """
    sent = _live(here, message_id, tuple(TOLD))
    _check(here, sent, call)
    known = codes.labels(TOLD[sent.kind])
    if result not in known:
        raise NotAllowed("call.other-result", result=result, known=", ".join(known))
    kept = _kept(here, message_id, call, result, by)

    def write(tx: Connection) -> None:
        reason, cause = f"told to an officer of ours: {result}", build_cause(causes.TOLD, result)
        if not outbox.advance(tx, here.now(), message_id, sent.recipient, State.CLOSED, reason=reason, cause=cause):
            raise too_late(_name_status(outbox.get(tx, message_id)))
        calls.add(tx, kept)
        entry = Entry("notice.outcome-told", by, message_id, sent.recipient, sent.digest, {"result": result})
        audit_log.append(tx, here.now(), [entry])

    here.store.run(write)


def close(here: Authority, message_id: str, by: str) -> None:
    """Close a transfer notice without waiting for the outcome: an officer there accepted it, or a call is recorded.

    Raises NotFound, or NotAllowed where neither is so, or it is at its end.
    """
    sent = _live(here, message_id, ("TransferNotice",))
    accepted = sent.state is State.ACKNOWLEDGED and sent.protection == "sealed"
    if not (accepted or sent.handed_over_at):
        raise NotAllowed("case.not-accepted", partner=labels.name_authority_in_full(sent.recipient))
    ground = "accepted" if accepted else "handed over by telephone"

    def write(tx: Connection) -> None:
        reason, cause = f"closed: {ground}", causes.ACCEPTED if accepted else causes.PHONE
        if not outbox.advance(tx, here.now(), message_id, sent.recipient, State.CLOSED, reason=reason, cause=cause):
            raise too_late(_name_status(outbox.get(tx, message_id)))
        entry = Entry("case.closed", by, message_id, sent.recipient, sent.digest, {"ground": ground})
        audit_log.append(tx, here.now(), [entry])

    here.store.run(write)


def recorded(here: Authority, message_id: str) -> list[tuple[Kept, Call | None]]:
    """The calls about a notice, opened for whoever reads the notice; None where the key was destroyed."""
    return [(kept, opened(here, kept)) for kept in here.store.look(lambda tx: calls.about(tx, message_id))]


def _kept(here: Authority, message_id: str, call: Call, result: str | None, by: str) -> Kept:
    said = json.dumps({"spoken_to": call.spoken_to, "note": call.note}).encode()
    locked = at_rest.lock(said, about=_about(message_id), ring=here.ring)
    return Kept(message_id, call.at, result, here.now(), by, locked.data_key, locked.content)


def opened(here: Authority, kept: Kept) -> Call | None:
    """One of them."""
    if kept.data_key is None:
        return None
    locked = Locked(kept.data_key, kept.content)
    said = json.loads(at_rest.unlock(locked, about=_about(kept.message_id), ring=here.ring))
    return Call(said["spoken_to"], kept.at, said["note"])


def _about(message_id: str) -> str:
    return f"call/{message_id}"


def _live(here: Authority, message_id: str, kinds: tuple[str, ...]) -> Delivery:
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind not in kinds:
        raise NotAllowed("call.other-kind")
    if sent.state in ENDED:
        raise too_late(_name_status(sent))
    return sent


def _check(here: Authority, sent: Delivery, call: Call) -> None:
    if not sent.queued_at - CLOCK_SKEW <= call.at <= here.now() + CLOCK_SKEW:
        raise NotAllowed("call.other-time")
    if sign := find_hidden(f"{call.spoken_to} {call.note or ''}"):
        raise NotAllowed("text.hidden-sign", sign=sign)
    if sent.restriction == "phone-only" and call.note:
        raise NotAllowed("call.restricted")


def _name_status(sent: Delivery) -> str:
    return labels.name_status("sent", sent.kind, sent.state, sent.cause)
