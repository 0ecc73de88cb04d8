"""Several notices at once: what may be accepted or assigned together, and why another one is left out."""

import pytest

from gateway.core import labels
from gateway.core.bulk_acts import LeftOut, find_why_not_accepted, find_why_not_assigned
from gateway.core.inbox_state import InboxState
from gateway.core.open_actions import CaseAction, list_received_actions, restrict_actions
from schemas.message import KINDS, OPENS_A_CASE, RESTRICTIONS, MessageKind, RestrictionLevel

NEW = InboxState.NEW


@pytest.mark.parametrize(
    ("kind", "state", "restriction", "called", "why"),
    [
        ("TransferNotice", NEW, "none", False, None),
        ("TransferNotice", NEW, "address-withheld", False, None),
        ("TransferNotice", NEW, "phone-only", False, LeftOut.NOT_CALLED),
        ("TransferNotice", NEW, "phone-only", True, None),
        ("WhereaboutsEnquiry", NEW, "none", False, LeftOut.NEEDS_ANSWER),
        ("WhereaboutsUnknownNotice", NEW, "none", False, LeftOut.NEEDS_ANSWER),
        ("Acknowledgement", InboxState.DOES_NOT_FIT, "none", False, LeftOut.REPLY),
        ("TransferNotice", InboxState.ACKNOWLEDGED, "none", False, LeftOut.ALREADY),
        # One may think better of a rejection, but alone.
        ("TransferNotice", InboxState.REJECTED, "none", False, LeftOut.ALREADY),
        ("TransferNotice", InboxState.WITHDRAWN, "none", False, LeftOut.ALREADY),
    ],
)
def test_a_notice_is_accepted_with_others_or_it_is_said_why_not(
    kind: MessageKind, state: InboxState, restriction: RestrictionLevel, called: bool, why: LeftOut | None
) -> None:
    assert find_why_not_accepted(kind, state, restriction, called=called) is why


def test_nothing_is_accepted_with_others_that_could_not_be_accepted_alone() -> None:
    for kind in KINDS:
        for state in InboxState:
            for restriction in RESTRICTIONS:
                for called in (False, True):
                    alone = restrict_actions(list_received_actions(kind, state), restriction, called=called)
                    if find_why_not_accepted(kind, state, restriction, called=called) is None:
                        assert kind in OPENS_A_CASE
                        assert CaseAction.ACCEPT in alone
                        # What stands first is the likeliest: never a call that is still to be made.
                        assert alone[0] is CaseAction.ACCEPT


def test_a_case_is_not_assigned_twice_to_one_person() -> None:
    assert find_why_not_assigned("percy", ["olive"]) is None
    assert find_why_not_assigned("percy", ["olive", "percy"]) is LeftOut.HAS_CASE


def test_every_reason_is_a_sentence() -> None:
    for reason in LeftOut:
        text = labels.explain_left_out(reason, status="Accepted", person="Percy")
        assert text.endswith(".")
        assert "{" not in text
