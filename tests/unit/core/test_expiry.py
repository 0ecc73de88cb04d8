"""When somebody is warned of an end: sixty, thirty and seven days before it."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.expiry import Presses, days_left, presses

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "how"),
    [
        (61, Presses.NOT_YET),
        (60, Presses.SOON),
        (31, Presses.SOON),
        (30, Presses.NOW),
        (8, Presses.NOW),
        (7, Presses.AT_ONCE),
        (0.1, Presses.AT_ONCE),
        (0, Presses.ENDED),
        (-3, Presses.ENDED),
    ],
)
def test_an_end_presses_more_the_nearer_it_is(days: float, how: Presses) -> None:
    assert presses(NOW + timedelta(days=days), NOW) is how


def test_days_are_whole_and_never_less_than_none() -> None:
    assert [days_left(NOW + timedelta(hours=hours), NOW) for hours in (49, 24, 23, -24)] == [2, 1, 0, 0]
