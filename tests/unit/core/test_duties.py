"""What is owed in every state, and how a duty grows late."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.delivery import State
from gateway.core.duties import Deadlines, Missing, Step

FRIDAY = datetime(2026, 11, 20, 15, tzinfo=UTC)
NOTICE = {
    State.QUEUED: Missing.RECEIPT,
    State.SENT: Missing.RECEIPT,
    State.RECEIVED: Missing.ACKNOWLEDGEMENT,
    State.ACKNOWLEDGED: Missing.OUTCOME,
    State.FAILED: Missing.DECISION,
    State.REJECTED: Missing.DECISION,
    State.CONCLUDED: None,
    State.WITHDRAWN: None,
    State.EXPIRED: None,
}


@pytest.mark.parametrize("state", State)
def test_a_notice_is_owed_something_until_it_ends(state: State) -> None:
    assert duties.of_sent("TransferNotice", state, is_notice=True, sealed=True) is NOTICE[state]


def test_a_reply_is_owed_nothing_but_its_receipt() -> None:
    owed = {state: duties.of_sent("Outcome", state, is_notice=False, sealed=True) for state in State}
    assert {state for state, missing in owed.items() if missing} == {State.QUEUED, State.SENT, State.FAILED}


def test_a_letter_is_owed_an_answer_by_a_person() -> None:
    assert duties.of_sent("TransferNotice", State.SENT, is_notice=True, sealed=False) is Missing.ANSWER
    assert duties.of_sent("Withdrawal", State.SENT, is_notice=False, sealed=False) is None


def test_nobody_owes_an_outcome_to_a_circulated_notice() -> None:
    kind = "WhereaboutsUnknownNotice"
    assert duties.of_sent(kind, State.ACKNOWLEDGED, is_notice=True, sealed=True) is None
    assert duties.of_received(kind, "acknowledged") is None
    assert duties.of_received(kind, "new") is Missing.ACKNOWLEDGEMENT


@pytest.mark.parametrize(
    ("missing", "late_at", "escalate_at"),
    [
        (Missing.RECEIPT, FRIDAY + timedelta(hours=1), FRIDAY + timedelta(hours=2)),
        (Missing.ACKNOWLEDGEMENT, FRIDAY + timedelta(days=4), FRIDAY + timedelta(days=6)),
        (Missing.ANSWER, FRIDAY + timedelta(days=4), FRIDAY + timedelta(days=6)),
        (Missing.OUTCOME, FRIDAY + timedelta(days=14), FRIDAY + timedelta(days=28)),
        (Missing.DECISION, FRIDAY, FRIDAY + timedelta(days=4)),
    ],
)
def test_a_duty_waits_then_is_rung_about_then_escalated(
    missing: Missing, late_at: datetime, escalate_at: datetime
) -> None:
    duty = duties.duty(missing, FRIDAY, Calendar(), Deadlines())
    just_before = timedelta(microseconds=1)
    assert (duty.late_at, duty.escalate_at) == (late_at, escalate_at)
    assert duty.step(late_at - just_before) is Step.WAIT
    assert duty.step(escalate_at - just_before) is Step.RING
    assert duty.step(escalate_at) is Step.ESCALATE
