"""What is counted for an officer, and when they are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import labels, labels_en
from gateway.core.calendar import LONDON
from gateway.core.officer_news import (
    ANSWERS,
    AT_MOST_EVERY,
    FAILURES,
    NEWS_ACTS,
    MailChoice,
    NewsEntry,
    NewsKind,
    NewsReader,
    count_news,
    is_time_to_tell,
)
from schemas.message import KINDS, OPENS_A_CASE, MessageKind
from schemas.shapes import CaseId

CASE, OTHER = CaseId("case-1"), CaseId("case-2")
OLIVE, OTTO = NewsReader("olive"), NewsReader("otto", frozenset({CASE}))
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def came(number: int, kind: MessageKind, **more: object) -> NewsEntry:
    return NewsEntry(number, "message.kept", f"m{number}", case=CASE, kind=kind, **more)  # type: ignore[arg-type]


def test_new_notices_are_counted_and_the_urgent_of_them_once() -> None:
    entries = [
        came(1, "TransferNotice"),
        came(2, "TransferNotice", restriction="phone-only"),
        came(3, "WhereaboutsEnquiry"),
        # The same restricted notice is about the safety of a child too.
        NewsEntry(4, "notice.urgent", "m2", case=CASE, kind="TransferNotice", restriction="phone-only"),
    ]
    assert count_news(entries, OLIVE) == {NewsKind.NOTICES: 3, NewsKind.URGENT: 1}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_notice_an_answer_or_nothing(kind: MessageKind) -> None:
    wanted = NewsKind.NOTICES if kind in OPENS_A_CASE else NewsKind.ANSWERS if kind in ANSWERS else None
    assert count_news([came(1, kind)], OLIVE) == ({wanted: 1} if wanted else {})


def test_a_case_is_told_to_whom_it_was_assigned_by_somebody_else() -> None:
    entries = [
        NewsEntry(1, "case.assigned", CASE, to="otto", actor="olive"),
        NewsEntry(2, "case.assigned", OTHER, to="olive", actor="olive"),
    ]
    assert count_news(entries, OTTO) == {NewsKind.ASSIGNED: 1}
    assert count_news(entries, OLIVE) == {}


@pytest.mark.parametrize("act", FAILURES)
def test_what_was_not_delivered_is_counted_once(act: str) -> None:
    failed = [NewsEntry(number, act, "m1", case=CASE, kind="Outcome") for number in (1, 2)]
    assert count_news(failed, OLIVE) == {NewsKind.FAILED: 1}


@given(st.sampled_from(NEWS_ACTS), st.sampled_from(KINDS), st.booleans())
def test_who_sees_some_cases_is_told_of_no_other_and_nobody_of_a_test(act: str, kind: MessageKind, test: bool) -> None:
    entry = NewsEntry(1, act, "m1", to="nobody", case=OTHER, kind=kind, test=test)
    assert count_news([entry], OTTO) == {}
    if test:
        assert count_news([entry], OLIVE) == {}


@given(
    st.sampled_from(MailChoice),
    st.sampled_from(["00:00", "08:00", "12:00", "23:59"]),
    st.none() | st.timedeltas(timedelta(days=-3), timedelta(days=3)),
    st.booleans(),
)
def test_nobody_is_told_twice_in_ten_minutes(
    choice: MailChoice, daily_at: str, ago: timedelta | None, failing: bool
) -> None:
    begun_at = None if ago is None else NOON - ago
    told = is_time_to_tell(choice, daily_at, begun_at, NOON, failing=failing)
    if choice is MailChoice.NONE or (ago is not None and timedelta(0) <= ago < AT_MOST_EVERY):
        assert not told
    if choice is MailChoice.AT_ONCE and (ago is None or ago >= AT_MOST_EVERY):
        assert told


def test_a_daily_email_is_for_once_a_day_at_its_time_in_winter_and_summer() -> None:
    for day in (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)):
        told, begun_at = [], day
        for minutes in range(0, 3 * 24 * 60, 5):
            now = day + timedelta(minutes=minutes)
            if is_time_to_tell(MailChoice.DAILY, "08:00", begun_at, now, failing=False):
                told.append(now)
                begun_at = now
        assert [at.astimezone(LONDON).strftime("%H:%M") for at in told] == ["08:00"] * 3


def test_what_is_told_has_words_of_one_and_of_many() -> None:
    for kind in NewsKind:
        assert labels.write_news_part(kind, 1).startswith("1 ")
        assert labels.write_news_part(kind, 2).startswith("2 ")
    assert set(labels_en.MAIL_CHOICES) == set(MailChoice)
