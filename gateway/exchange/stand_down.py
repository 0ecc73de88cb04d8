"""End a search, and tell everybody who was asked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.context import Gateway
from gateway.core import causes, labels
from gateway.core.causes import build_cause
from gateway.core.delivery import DeliveryState
from gateway.core.review import find_review
from gateway.errors import NotAllowed
from gateway.exchange.case_review import end_case_review
from gateway.exchange.prepare import build_first_header
from gateway.exchange.send import queue_messages, send_messages
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import Delivery, QueuedNotice
from schemas.message import SEARCHES, LocatedNotice, Message
from schemas.shapes import MessageId


def stand_down_search(
    gw: Gateway, name: str, body: LocatedNotice, by: str, *, decided_by: str | None = None
) -> list[MessageId]:
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
    open_ones, case_id = _list_untold(case), case[0].case_id
    if not open_ones and find_review(gw.store.look(lambda tx: reviews.list_review_acts(tx, case_id))) is None:
        raise NotAllowed("amend.told-already")

    def write_stand_down(tx: Tx, ready: Sequence[QueuedNotice]) -> list[MessageId]:
        now = gw.now()
        if {notice.message_id for notice in outbox.list_case_deliveries(tx, case_id)} != {
            notice.message_id for notice in case
        }:
            raise NotAllowed("amend.overtaken")
        left = _conclude_searches(
            tx, now, case, labels.explain_search_end(body.way), build_cause(causes.ENDED, body.way)
        )
        known = _first_for_each([notice for notice in ready if notice.in_reply_to in left])
        detail: dict[str, str | int] = {"told": len(known), "way": body.way}
        audit_log.append_entries(
            tx, now, [AuditEntry("case.stood-down", by, searches[0], detail=detail | _decided_by_detail(decided_by))]
        )
        end_case_review(tx, gw, case_id, body.way, by, decided_by)
        if known:
            queue_messages(tx, gw, known)
        return [notice.message_id for notice in known]

    return send_messages(gw, _build_stand_downs(gw, case, open_ones, body), by, write_stand_down)


def _conclude_searches(tx: Tx, now: datetime, case: Sequence[Delivery], reason: str, cause: str) -> set[MessageId]:
    """Conclude every search of a case, or keep it back; return the ids of what had left, read after the change."""
    searches = [delivery for delivery in case if delivery.kind in SEARCHES]
    # Or a statement would miss it there.
    outbox.withdraw_unsent(tx, now, [delivery.message_id for delivery in searches], reason, cause)
    for delivery in searches:
        outbox.advance_delivery(
            tx, now, delivery.message_id, delivery.recipient, DeliveryState.CONCLUDED, reason=reason, cause=cause
        )
    return {
        delivery.message_id for delivery in outbox.list_case_deliveries(tx, case[0].case_id) if delivery.attempts > 0
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
                build_first_header(gw, delivery.case_id, delivery.recipient),
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
