"""The acts of the fourteen-day review: began, done, ended. Of the child nothing stands here but the id of the case."""

from collections.abc import Collection
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from gateway.core.review import ReviewAct, ReviewActKind
from gateway.store.rows import get_values, list_columns
from gateway.store.tables import reviews
from schemas.shapes import CaseId

_VIEW = list_columns(reviews, ReviewAct)
_later = reviews.alias("later")


def add_review_act(tx: Connection, act: ReviewAct) -> None:
    """Add one act."""
    tx.execute(insert(reviews), get_values(act))


def begin_reviews(tx: Connection, now: datetime, cases: Collection[CaseId], by: str) -> None:
    """Put these cases under review, as far as they are under none."""
    under = {act.case_id for act in _read_acts(tx, _select_since_end().where(reviews.c.case_id.in_(cases)))}
    for case in dict.fromkeys(cases):
        if case not in under:
            add_review_act(tx, ReviewAct(case, now, ReviewActKind.BEGAN, by))


def list_review_acts(tx: Connection, case_id: CaseId) -> list[ReviewAct]:
    """List every act in the review of a case, oldest first."""
    mine = select(*_VIEW).where(reviews.c.case_id == case_id).order_by(reviews.c.number)
    return _read_acts(tx, mine)


def list_open_reviews(tx: Connection) -> list[list[ReviewAct]]:
    """List for each case that is under review its acts since that began, oldest first."""
    acts = _read_acts(tx, _select_since_end().order_by(reviews.c.case_id, reviews.c.number))
    return [list(those) for _, those in groupby(acts, key=lambda act: act.case_id)]


def _select_since_end() -> Select[Any]:
    ended = select(_later.c.number).where(
        _later.c.case_id == reviews.c.case_id,
        _later.c.kind == ReviewActKind.ENDED,
        _later.c.number >= reviews.c.number,
    )
    return select(*_VIEW).where(~ended.exists())


def _read_acts(tx: Connection, query: Select[Any]) -> list[ReviewAct]:
    return [ReviewAct(**{**row._mapping, "kind": ReviewActKind(row.kind)}) for row in tx.execute(query)]
