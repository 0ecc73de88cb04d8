"""The life of a notice: every event leads somewhere, and the drawing says the same as the code."""

from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.core import cases
from gateway.core.delivery import EVENTS, MOVES, DeliveryActor, DeliveryEvent, DeliveryState, may_move
from gateway.core.inbox_state import MAY_BECOME, InboxState

CASES = (Path(__file__).parents[3] / "docs" / "cases.md").read_text()


def test_the_document_draws_what_the_code_does() -> None:
    assert cases.draw_states() in CASES
    assert cases.format_events() in CASES
    assert cases.format_replies() in CASES


def test_every_state_can_be_reached_and_is_an_end_or_can_be_left() -> None:
    assert {event.to for event in EVENTS} == set(DeliveryState)
    assert {state for state in DeliveryState if not MOVES[state]} == {
        DeliveryState.CONCLUDED,
        DeliveryState.CLOSED,
        DeliveryState.WITHDRAWN,
    }


@pytest.mark.parametrize("state", [state for state in DeliveryState if MOVES[state]])
def test_whatever_happens_an_officer_of_ours_can_end_it(state: DeliveryState) -> None:
    by_us = {event.to for event in EVENTS if event.by is DeliveryActor.OUR_OFFICER and state in event.come_from}
    assert by_us & {DeliveryState.WITHDRAWN, DeliveryState.CLOSED, DeliveryState.CONCLUDED}


def test_an_officer_there_may_think_better_of_it() -> None:
    assert may_move(DeliveryState.REJECTED, DeliveryState.ACKNOWLEDGED)
    assert may_move(DeliveryState.ACKNOWLEDGED, DeliveryState.REJECTED)
    said = {InboxState.ACKNOWLEDGED, InboxState.PASSED_ON, InboxState.REJECTED}
    for standing in said:
        assert MAY_BECOME[standing] == said - {standing} | {InboxState.CONCLUDED}


class ANotice(RuleBasedStateMachine):
    """Whatever happens in whatever order, a notice is where an event put it, and what ended stays so."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.ended = DeliveryState.QUEUED, False

    @rule(event=st.sampled_from(EVENTS))
    def happens(self, event: DeliveryEvent) -> None:
        if self.state in event.come_from and event.to is not self.state:
            assert may_move(self.state, event.to)
            assert not self.ended
            self.state = event.to

    @invariant()
    def ends_are_ends(self) -> None:
        self.ended |= self.state in (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN)
        assert not self.ended or not MOVES[self.state]


TestANotice = ANotice.TestCase
