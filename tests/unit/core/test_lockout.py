"""When somebody is locked, and until when."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.lockout import LOCKED, TRIES, count_wrong_secret, is_locked

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def test_the_fifth_wrong_secret_in_a_row_locks_for_a_quarter_of_an_hour_and_the_count_begins_anew() -> None:
    failed, until = 0, None
    for number in range(1, TRIES):
        failed, until = count_wrong_secret(failed, NOW)
        assert (failed, until) == (number, None)
    assert count_wrong_secret(failed, NOW) == (0, NOW + timedelta(minutes=15))


@given(st.timedeltas(min_value=-LOCKED, max_value=LOCKED * 2))
def test_a_lock_holds_until_its_end_and_not_at_it(passed: timedelta) -> None:
    assert is_locked(NOW + LOCKED, NOW + passed) == (passed < LOCKED)
    assert not is_locked(None, NOW + passed)
