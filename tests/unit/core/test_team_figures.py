"""The manager's figures: each is the count of its list, and nothing is counted as late and as due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.inbox_order import NOBODY, DueWhen, InboxFilter, WaitingMessage
from gateway.core.periods import find_week_end, is_within_week
from gateway.core.team_figures import DueCount, OwedBetween, count_by_authority, count_by_officer, count_due
from tests.unit.core.test_inbox_order import LISTS, MOMENTS, NOW, PEOPLE, PLAIN


@given(LISTS)
def test_each_figure_of_an_officer_is_the_count_of_the_list_to_which_it_leads(messages: list[WaitingMessage]) -> None:
    figures = count_by_officer(messages, PEOPLE, NOW)
    assert [name for name, _ in figures] == [*PEOPLE, NOBODY]
    for name, count in figures:
        for number, due in ((count.whole, ""), (count.late, DueWhen.LATE), (count.week, DueWhen.WEEK)):
            assert number == sum(InboxFilter(officer=name, due=due).has_message(it, NOW) for it in messages)


@given(st.lists(st.none() | MOMENTS))
def test_what_is_late_is_not_due_this_week_as_well(moments: list[datetime | None]) -> None:
    count = count_due(moments, NOW)
    assert count.late + count.week <= count.whole == len(moments)


def test_what_two_people_have_counts_for_both_and_what_nobody_has_for_nobody() -> None:
    both = replace(PLAIN, assigned=frozenset({"olive"}), stand_ins=frozenset({"mona"}))
    late = replace(PLAIN, due_at=NOW)
    one = DueCount(1, 0, 1)
    assert count_by_officer([both, late], ("olive", "mona", "otto"), NOW) == [
        ("olive", one),
        ("mona", one),
        ("otto", DueCount(0, 0, 0)),
        (NOBODY, DueCount(1, 1, 0)),
    ]


def test_each_authority_has_what_it_owes_us_and_what_we_owe_it() -> None:
    late, young = NOW - timedelta(days=1), NOW + timedelta(days=90)
    owed = [("885", "them", late), ("330", "us", young), ("885", "us", late), ("885", "them", young)]
    assert count_by_authority(owed, NOW) == [
        OwedBetween("330", DueCount(0, 0, 0), DueCount(1, 0, 0)),
        OwedBetween("885", DueCount(2, 1, 0), DueCount(1, 1, 0)),
    ]


def test_a_week_ends_with_its_sunday_in_london() -> None:
    # Half past eleven on Sunday evening in summer, which is half past ten in UTC; and half an hour later.
    sunday = datetime(2026, 7, 5, 22, 30, tzinfo=UTC)
    for now in (datetime(2026, 6, 29, 8, tzinfo=UTC), sunday - timedelta(minutes=1)):
        assert find_week_end(now).isoformat() == "2026-07-05"
        assert is_within_week(sunday, now)
        assert not is_within_week(sunday + timedelta(minutes=30), now)
    assert not is_within_week(sunday, sunday)
    assert find_week_end(sunday + timedelta(minutes=30)).isoformat() == "2026-07-12"
