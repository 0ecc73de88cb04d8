"""The review of a search, as the exchange begins and ends it with what is sent."""

from sqlalchemy import Connection

from gateway.context import Gateway
from gateway.core.review import ReviewAct, ReviewActKind, find_review
from gateway.store import reviews
from schemas.shapes import CaseId


def end_case_review(
    tx: Connection, gw: Gateway, conversation_id: CaseId, reason: str, by: str, decided_by: str | None = None
) -> None:
    """End the review of this case, if it is under one."""
    if find_review(reviews.list_review_acts(tx, conversation_id)):
        reviews.add_review_act(
            tx, ReviewAct(conversation_id, gw.now(), ReviewActKind.ENDED, by, reason=reason, decided_by=decided_by)
        )
