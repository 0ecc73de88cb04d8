"""What of a case stands on one page: what decides is whole, nothing is left out between, and no page is too full."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.case_sheet import (
    GAP,
    LETTERS,
    LINE,
    LONGEST_DETAIL,
    MOST_NOTICES,
    ROOM,
    SheetPlan,
    measure_text,
    plan_sheet,
    shorten_detail,
)

TEXTS = st.lists(st.integers(0, 400).map("x".__mul__), max_size=60)


@given(st.lists(st.integers(0, 200).map("x".__mul__), max_size=10), TEXTS, TEXTS)
def test_what_is_planned_fits_and_one_more_would_not(fixed: list[str], notices: list[str], steps: list[str]) -> None:
    plan = plan_sheet(fixed, notices, steps)
    used = [*fixed, *notices[: plan.notices], *steps[: plan.steps]]
    assert sum(map(measure_text, used)) <= max(ROOM, sum(map(measure_text, fixed)))
    assert plan.notices <= MOST_NOTICES
    if plan.steps < len(steps):
        assert sum(map(measure_text, [*used, steps[plan.steps]])) > ROOM


def test_a_short_case_is_whole() -> None:
    assert plan_sheet(["Born"] * 7, ["Correction", "Enquiry"], ["Accepted"] * 20) == SheetPlan(2, 20)


def test_notices_leave_room_for_the_timeline() -> None:
    long, short = "x" * LETTERS * 9, "Accepted"
    plan = plan_sheet([], [long] * 20, [short] * 90)
    assert plan == SheetPlan(2, (ROOM - 2 * measure_text(long)) // measure_text(short))


def test_a_line_is_full_at_its_last_letter() -> None:
    lengths = (0, 1, LETTERS, LETTERS + 1)
    assert [(measure_text("x" * letters) - GAP) // LINE for letters in lengths] == [1, 1, 1, 2]


@given(st.text())
def test_a_detail_is_one_line_and_never_longer_than_there_is_room(text: str) -> None:
    short = shorten_detail(text)
    assert len(short) <= LONGEST_DETAIL + len(" ...")
    assert short == " ".join(short.split())


def test_a_detail_is_cut_at_a_space_and_says_so() -> None:
    assert shorten_detail("Curtains drawn;\nneighbour says Tuesday") == "Curtains drawn; neighbour says Tuesday"
    cut = shorten_detail("word " * 60)
    assert cut.endswith("word ...")
    assert shorten_detail("x" * 500) == "x" * LONGEST_DETAIL + " ..."
