"""The life of a delivery: which moves are legal, and how patient we are."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.delivery import LONGEST_WAIT, MOVES, PATIENCE, DeliveryState, get_next_attempt, list_origins, may_move

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_every_state_has_its_moves_and_what_is_concluded_stays_so() -> None:
    assert MOVES.keys() == set(DeliveryState)
    assert not MOVES[DeliveryState.CONCLUDED]
    assert not may_move(DeliveryState.RECEIVED, DeliveryState.QUEUED)


def test_every_state_but_the_first_can_be_reached_from_queued() -> None:
    assert MOVES[DeliveryState.QUEUED] == set(DeliveryState) - {DeliveryState.QUEUED}
    assert DeliveryState.QUEUED in list_origins(DeliveryState.RECEIVED)


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True), st.timedeltas(timedelta(0), PATIENCE))
def test_a_wait_is_never_shorter_than_two_seconds_nor_much_longer_than_a_quarter_of_an_hour(
    attempts: int, jitter: float, age: timedelta
) -> None:
    due = get_next_attempt(attempts, queued_at=NOW - age, now=NOW, jitter=jitter)
    if age >= PATIENCE:
        assert due is None
    else:
        assert due is not None
        assert timedelta(seconds=2) <= due - NOW <= LONGEST_WAIT * 1.5


def test_what_the_partner_asks_for_is_honoured_up_to_the_longest_wait() -> None:
    asked = get_next_attempt(1, queued_at=NOW, now=NOW, jitter=0, after=timedelta(minutes=5))
    assert asked == NOW + timedelta(minutes=5)
    greedy = get_next_attempt(1, queued_at=NOW, now=NOW, jitter=0, after=timedelta(days=5))
    assert greedy == NOW + LONGEST_WAIT
