"""How long a case is kept: nothing that anybody waits for is ever due, and what ended is due after its days."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.delivery import DeliveryState
from gateway.core.duties import find_missing_on_received, find_missing_on_sent
from gateway.core.figures import find_duration_band
from gateway.core.inbox_state import TASKS, InboxState
from gateway.core.kept_figures import FigureTopic, find_band, list_body_figures
from gateway.core.retention import (
    OpenWork,
    RetainedCase,
    RetainedMessage,
    RetentionStage,
    find_purge_day,
    is_purge_due,
    judge_case,
)
from schemas.message import KINDS, Message, MessageKind, WhereaboutsUnknownNotice
from schemas.shapes import CaseId
from tests.children import notice

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
KIND: st.SearchStrategy[MessageKind] = st.sampled_from(sorted(KINDS))
MOMENT = st.integers(0, 400 * 24).map(lambda hours: NOW - timedelta(hours=hours))
SENT = st.builds(
    RetainedMessage,
    st.just("sent"),
    KIND,
    st.sampled_from(DeliveryState),
    MOMENT,
    MOMENT,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
CAME = st.builds(RetainedMessage, st.just("came"), KIND, st.sampled_from(InboxState), MOMENT, MOMENT, st.booleans())
CASE = st.builds(
    RetainedCase,
    st.just(CaseId("c1")),
    st.lists(SENT | CAME, min_size=1, max_size=5),
    st.none() | MOMENT,
    st.frozensets(st.sampled_from(OpenWork), max_size=1),
    st.booleans(),
)
DAYS = st.integers(14, 400)


def is_owed(message: RetainedMessage) -> bool:
    """As `core.duties` says it, for what is no test."""
    if message.test:
        return False
    if isinstance(message.state, InboxState):
        return find_missing_on_received(message.kind, message.state) is not None or message.state in TASKS
    missing = find_missing_on_sent(message.kind, message.state, sealed=message.sealed, handed_over=message.handed_over)
    return missing is not None


@given(CASE, DAYS)
def test_what_somebody_waits_for_or_what_is_held_is_never_due(case: RetainedCase, days: int) -> None:
    judged = judge_case(case, days, NOW)
    if case.held:
        assert judged.stage is RetentionStage.HELD
    if case.work or any(map(is_owed, case.messages)):
        assert judged.stage in (RetentionStage.OPEN, RetentionStage.HELD)
        assert judged.purge_at is None


@given(CASE, DAYS)
def test_what_ended_is_due_that_many_days_after_the_last_thing_in_it(case: RetainedCase, days: int) -> None:
    judged = judge_case(case, days, NOW)
    if judged.purge_at is None or judged.ended_at is None:
        return
    moments = [moment for message in case.messages for moment in (message.at, message.state_at)]
    assert judged.ended_at == max([*moments, *([case.noted_at] if case.noted_at else [])])
    assert judged.purge_at == judged.ended_at + timedelta(days=days)
    if not case.held:
        assert (judged.stage is RetentionStage.DUE) == (judged.purge_at <= NOW)


@given(CASE, DAYS, st.integers(0, 1000))
def test_a_case_that_is_due_stays_due_and_a_hold_alone_keeps_it(case: RetainedCase, days: int, later: int) -> None:
    judged = judge_case(case, days, NOW)
    if judged.stage is RetentionStage.DUE:
        assert judge_case(case, days, NOW + timedelta(days=later)).stage is RetentionStage.DUE
        assert judge_case(replace(case, held=True), days, NOW).stage is RetentionStage.HELD


@given(MOMENT)
def test_the_day_that_is_named_is_that_of_the_first_purge_which_may_take_it(purge_at: datetime) -> None:
    day = find_purge_day(purge_at)
    nights = [datetime.combine(day + timedelta(days=n), datetime.min.time(), UTC) for n in (-1, 0, 1)]
    # A night's purge begins at two in London, which is one or two in UTC.
    assert nights[0] + timedelta(hours=1) < purge_at <= nights[1] + timedelta(hours=2)


def test_the_purge_is_due_once_a_night() -> None:
    two = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert is_purge_due(two, None)
    assert is_purge_due(two, two - timedelta(minutes=1))
    assert not is_purge_due(two, two)
    assert not is_purge_due(two + timedelta(hours=23), two + timedelta(minutes=3))
    assert is_purge_due(two + timedelta(hours=24), two + timedelta(minutes=3))
    # One that was missed is done at the next look, by day.
    assert is_purge_due(two + timedelta(hours=9), two - timedelta(hours=1))
    # In summer two in London is one in UTC.
    assert is_purge_due(datetime(2026, 7, 1, 1, 0, tzinfo=UTC), datetime(2026, 7, 1, 0, 59, tzinfo=UTC))


@given(st.dates(date(2024, 1, 1), date(2026, 11, 1)), st.integers(0, 800), st.none() | st.integers(0, 800))
def test_a_time_that_was_kept_is_in_the_same_band_in_every_report(since: date, length: int, ended: int | None) -> None:
    body = notice(name="whereabouts-unknown-notice").body
    assert isinstance(body, WhereaboutsUnknownNotice)
    message = Message(notice().header, replace(body, unknown_since=since))
    end = since + timedelta(days=ended) if ended is not None else None
    until = since + timedelta(days=length)
    [(topic, code)] = list_body_figures(message, end)
    assert topic is FigureTopic.UNKNOWN_TIME
    assert find_band(code, until) == find_duration_band(since, min(end, until) if end else until)
