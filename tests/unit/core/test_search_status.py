"""How widely a search has gone, and how whoever was asked stands in it."""

import pytest

from gateway.core.delivery import DeliveryState
from gateway.core.search_status import ANSWERS, OUTCOMES, AnswerState, find_answer_state, find_circulation
from schemas import codes

ENGLAND = frozenset(codes.get_labels("authorities_live"))
MIDLANDS = codes.list_regions()["West Midlands"]


def test_england_is_a_hundred_and_fifty_three_authorities_in_nine_regions() -> None:
    by_region = {name: those for name, those in codes.list_regions().items() if name != "Wales"}
    assert len(by_region) == 9
    assert frozenset().union(*by_region.values()) == ENGLAND
    assert len(ENGLAND) == 153
    assert len(codes.list_regions()["Wales"]) == 22


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"885"}, "named"),
        ({"885", "330"}, "several"),
        (MIDLANDS, "region"),
        (MIDLANDS - {"333"}, "region"),
        # One of them could not be reached.
        (MIDLANDS - {"333", "330"}, "several"),
        (MIDLANDS | {"201"}, "several"),
        (codes.list_regions()["Wales"], "region"),
        (ENGLAND, "all-authorities"),
        (ENGLAND - {"333"}, "all-authorities"),
        (ENGLAND - {"333", "201"}, "several"),
        (ENGLAND | {"660"}, "all-authorities"),
    ],
)
def test_a_circulation_says_no_more_than_is_so(asked: set[str], code: str) -> None:
    assert find_circulation(asked, "333") == code


def test_every_circulation_is_in_the_code_list() -> None:
    assert set(codes.get_labels("circulations")) == {"named", "several", "region", "all-authorities"}


def test_an_answer_counts_for_more_than_how_far_the_notice_came() -> None:
    for state in DeliveryState:
        for answer, stands in ANSWERS.items():
            assert find_answer_state(state, answer, sealed=True) is stands
        assert find_answer_state(state, None, sealed=True) not in (
            AnswerState.FOUND,
            AnswerState.RING,
            AnswerState.NO_TRACE,
        )


def test_the_answers_are_those_of_the_code_lists() -> None:
    assert set(ANSWERS) == set(codes.get_labels("whereabouts_results"))


@pytest.mark.parametrize(
    ("state", "sealed", "stands"),
    [
        (DeliveryState.SENT, True, AnswerState.UNDER_WAY),
        # A letter has no receipt.
        (DeliveryState.SENT, False, AnswerState.LETTER),
        (DeliveryState.RECEIVED, True, AnswerState.HAS_IT),
        (DeliveryState.ACKNOWLEDGED, True, AnswerState.HAS_IT),
        (DeliveryState.ACCEPTED_BY_MAIL, False, AnswerState.BY_MAIL),
        (DeliveryState.FAILED, True, AnswerState.GIVEN_UP),
    ],
)
def test_without_an_answer_it_is_said_how_far_the_notice_came(
    state: DeliveryState, sealed: bool, stands: AnswerState
) -> None:
    assert find_answer_state(state, None, sealed=sealed) is stands


def test_each_outcome_says_where_the_child_is() -> None:
    assert set(OUTCOMES) == set(codes.get_labels("outcomes"))
    assert set(OUTCOMES.values()) <= set(ANSWERS)
