"""What is owed in every state, and how a duty grows late."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.delivery import DeliveryState
from gateway.core.duties import Deadlines, DutyStep, Missing
from gateway.core.inbox_state import InboxState
from schemas.message import MessageKind

FRIDAY = datetime(2026, 11, 20, 15, tzinfo=UTC)
DEADLINES = Deadlines(receipt=timedelta(hours=1), acknowledgement=2, answer=5, outcome=10)
ENDS = (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN, DeliveryState.EXPIRED)
OWED = {
    DeliveryState.QUEUED: (Missing.RECEIPT, Missing.RECEIPT, Missing.RECEIPT),
    DeliveryState.SENT: (Missing.RECEIPT, Missing.RECEIPT, Missing.RECEIPT),
    DeliveryState.RECEIVED: (Missing.ACKNOWLEDGEMENT, Missing.ANSWER, None),
    DeliveryState.ACKNOWLEDGED: (Missing.OUTCOME, Missing.ANSWER, None),
    DeliveryState.ACCEPTED_BY_MAIL: (Missing.OUTCOME, Missing.ANSWER, None),
    DeliveryState.PASSED_ON: (Missing.DECISION, Missing.DECISION, Missing.DECISION),
    DeliveryState.FAILED: (Missing.DECISION, Missing.DECISION, Missing.DECISION),
    DeliveryState.REJECTED: (Missing.DECISION, Missing.DECISION, Missing.DECISION),
    **dict.fromkeys(ENDS, (None, None, None)),
}


@pytest.mark.parametrize("state", DeliveryState)
def test_a_notice_is_owed_something_until_it_ends(state: DeliveryState) -> None:
    kinds: tuple[MessageKind, ...] = ("TransferNotice", "WhereaboutsEnquiry", "WhereaboutsUnknownNotice")
    assert tuple(duties.find_missing_on_sent(kind, state, sealed=True) for kind in kinds) == OWED[state]


def test_a_reply_is_owed_nothing_but_its_receipt() -> None:
    owed = {state: duties.find_missing_on_sent("Outcome", state, sealed=True) for state in DeliveryState}
    assert {state for state, missing in owed.items() if missing} == {
        DeliveryState.QUEUED,
        DeliveryState.SENT,
        DeliveryState.FAILED,
    }


def test_nobody_need_decide_about_a_reminder_that_did_not_arrive() -> None:
    assert duties.find_missing_on_sent("Reminder", DeliveryState.FAILED, sealed=True) is None


def test_a_letter_is_owed_its_delivery_and_then_a_word_by_a_person() -> None:
    assert duties.find_missing_on_sent("TransferNotice", DeliveryState.QUEUED, sealed=False) is Missing.DELIVERY
    assert duties.find_missing_on_sent("TransferNotice", DeliveryState.SENT, sealed=False) is Missing.ACKNOWLEDGEMENT
    assert duties.find_missing_on_sent("Withdrawal", DeliveryState.SENT, sealed=False) is None


@given(st.sampled_from(DeliveryState), st.booleans())
def test_what_was_handed_over_by_telephone_is_owed_only_its_outcome(state: DeliveryState, sealed: bool) -> None:
    owed = duties.find_missing_on_sent("TransferNotice", state, sealed=sealed, handed_over=True)
    assert owed is (None if state in ENDS else Missing.OUTCOME)


@given(st.sampled_from(get_args(MessageKind)), st.sampled_from(ENDS), st.booleans(), st.booleans())
def test_what_has_ended_is_owed_nothing(
    kind: MessageKind, state: DeliveryState, sealed: bool, handed_over: bool
) -> None:
    assert duties.find_missing_on_sent(kind, state, sealed=sealed, handed_over=handed_over) is None


def test_what_we_owe_on_what_came() -> None:
    assert duties.find_missing_on_received("TransferNotice", InboxState.NEW) is Missing.ACKNOWLEDGEMENT
    assert duties.find_missing_on_received("TransferNotice", InboxState.ACKNOWLEDGED) is Missing.OUTCOME
    assert duties.find_missing_on_received("WhereaboutsEnquiry", InboxState.ACKNOWLEDGED) is Missing.ANSWER
    assert duties.find_missing_on_received("WhereaboutsUnknownNotice", InboxState.NEW) is None
    for standing in set(InboxState) - {InboxState.NEW, InboxState.ACKNOWLEDGED}:
        assert duties.find_missing_on_received("TransferNotice", standing) is None


@pytest.mark.parametrize(
    ("missing", "late_at", "escalate_at"),
    [
        (Missing.RECEIPT, FRIDAY + timedelta(hours=1), FRIDAY + timedelta(hours=2)),
        (Missing.DELIVERY, FRIDAY + timedelta(hours=1), FRIDAY + timedelta(hours=2)),
        (Missing.ACKNOWLEDGEMENT, FRIDAY + timedelta(days=4), FRIDAY + timedelta(days=6)),
        (Missing.ANSWER, FRIDAY + timedelta(days=7), FRIDAY + timedelta(days=14)),
        (Missing.OUTCOME, FRIDAY + timedelta(days=14), FRIDAY + timedelta(days=28)),
        (Missing.DECISION, FRIDAY, FRIDAY + timedelta(days=4)),
    ],
)
def test_a_duty_waits_then_is_rung_about_then_escalated(
    missing: Missing, late_at: datetime, escalate_at: datetime
) -> None:
    duty = duties.build_duty(missing, FRIDAY, Calendar(), DEADLINES)
    just_before = timedelta(microseconds=1)
    assert (duty.late_at, duty.escalate_at) == (late_at, escalate_at)
    assert duty.decide_step(late_at - just_before) is DutyStep.WAIT
    assert duty.decide_step(escalate_at - just_before) is DutyStep.RING
    assert duty.decide_step(escalate_at) is DutyStep.ESCALATE
