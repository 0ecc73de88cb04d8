"""When somebody is warned of an end: sixty, thirty and seven days before it."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.expiry import ExpiryLevel, count_days_left, get_expiry_level

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "how"),
    [
        (61, ExpiryLevel.NOT_YET),
        (60, ExpiryLevel.SOON),
        (31, ExpiryLevel.SOON),
        (30, ExpiryLevel.NOW),
        (8, ExpiryLevel.NOW),
        (7, ExpiryLevel.AT_ONCE),
        (0.1, ExpiryLevel.AT_ONCE),
        (0, ExpiryLevel.ENDED),
        (-3, ExpiryLevel.ENDED),
    ],
)
def test_an_end_presses_more_the_nearer_it_is(days: float, how: ExpiryLevel) -> None:
    assert get_expiry_level(NOW + timedelta(days=days), NOW) is how


def test_days_are_whole_and_never_less_than_none() -> None:
    assert [count_days_left(NOW + timedelta(hours=hours), NOW) for hours in (49, 24, 23, -24)] == [2, 1, 0, 0]
