"""Working days and school days in England: over Christmas, Easter, a leap day and the change of the clocks."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.calendar import A_DAY, LONDON, Calendar, Span

PLAIN = Calendar()
TERMS = Calendar(
    terms=(Span(date(2026, 9, 2), date(2026, 12, 18)), Span(date(2027, 1, 4), date(2027, 3, 25))),
    breaks=(Span(date(2026, 10, 26), date(2026, 10, 30)),),
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        # Over a weekend.
        ("2026-11-20T15:00", 2, "2026-11-24T15:00"),
        # Boxing Day is a Saturday, so Monday is a holiday.
        ("2026-12-24T15:00", 1, "2026-12-29T15:00"),
        ("2026-12-18T09:00", 10, "2027-01-06T09:00"),
        # Good Friday to Easter Monday, and the clocks go forward.
        ("2027-03-25T09:00", 1, "2027-03-30T08:00"),
        # And back: ten o'clock in summer is ten o'clock in winter.
        ("2026-10-23T09:00", 1, "2026-10-26T10:00"),
        ("2028-02-28T09:00", 1, "2028-02-29T09:00"),
        # What begins on a Saturday.
        ("2026-11-21T12:00", 2, "2026-11-24T12:00"),
        ("2026-11-20T23:30", 0, "2026-11-20T23:30"),
        # Half past midnight on Friday, in London.
        ("2026-07-16T23:30", 1, "2026-07-19T23:30"),
    ],
)
def test_working_days_are_added(start: str, days: int, end: str) -> None:
    added = PLAIN.add_working_days(datetime.fromisoformat(f"{start}+00:00"), days)
    assert added == datetime.fromisoformat(f"{end}+00:00")


def test_a_day_on_which_the_office_is_closed_does_not_count() -> None:
    closed = Calendar(closed=frozenset({date(2026, 11, 25)}))
    assert closed.add_working_days(datetime(2026, 11, 24, 9, tzinfo=UTC), 1) == datetime(2026, 11, 26, 9, tzinfo=UTC)


def test_half_term_is_working_days_and_no_school_days() -> None:
    friday = datetime(2026, 10, 23, 9, tzinfo=UTC)
    assert TERMS.add_working_days(friday, 1).date() == date(2026, 10, 26)
    assert TERMS.add_school_days(friday, 1).date() == date(2026, 11, 2)
    assert TERMS.add_school_days(datetime(2026, 12, 18, 9, tzinfo=UTC), 1).date() == date(2027, 1, 4)


def test_beyond_the_terms_that_are_known_a_school_day_is_a_working_day() -> None:
    assert TERMS.is_school_day(date(2027, 8, 4))
    assert PLAIN.is_school_day(date(2026, 10, 26))


@given(MOMENTS, st.integers(1, 30))
def test_a_deadline_falls_on_a_working_day_at_the_same_hour_and_is_as_many_days_away(
    start: datetime, days: int
) -> None:
    end = PLAIN.add_working_days(start, days)
    assert PLAIN.is_working_day(end.astimezone(LONDON).date())
    assert end.astimezone(LONDON).time() == start.astimezone(LONDON).time()
    assert PLAIN.working_days_between(start, end) == days


@given(MOMENTS, st.integers(0, 30), st.integers(0, 1000))
def test_what_begins_later_ends_no_earlier(start: datetime, days: int, hours: int) -> None:
    later = start + timedelta(hours=24 * hours)
    assert PLAIN.add_school_days(later, days) >= PLAIN.add_school_days(start, days)


def spans(longest: int) -> st.SearchStrategy[Span]:
    """From some day of these two years, for so many days at most."""
    first = st.dates(date(2026, 1, 1), date(2027, 12, 31))
    return st.builds(lambda day, length: Span(day, day + timedelta(days=length)), first, st.integers(0, longest))


CALENDARS = st.builds(
    Calendar,
    st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=20),
    st.lists(spans(120), max_size=4).map(tuple),
    st.lists(spans(10), max_size=3).map(tuple),
)
SOON = st.datetimes(datetime(2025, 11, 1), datetime(2028, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def day_by_day(moment: datetime, days: int, counts: Callable[[date], bool]) -> datetime:
    """What adding days means: one day after another, until so many have counted."""
    local = moment.astimezone(LONDON)
    day = local.date()
    while days > 0:
        day += A_DAY
        days -= counts(day)
    return datetime.combine(day, local.timetz()).astimezone(UTC)


@given(CALENDARS, SOON, st.integers(0, 60))
def test_days_are_added_as_they_would_be_one_by_one(calendar: Calendar, start: datetime, days: int) -> None:
    assert calendar.add_working_days(start, days) == day_by_day(start, days, calendar.is_working_day)
    assert calendar.add_school_days(start, days) == day_by_day(start, days, calendar.is_school_day)


@given(CALENDARS, SOON, SOON)
def test_days_are_counted_as_they_would_be_one_by_one(calendar: Calendar, start: datetime, end: datetime) -> None:
    first, last = start.astimezone(LONDON).date(), end.astimezone(LONDON).date()
    one_by_one = sum(calendar.is_working_day(first + A_DAY * n) for n in range(1, (last - first).days + 1))
    assert calendar.working_days_between(start, end) == one_by_one


def test_each_calendar_keeps_its_own_days() -> None:
    friday, one, other = datetime(2026, 11, 27, 9, tzinfo=UTC), Calendar(), Calendar(frozenset({date(2026, 11, 30)}))
    assert one.add_working_days(friday, 1).day == 30
    assert other.add_working_days(friday, 1).day == 1
