"""What may stand beside what was seen, and what may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.core.checkpoint_rules import GRACE, LogContradiction, SeenCheckpoint, find_contradiction

MORNING = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FIVE = SeenCheckpoint(5, b"five", "note of five", MORNING)
NINE = SeenCheckpoint(9, b"nine", "note of nine", MORNING)


def test_a_larger_one_may_stand_until_its_proof_is_asked_for() -> None:
    assert find_contradiction(NINE, same_size=None, largest=FIVE) is None
    assert find_contradiction(FIVE, same_size=None, largest=None) is None


def test_the_same_again_is_nothing_new() -> None:
    assert find_contradiction(replace(FIVE, made_at=MORNING + timedelta(days=1)), same_size=FIVE, largest=FIVE) is None


def test_one_size_with_two_roots_is_a_fork_whenever_it_comes() -> None:
    other = replace(FIVE, root=b"other")
    assert find_contradiction(other, same_size=FIVE, largest=NINE) is LogContradiction.FORK
    assert (
        find_contradiction(replace(other, made_at=MORNING - timedelta(days=9)), same_size=FIVE, largest=NINE)
        is LogContradiction.FORK
    )


def test_a_smaller_one_that_was_made_before_only_came_late() -> None:
    for made_at in (MORNING - timedelta(hours=3), MORNING, MORNING + GRACE):
        assert find_contradiction(replace(FIVE, made_at=made_at), same_size=None, largest=NINE) is None


def test_a_smaller_one_that_was_made_well_after_is_a_rollback() -> None:
    late = replace(FIVE, made_at=MORNING + GRACE + timedelta(seconds=1))
    assert find_contradiction(late, same_size=None, largest=NINE) is LogContradiction.ROLLBACK
