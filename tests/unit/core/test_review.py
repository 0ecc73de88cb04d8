"""When a review is due: every fourteen calendar days in London, whatever the clocks and the calendar do."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.calendar import LONDON
from gateway.core.review import EVERY, Review, ReviewAct, ReviewActKind, find_review, to_london_day
from schemas.shapes import CaseId

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def act(kind: ReviewActKind, at: datetime) -> ReviewAct:
    return ReviewAct(CaseId("case"), at, kind, "tara")


def under(*acts: ReviewAct) -> Review:
    review = find_review(acts)
    assert review is not None
    return review


@pytest.mark.parametrize(
    ("began", "due"),
    [
        ("2026-11-24T09:00", date(2026, 12, 8)),
        # A Saturday stays a Saturday.
        ("2026-11-21T09:00", date(2026, 12, 5)),
        # The clocks go forward.
        ("2026-03-20T09:00", date(2026, 4, 3)),
        # And back.
        ("2026-10-20T09:00", date(2026, 11, 3)),
        # In London it is the 17th already.
        ("2026-07-16T23:30", date(2026, 7, 31)),
        ("2026-01-16T23:30", date(2026, 1, 30)),
        # A leap day.
        ("2028-02-20T09:00", date(2028, 3, 5)),
        ("2027-02-20T09:00", date(2027, 3, 6)),
        ("2026-12-24T09:00", date(2027, 1, 7)),
    ],
)
def test_the_first_review_is_fourteen_days_after_the_search_began(began: str, due: date) -> None:
    review = under(act(ReviewActKind.BEGAN, datetime.fromisoformat(f"{began}+00:00")))
    assert review.due_on == due
    assert not review.is_due(due - timedelta(days=1))
    assert review.is_due(due)
    assert not review.is_overdue(due)
    assert review.is_overdue(due + timedelta(days=1))


@given(began=MOMENTS, waits=st.lists(st.timedeltas(timedelta(0), timedelta(days=60)), max_size=6))
def test_the_next_is_fourteen_days_after_the_last_was_done_early_or_late(
    began: datetime, waits: list[timedelta]
) -> None:
    moments = [began]
    for wait in waits:
        moments.append(moments[-1] + wait)
    review = under(act(ReviewActKind.BEGAN, began), *(act(ReviewActKind.DONE, at) for at in moments[1:]))
    assert review.due_on - moments[-1].astimezone(LONDON).date() == EVERY
    assert (review.done, review.since) == (len(waits), to_london_day(began))
    assert (review.last.at if review.last else began) == moments[-1]


@given(kinds=st.lists(st.sampled_from(ReviewActKind), max_size=12), began=MOMENTS)
def test_it_is_under_review_from_a_beginning_to_the_next_end(kinds: list[ReviewActKind], began: datetime) -> None:
    acts = [act(kind, began + timedelta(days=number)) for number, kind in enumerate(kinds)]
    review = find_review(acts)
    last_end = max((number for number, kind in enumerate(kinds) if kind is ReviewActKind.ENDED), default=-1)
    since = [number for number, kind in enumerate(kinds) if kind is ReviewActKind.BEGAN and number > last_end]
    assert (review is not None) == bool(since)
    if review:
        assert review.since == to_london_day(acts[since[0]].at)
        assert review.done == sum(kind is ReviewActKind.DONE for kind in kinds[since[0] :])
