"""The review of a search, as the exchange begins and ends it with what is sent."""

from collections.abc import Sequence

from gateway.context import SYSTEM, Gateway
from gateway.core.review import ReviewAct, ReviewActKind, find_review
from gateway.store import reviews
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from schemas.message import SEARCHES
from schemas.shapes import CaseId


def begin_case_reviews(tx: Tx, gw: Gateway, notices: Sequence[QueuedNotice]) -> None:
    """Begin the fourteen-day review of each case in which one of these is a search, unless it is a test."""
    if searches := [notice.case_id for notice in notices if notice.kind in SEARCHES and not notice.test]:
        reviews.begin_reviews(tx, gw.now(), searches, SYSTEM)


def end_case_review(tx: Tx, gw: Gateway, case_id: CaseId, reason: str, by: str, decided_by: str | None = None) -> None:
    """End the review of this case, if it is under one."""
    if find_review(reviews.list_review_acts(tx, case_id)):
        reviews.add_review_act(
            tx, ReviewAct(case_id, gw.now(), ReviewActKind.ENDED, by, reason=reason, decided_by=decided_by)
        )
