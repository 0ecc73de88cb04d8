"""Which messages are about the safety of a child: each code that there is, alone and with others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations

import pytest

from gateway.core.urgency import RISKS, UrgentReason, list_urgent_reasons
from schemas import codes
from schemas.message import KINDS, Message, Needs, TransferNotice, Withdrawal
from tests.children import notice

NOW = datetime(2026, 11, 27, 14, tzinfo=UTC)
# Why they are not: they ask for help, not for a call at once.
ORDINARY_RISKS = set(codes.get_labels("risk_groups")) - RISKS.keys()


def build(*, law: str = "ea1996-436a", test: bool = False, needs: Needs | None = None) -> Message:
    message = notice(now=NOW)
    assert isinstance(message.body, TransferNotice)
    header = replace(message.header, legal_basis=law, test=test)
    return Message(header, replace(message.body, needs=needs))


def test_every_group_at_risk_is_judged_and_none_by_a_code_that_is_gone() -> None:
    assert RISKS.keys() <= set(codes.get_labels("risk_groups"))
    assert {"ca1989-47"} <= set(codes.get_labels("legal_bases"))
    assert {"restriction-missed"} <= set(codes.get_labels("withdrawal_reasons"))
    for group in codes.get_labels("risk_groups"):
        reasons = list_urgent_reasons(build(needs=Needs(risk_group=(group,))))
        assert reasons == ((RISKS[group],) if group in RISKS else ())


@pytest.mark.parametrize(
    ("message", "reasons"),
    [
        (build(), ()),
        (build(needs=Needs(risk_group=tuple(sorted(ORDINARY_RISKS)))), ()),
        (build(needs=Needs(mash_referral=date(2026, 11, 26))), (UrgentReason.MASH,)),
        (build(law="ca1989-47"), (UrgentReason.HARM_ENQUIRY,)),
        (
            build(law="ca1989-47", needs=Needs(risk_group=tuple(RISKS), mash_referral=date(2026, 11, 26))),
            (UrgentReason.HARM, UrgentReason.PROTECTION_PLAN, UrgentReason.HARM_ENQUIRY, UrgentReason.MASH),
        ),
        # A test is never a case of a child.
        (build(test=True, law="ca1989-47", needs=Needs(risk_group=tuple(RISKS))), ()),
    ],
)
def test_a_notice_says_why_it_is_urgent(message: Message, reasons: Sequence[UrgentReason]) -> None:
    assert list_urgent_reasons(message) == reasons


def test_one_urgent_thing_among_any_others_is_enough() -> None:
    for some in combinations(sorted(ORDINARY_RISKS), 3):
        assert list_urgent_reasons(build(needs=Needs(risk_group=(*some, "harm-or-neglect")))) == (UrgentReason.HARM,)


@pytest.mark.parametrize("reason", codes.get_labels("withdrawal_reasons"))
def test_of_withdrawals_the_one_whose_restriction_was_missed_is_urgent(reason: str) -> None:
    sample = notice(name="withdrawal", now=NOW)
    assert isinstance(sample.body, Withdrawal)
    urgent = (UrgentReason.RESTRICTION_MISSED,) if reason == "restriction-missed" else ()
    assert list_urgent_reasons(Message(sample.header, replace(sample.body, reason=reason))) == urgent


def test_no_reply_is_urgent_by_the_law_that_its_header_names() -> None:
    replies = {"acknowledgement", "outcome", "reminder", "located-notice", "whereabouts-response"}
    assert len(KINDS) - len(replies) == 4
    for name in replies:
        message = notice(name=name, now=NOW)
        assert list_urgent_reasons(Message(replace(message.header, legal_basis="ca1989-47"), message.body)) == ()
