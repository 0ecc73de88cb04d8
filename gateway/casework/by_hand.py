"""What officers did outside of the gateway, written down: calls, and cases that are closed on an acceptance or a call.

A case of a child who moved away does not close on hope: somebody there accepted the notice, or an officer of ours spoke
to them and says with whom. Whom, and any note, is locked at rest like a notice; the audit log says that there was a
call.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from gateway.context import Gateway
from gateway.core import causes, labels
from gateway.core.causes import build_cause
from gateway.core.copy_names import name_call
from gateway.core.delivery import DeliveryState
from gateway.core.message_name import MessageName
from gateway.errors import NotAllowed, too_late
from gateway.store import audit_log, calls, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.calls import StoredCall
from gateway.store.database import Tx
from gateway.store.outbox import Delivery
from keys import at_rest
from keys.at_rest import Locked
from keys.jose import CLOCK_SKEW
from schemas import codes
from schemas.hidden_signs import find_hidden
from schemas.message import OPENS_A_CASE
from schemas.shapes import MessageId

# Which codes an outcome may have.
TOLD = {"TransferNotice": "outcomes", "WhereaboutsEnquiry": "whereabouts_results"}
ENDED = (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN, DeliveryState.EXPIRED)


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """With whom an officer of ours spoke, and when."""

    spoken_to: str
    at: datetime
    note: str | None = None


# A call as it is kept, and what was said in it; None where its key was destroyed.
RecordedCall = tuple[StoredCall, PhoneCall | None]


def record_handover(gw: Gateway, message_id: MessageId, call: PhoneCall, by: str) -> None:
    """Record that the notice was handed over by telephone: that closes the gap which an acknowledgement would close.

    The sealed notice still goes there. A reply that was not delivered is told so too: it is no task any more. Raises
    NotFound, or NotAllowed where it is neither, or is at its end.
    """
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind in OPENS_A_CASE or sent.state is not DeliveryState.FAILED:
        sent = _get_live_notice(gw, message_id, ("TransferNotice",))
    _check_call(gw, sent, call)
    stored_call = _lock_call(gw, message_id, call, None, by)

    def write_handover(tx: Tx) -> None:
        calls.add_call(tx, stored_call)
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.handed-over", by, message_id, sent.recipient, sent.digest)]
        )

    gw.store.run(write_handover)


def record_outcome(gw: Gateway, message_id: MessageId, result: str, call: PhoneCall, by: str) -> None:
    """Record what became of the child, or whether they know it, as they told us by telephone: that ends the notice.

    Raises NotFound, or NotAllowed where it is no notice that is answered, is at its end, or has no such result.
    """
    sent = _get_live_notice(gw, message_id, tuple(TOLD))
    _check_call(gw, sent, call)
    known = codes.get_labels(TOLD[sent.kind])
    if result not in known:
        raise NotAllowed("call.other-result", result=result, known=", ".join(known))
    stored_call = _lock_call(gw, message_id, call, result, by)

    def write_outcome(tx: Tx) -> None:
        reason, cause = f"told by phone or letter: {labels.name_result(result)}", build_cause(causes.TOLD, result)
        if not outbox.advance_delivery(
            tx, gw.now(), message_id, sent.recipient, DeliveryState.CLOSED, reason=reason, cause=cause
        ):
            raise too_late(_name_status(outbox.get_delivery(tx, message_id)))
        calls.add_call(tx, stored_call)
        entry = AuditEntry("notice.outcome-told", by, message_id, sent.recipient, sent.digest, {"result": result})
        audit_log.append_entries(tx, gw.now(), [entry])

    gw.store.run(write_outcome)


def record_received_call(gw: Gateway, name: MessageName, call: PhoneCall, by: str) -> None:
    """Record that the officer was called who wrote a notice that came, as one must be of whom only calls may speak.

    Raises NotFound, Ambiguous, or NotAllowed where it is no notice that opens a case.
    """
    item = gw.store.look(lambda tx: inbox.get_message(tx, name))
    if item.kind not in OPENS_A_CASE:
        raise NotAllowed("call.other-kind")
    _check_words(gw, call, since=item.received_at, restricted=item.restriction == "phone-only")
    stored_call = _lock_call(gw, item.message_id, call, f"{calls.RECEIVED}{item.sender}", by)

    def write_call(tx: Tx) -> None:
        calls.add_call(tx, stored_call)
        entry = AuditEntry("notice.called", by, item.message_id, item.sender, item.digest)
        audit_log.append_entries(tx, gw.now(), [entry])

    gw.store.run(write_call)


def close_notice(gw: Gateway, message_id: MessageId, by: str) -> None:
    """Close a transfer notice without waiting for the outcome: an officer there accepted it, or a call is recorded.

    Raises NotFound, or NotAllowed where neither is so, or it is at its end.
    """
    sent = _get_live_notice(gw, message_id, ("TransferNotice",))
    accepted = sent.state is DeliveryState.ACKNOWLEDGED and sent.protection == "sealed"
    if not (accepted or sent.handed_over_at):
        raise NotAllowed("case.not-accepted", partner=labels.name_authority_in_full(sent.recipient))
    ground = "accepted" if accepted else "handed over by telephone"

    def write_closing(tx: Tx) -> None:
        reason, cause = f"closed: {ground}", causes.ACCEPTED if accepted else causes.PHONE
        if not outbox.advance_delivery(
            tx, gw.now(), message_id, sent.recipient, DeliveryState.CLOSED, reason=reason, cause=cause
        ):
            raise too_late(_name_status(outbox.get_delivery(tx, message_id)))
        entry = AuditEntry("case.closed", by, message_id, sent.recipient, sent.digest, {"ground": ground})
        audit_log.append_entries(tx, gw.now(), [entry])

    gw.store.run(write_closing)


def list_recorded_calls(gw: Gateway, message_id: MessageId) -> list[RecordedCall]:
    """List the calls about a notice, opened for whoever reads the notice; None where the key was destroyed."""
    return [
        (stored_call, open_call(gw, stored_call))
        for stored_call in gw.store.look(lambda tx: calls.list_calls(tx, message_id))
    ]


def _lock_call(gw: Gateway, message_id: MessageId, call: PhoneCall, result: str | None, by: str) -> StoredCall:
    words = json.dumps({"spoken_to": call.spoken_to, "note": call.note}).encode()
    locked = at_rest.lock(words, about=name_call(message_id), ring=gw.ring)
    return StoredCall(message_id, call.at, result, gw.now(), by, locked.data_key, locked.content)


def open_call(gw: Gateway, stored_call: StoredCall) -> PhoneCall | None:
    """Open one of them; None where its key was destroyed."""
    if stored_call.data_key is None:
        return None
    locked = Locked(stored_call.data_key, stored_call.content)
    words = json.loads(at_rest.unlock(locked, about=name_call(stored_call.message_id), ring=gw.ring))
    return PhoneCall(words["spoken_to"], stored_call.at, words["note"])


def _get_live_notice(gw: Gateway, message_id: MessageId, kinds: tuple[str, ...]) -> Delivery:
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind not in kinds:
        raise NotAllowed("call.other-kind")
    if sent.state in ENDED:
        raise too_late(_name_status(sent))
    return sent


def _check_call(gw: Gateway, sent: Delivery, call: PhoneCall) -> None:
    _check_words(gw, call, since=sent.queued_at, restricted=sent.restriction == "phone-only")


def _check_words(gw: Gateway, call: PhoneCall, *, since: datetime, restricted: bool) -> None:
    if not since - CLOCK_SKEW <= call.at <= gw.now() + CLOCK_SKEW:
        raise NotAllowed("call.other-time")
    if sign := find_hidden(f"{call.spoken_to} {call.note or ''}"):
        raise NotAllowed("text.hidden-sign", sign=sign)
    if restricted and call.note:
        raise NotAllowed("call.restricted")


def _name_status(sent: Delivery) -> str:
    return labels.name_status("sent", sent.kind, sent.state, sent.cause)
