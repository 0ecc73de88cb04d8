"""How widely a search has gone, and how whoever was asked stands in it."""

import pytest

from gateway.core.delivery import State
from gateway.core.search_status import ANSWERS, OUTCOMES, Answering, circulation, standing
from schemas import codes

ENGLAND = frozenset(codes.labels("authorities_live"))
MIDLANDS = codes.regions()["West Midlands"]


def test_england_is_a_hundred_and_fifty_three_authorities_in_nine_regions() -> None:
    by_region = {name: those for name, those in codes.regions().items() if name != "Wales"}
    assert len(by_region) == 9
    assert frozenset().union(*by_region.values()) == ENGLAND
    assert len(ENGLAND) == 153
    assert len(codes.regions()["Wales"]) == 22


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"885"}, "named"),
        ({"885", "330"}, "several"),
        (MIDLANDS, "region"),
        (MIDLANDS - {"333"}, "region"),
        (MIDLANDS - {"333", "330"}, "several"),  # one of them could not be reached
        (MIDLANDS | {"201"}, "several"),
        (codes.regions()["Wales"], "region"),
        (ENGLAND, "all-authorities"),
        (ENGLAND - {"333"}, "all-authorities"),
        (ENGLAND - {"333", "201"}, "several"),
        (ENGLAND | {"660"}, "all-authorities"),
    ],
)
def test_a_circulation_says_no_more_than_is_so(asked: set[str], code: str) -> None:
    assert circulation(asked, "333") == code


def test_every_circulation_is_in_the_code_list() -> None:
    assert set(codes.labels("circulations")) == {"named", "several", "region", "all-authorities"}


def test_an_answer_counts_for_more_than_how_far_the_notice_came() -> None:
    for state in State:
        for answer, stands in ANSWERS.items():
            assert standing(state, answer, sealed=True) is stands
        assert standing(state, None, sealed=True) not in (Answering.FOUND, Answering.RING, Answering.NO_TRACE)


def test_the_answers_are_those_of_the_code_lists() -> None:
    assert set(ANSWERS) == set(codes.labels("whereabouts_results"))
    assert set(OUTCOMES) < set(codes.labels("outcomes"))


@pytest.mark.parametrize(
    ("state", "sealed", "stands"),
    [
        (State.SENT, True, Answering.UNDER_WAY),
        (State.SENT, False, Answering.LETTER),  # a letter has no receipt
        (State.RECEIVED, True, Answering.HAS_IT),
        (State.ACKNOWLEDGED, True, Answering.HAS_IT),
        (State.ACCEPTED_BY_MAIL, False, Answering.BY_MAIL),
        (State.FAILED, True, Answering.GIVEN_UP),
    ],
)
def test_without_an_answer_it_is_said_how_far_the_notice_came(state: State, sealed: bool, stands: Answering) -> None:
    assert standing(state, None, sealed=sealed) is stands
