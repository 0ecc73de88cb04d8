"""When somebody is warned of an end: sixty, thirty, fourteen and seven days before it, and then each day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import labels
from gateway.core.expiry import (
    RULES,
    Expiry,
    ExpiryKind,
    ExpiryLevel,
    check_expiry,
    check_own_expiry,
    count_days_left,
    find_warning_due,
    get_expiry_level,
)
from gateway.core.findings import FindingLevel

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "how", "warned"),
    [
        (60.1, ExpiryLevel.NOT_YET, None),
        (60, ExpiryLevel.SOON, 60),
        (30.1, ExpiryLevel.SOON, 60),
        (30, ExpiryLevel.NOW, 30),
        (14.1, ExpiryLevel.NOW, 30),
        (14, ExpiryLevel.SHORTLY, 14),
        (7.1, ExpiryLevel.SHORTLY, 14),
        (7, ExpiryLevel.AT_ONCE, 7),
        (6.1, ExpiryLevel.AT_ONCE, 7),
        (6, ExpiryLevel.AT_ONCE, 6),
        (0.1, ExpiryLevel.AT_ONCE, 1),
        (0, ExpiryLevel.ENDED, 0),
        (-3, ExpiryLevel.ENDED, 0),
    ],
)
def test_an_end_presses_more_the_nearer_it_is(days: float, how: ExpiryLevel, warned: int | None) -> None:
    ends = NOW + timedelta(days=days)
    assert (get_expiry_level(ends, NOW), find_warning_due(ends, NOW)) == (how, warned)


def test_the_warnings_fall_due_on_those_days_and_no_others() -> None:
    hours = (find_warning_due(NOW + timedelta(hours=left), NOW) for left in range(24 * 70, -48, -1))
    assert list(dict.fromkeys(hours)) == [None, 60, 30, 14, 7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("life", "warnings"),
    [
        (400, [None, 60, 30, 14, *range(7, -1, -1)]),
        (119, [None, 30, 14, *range(7, -1, -1)]),
        (90, [None, 30, 14, *range(7, -1, -1)]),
        (28, [None, 14, *range(7, -1, -1)]),
        # However short: it is said.
        (10, [None, *range(7, -1, -1)]),
    ],
)
def test_what_lives_for_a_short_time_is_warned_of_in_the_second_half_of_it(
    life: int, warnings: list[int | None]
) -> None:
    lives = timedelta(days=life)
    hours = [NOW + timedelta(hours=left) for left in range(24 * life, -48, -1)]
    assert list(dict.fromkeys(find_warning_due(ends, NOW, lives) for ends in hours)) == warnings
    levels = [get_expiry_level(ends, NOW, lives) for ends in hours]
    assert levels == sorted(levels)
    assert levels[0] is ExpiryLevel.NOT_YET


def test_days_are_whole_and_never_less_than_none() -> None:
    assert [count_days_left(NOW + timedelta(hours=hours), NOW) for hours in (49, 24, 23, -24)] == [2, 1, 0, 0]


@given(st.floats(-100, 400))
def test_an_end_never_gets_better_as_it_comes_nearer(days: float) -> None:
    levels = list(FindingLevel)
    today, tomorrow = (
        check_expiry("card", NOW + timedelta(days=left), NOW, "renew").level for left in (days, days - 1)
    )
    assert levels.index(tomorrow) >= levels.index(today)


# How a directory stands is a finding of its own: `core/directory_rules`.
@pytest.mark.parametrize("kind", sorted(set(ExpiryKind) - {ExpiryKind.DIRECTORY}))
def test_each_kind_has_a_name_and_says_what_to_do(kind: ExpiryKind) -> None:
    found = check_own_expiry(Expiry("333", kind, "1", NOW + timedelta(days=20)), NOW)
    assert (found.level, found.sentence) == (FindingLevel.WARN, "Expires soon, on 14 Dec 2026, in 20 days.")
    assert found.next_on_page
    assert "`" not in found.next_on_page
    assert found.label != found.name
    assert labels.name_expiry(kind)
    assert RULES.keys() == set(ExpiryKind)
