"""Moments are told in UK time, also in summer, and at the hours around noon and midnight."""

from datetime import UTC, datetime

import pytest

from gateway.core.moments import format_moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 28, 7, 59, tzinfo=UTC), "28 November 2026 at 7:59am"),
        (datetime(2026, 7, 1, 7, 59, tzinfo=UTC), "1 July 2026 at 8:59am"),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "2 July 2026 at 12:30am"),
        (datetime(2026, 7, 1, 11, 5, tzinfo=UTC), "1 July 2026 at 12:05pm"),
        # The hour that comes twice.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
    ],
)
def test_a_moment_is_told_in_uk_time(moment: datetime, text: str) -> None:
    assert format_moment(moment) == text
