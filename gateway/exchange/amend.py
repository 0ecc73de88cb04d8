"""Second thoughts on what we sent: take it back, correct it, send it on, or try again what has not got through."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import causes, labels, safeguards
from gateway.core.causes import REDIRECTED, build_cause
from gateway.core.delivery import DeliveryState, may_send_on
from gateway.core.review import ReviewAct, ReviewActKind, find_review
from gateway.errors import NotAllowed, too_late
from gateway.exchange.send import (
    Also,
    build_first_header,
    build_next_header,
    look_up_known_children,
    prepare_messages,
    queue_messages,
)
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.outbox import Delivery, QueuedNotice
from keys.errors import Destroyed
from schemas import codes
from schemas.message import OPENS_A_CASE, SEARCHES, LocatedNotice, Message, Withdrawal

# How a search ends, as it stands beside each of its notices.
ENDED = {
    row["code"]: "the child is located" if row["found"] == "yes" else f"the search has ended: {row['label'].lower()}"
    for row in codes.list_rows("located_ways")
}


def withdraw_notice(gw: Gateway, message_id: str, body: Withdrawal, by: str, *, also: Also | None = None) -> str | None:
    """Take a notice back; return the withdrawal's id, or None where the notice had not left us and nobody need be told.

    Raises NotFound, or NotAllowed where it is concluded, or taken back already. `also` is told the id, or that of the
    notice.
    """
    sent = _get_amendable(gw, message_id)
    head = build_next_header(gw, sent.conversation_id, sent.recipient, in_reply_to=message_id, test=sent.test)
    [ready] = prepare_messages(gw, [Message(head, body)], by)

    def write_withdrawal(tx: Connection) -> bool:
        _withdraw_delivery(tx, gw, sent, by, "withdrawn")
        if sent.kind in SEARCHES and not _is_search_open(tx, sent.conversation_id):
            end_case_review(tx, gw, sent.conversation_id, "withdrawn", by)
        # Read after the change, so that no claim is in between.
        is_told = outbox.get_delivery(tx, message_id).attempts > 0
        if is_told:
            queue_messages(tx, gw, [ready])
        if also:
            also(tx, ready.message_id if is_told else message_id)
        return is_told

    is_told = gw.store.run(write_withdrawal)
    gw.due.set()
    return ready.message_id if is_told else None


def _is_search_open(tx: Connection, conversation_id: str) -> bool:
    case = outbox.search_outbox(tx, conversation_id=conversation_id, limit=None)
    return any(delivery.kind in SEARCHES and delivery.state is not DeliveryState.WITHDRAWN for delivery in case)


def correct_notice(
    gw: Gateway,
    message_id: str,
    notice: Message,
    by: str,
    *,
    confirmed: Collection[str] = (),
    also: Callable[[Connection], None] | None = None,
) -> str:
    """Send a notice in the place of one that was wrong, in the same case; return the id of the new one.

    `also` is done in the same transaction. `confirmed`, here and below: as `send.prepare` has it. What the old one said
    of a place may not stand in the texts of a new one that withholds it.

    Raises NotFound, Unfit, Unconfirmed, or NotAllowed where it is of another kind, or the old one is concluded or taken
    back.
    """
    sent = _get_amendable(gw, message_id)
    if (notice.kind, notice.header.recipient.authority) != (sent.kind, sent.recipient):
        raise NotAllowed("correction.other-notice")
    head = build_next_header(gw, sent.conversation_id, sent.recipient, supersedes=message_id, test=notice.header.test)
    theirs = notice.header
    head = replace(head, recipient=theirs.recipient, legal_basis=theirs.legal_basis, marking=theirs.marking)
    new = Message(head, notice.body)
    known = look_up_known_children(gw, [new], {head.message_id: read_withheld_places(gw, message_id)})
    [ready] = prepare_messages(gw, [new], by, confirmed=confirmed, known=known)

    def write_correction(tx: Connection) -> None:
        if also:
            also(tx)
        _withdraw_delivery(tx, gw, sent, by, f"corrected by {head.message_id}", causes.REPLACED)
        queue_messages(tx, gw, [ready])

    gw.store.run(write_correction)
    gw.due.set()
    return head.message_id


def read_withheld_places(gw: Gateway, message_id: str) -> frozenset[str]:
    """Give what a notice of ours said of where the child is; nothing where its key was destroyed."""
    try:
        return safeguards.list_withheld_places(_open_copy(gw, message_id))
    except Destroyed:
        return frozenset()


def _open_copy(gw: Gateway, message_id: str) -> Message:
    copy = gw.store.look(lambda tx: copies.take_sent(tx, gw, message_id, Machine.WRITE_ON))
    return copies.open_copy(gw, copy)


def send_notice_on(gw: Gateway, message_id: str, to: str, by: str, *, confirmed: Collection[str] = ()) -> str:
    """Send a transfer notice that is stuck, or was passed on, to another authority in the same case; return the new id.

    Raises NotFound, Unfit, Unconfirmed, a keys.errors.Refusal, or NotAllowed where it is neither, or goes to the same
    authority.
    """
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind != "TransferNotice" or to == sent.recipient or not may_send_on(sent.state):
        raise NotAllowed("send-on.not-now")
    notice = _open_copy(gw, message_id)
    head = build_next_header(gw, sent.conversation_id, to, test=sent.test)
    head = replace(head, legal_basis=notice.header.legal_basis, marking=notice.header.marking)
    [ready] = prepare_messages(gw, [Message(head, notice.body)], by, confirmed=confirmed)

    def write_sent_on(tx: Connection) -> None:
        reason = f"sent on to {to} as {head.message_id}"
        cause = build_cause(REDIRECTED, to)
        if not outbox.advance_delivery(
            tx, gw.now(), message_id, sent.recipient, DeliveryState.CLOSED, reason=reason, cause=cause
        ):
            raise too_late(_name_status(outbox.get_delivery(tx, message_id)))
        detail = {"to": to, "as": head.message_id}
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.sent-on", by, message_id, sent.recipient, sent.digest, detail)]
        )
        queue_messages(tx, gw, [ready])

    gw.store.run(write_sent_on)
    gw.due.set()
    return head.message_id


def stand_down_search(
    gw: Gateway, name: str, body: LocatedNotice, by: str, *, decided_by: str | None = None
) -> list[str]:
    """End the search in a case: tell everybody to whom one of its notices went. Return the ids of what tells them.

    What has not left is kept back. Whoever was asked more than once is told once. `name` is the case's own id, or that
    of one of its notices. Raises NotFound, or NotAllowed where it is no search, everybody was told before, or a
    manager's decision does not say whose it is.
    """
    if body.way == "manager-decision" and not decided_by:
        raise NotAllowed("review.decided-by")
    case = gw.store.look(lambda tx: outbox.list_case_deliveries(tx, name))
    searches = [delivery.message_id for delivery in case if delivery.kind in SEARCHES]
    if not searches:
        raise NotAllowed("amend.not-a-search")
    open_ones, conversation = _list_untold(case), case[0].conversation_id
    if not open_ones and find_review(gw.store.look(lambda tx: reviews.list_review_acts(tx, conversation))) is None:
        raise NotAllowed("amend.told-already")
    ready = prepare_messages(gw, _build_stand_downs(gw, case, open_ones, body), by)

    def write_stand_down(tx: Connection) -> list[str]:
        now = gw.now()
        if {notice.message_id for notice in outbox.list_case_deliveries(tx, conversation)} != {
            notice.message_id for notice in case
        }:
            raise NotAllowed("amend.overtaken")
        left = _conclude_searches(tx, now, case, ENDED[body.way], build_cause(causes.ENDED, body.way))
        known = _first_for_each([notice for notice in ready if notice.in_reply_to in left])
        detail: dict[str, str | int] = {"told": len(known), "way": body.way}
        audit_log.append_entries(
            tx, now, [AuditEntry("case.stood-down", by, searches[0], detail=detail | _decided_by_detail(decided_by))]
        )
        end_case_review(tx, gw, conversation, body.way, by, decided_by)
        if known:
            queue_messages(tx, gw, known)
        return [notice.message_id for notice in known]

    ids = gw.store.run(write_stand_down)
    gw.due.set()
    return ids


def _conclude_searches(tx: Connection, now: datetime, case: Sequence[Delivery], reason: str, cause: str) -> set[str]:
    """Conclude every search of a case, or keep it back; return the ids of what had left, read after the change."""
    searches = [delivery for delivery in case if delivery.kind in SEARCHES]
    # Or a statement would miss it there.
    outbox.withdraw_unsent(tx, now, [delivery.message_id for delivery in searches], reason, cause)
    for delivery in searches:
        outbox.advance_delivery(
            tx, now, delivery.message_id, delivery.recipient, DeliveryState.CONCLUDED, reason=reason, cause=cause
        )
    return {
        delivery.message_id
        for delivery in outbox.list_case_deliveries(tx, case[0].conversation_id)
        if delivery.attempts > 0
    }


def _decided_by_detail(decided_by: str | None) -> dict[str, str | int]:
    return {"decided_by": decided_by} if decided_by else {}


def _list_untold(case: Sequence[Delivery]) -> list[Delivery]:
    """List the searches of a case, newest first, of which their recipients may have to be told.

    A notice that came there took the place of those before it; one that has not left may leave at any moment. So of
    each authority these count: the newest that has left, and those after it.
    """
    ended = {delivery.in_reply_to for delivery in case if delivery.kind in ("LocatedNotice", "Withdrawal")}
    untold: list[Delivery] = []
    done: set[str] = set()
    for delivery in case:
        if delivery.kind in SEARCHES and delivery.recipient not in done:
            if delivery.message_id not in ended and not (
                delivery.state in (DeliveryState.WITHDRAWN, DeliveryState.CONCLUDED) and delivery.attempts == 0
            ):
                untold.append(delivery)
            if delivery.attempts > 0:
                done.add(delivery.recipient)
    return untold


def _build_stand_downs(
    gw: Gateway, case: Sequence[Delivery], open_ones: Sequence[Delivery], body: LocatedNotice
) -> list[Message]:
    sequence = {
        delivery.recipient: delivery.sequence for delivery in sorted(case, key=lambda delivery: delivery.sequence)
    }
    return [
        Message(
            replace(
                build_first_header(gw, delivery.conversation_id, delivery.recipient),
                sequence=sequence[delivery.recipient] + 1,
                in_reply_to=delivery.message_id,
                test=delivery.test,
            ),
            body,
        )
        for delivery in open_ones
    ]


def _first_for_each(notices: Sequence[QueuedNotice]) -> list[QueuedNotice]:
    """Return the first for each authority: the newest of the notices that left is the one that stands there."""
    return list({notice.recipient: notice for notice in reversed(notices)}.values())


def end_case_review(
    tx: Connection, gw: Gateway, conversation_id: str, reason: str, by: str, decided_by: str | None = None
) -> None:
    """End the review of this case, if it is under one."""
    if find_review(reviews.list_review_acts(tx, conversation_id)):
        reviews.add_review_act(
            tx, ReviewAct(conversation_id, gw.now(), ReviewActKind.ENDED, by, reason=reason, decided_by=decided_by)
        )


def release_all(gw: Gateway, recipient: str | None, by: str) -> int:
    """Try now what waits, and what was given up; return how many."""

    def write_release(tx: Connection) -> int:
        count = outbox.release_deliveries(tx, gw.now(), recipient)
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.released", by, partner=recipient, detail={"count": count})]
        )
        return count

    count = gw.store.run(write_release)
    gw.due.set()
    return count


def release_notice(gw: Gateway, message_id: str, by: str) -> None:
    """Try one message now, though it was given up.

    Raises NotFound, or NotAllowed where it neither waits nor was given up.
    """

    def write_retry(tx: Connection) -> None:
        sent = outbox.get_delivery(tx, message_id)
        if not outbox.release_delivery(tx, gw.now(), message_id):
            raise NotAllowed("retry.not-now", state=_name_status(sent))
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.retried", by, message_id, sent.recipient, sent.digest)]
        )

    gw.store.run(write_retry)
    gw.due.set()


def _get_amendable(gw: Gateway, message_id: str) -> Delivery:
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.kind not in OPENS_A_CASE:
        raise NotAllowed("amend.not-a-notice")
    return sent


def _withdraw_delivery(
    tx: Connection, gw: Gateway, sent: Delivery, by: str, reason: str, cause: str | None = None
) -> None:
    now, about, whom = gw.now(), sent.message_id, sent.recipient
    if not outbox.advance_delivery(tx, now, about, whom, DeliveryState.WITHDRAWN, reason=reason, cause=cause):
        raise too_late(_name_status(outbox.get_delivery(tx, sent.message_id)))
    entry = AuditEntry("notice.withdrawn", by, sent.message_id, sent.recipient, sent.digest, {"reason": reason})
    audit_log.append_entries(tx, gw.now(), [entry])


def _name_status(sent: Delivery) -> str:
    return labels.name_status("sent", sent.kind, sent.state, sent.cause)
