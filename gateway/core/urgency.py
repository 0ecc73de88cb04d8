"""Which messages are about the safety of a child, so that they stand first and are announced at once.

    a notice     a risk of harm or neglect, or a child protection plan
    a notice     given under section 47 of the Children Act 1989, which is about significant harm
    a notice     the date of a referral to a MASH
    a withdrawal that a restriction was missed: what was sent is not to be used

A gateway is no alert channel: whoever sends such a notice, and whoever gets it, rings the MASH.
"""

from enum import StrEnum

from schemas.message import OPENS_A_CASE, Message, Needs, Withdrawal


class UrgentReason(StrEnum):
    """Why a message is urgent."""

    HARM = "harm"
    PROTECTION_PLAN = "protection-plan"
    HARM_ENQUIRY = "harm-enquiry"
    MASH = "mash"
    RESTRICTION_MISSED = "restriction-missed"


# By the code of the risk group that a notice names.
RISKS = {"harm-or-neglect": UrgentReason.HARM, "child-protection-plan": UrgentReason.PROTECTION_PLAN}
# Under which law, and why a notice was withdrawn.
HARM_LAW, MISSED = "ca1989-47", "restriction-missed"


def list_urgent_reasons(message: Message) -> tuple[UrgentReason, ...]:
    """List why a message is urgent, the gravest first; a test never is."""
    if message.header.test:
        return ()
    if isinstance(message.body, Withdrawal):
        return (UrgentReason.RESTRICTION_MISSED,) if message.body.reason == MISSED else ()
    if message.kind not in OPENS_A_CASE:
        return ()
    needs = message.list_all(Needs)
    named = {RISKS[group] for its in needs for group in its.risk_group if group in RISKS}
    if message.header.legal_basis == HARM_LAW:
        named.add(UrgentReason.HARM_ENQUIRY)
    if any(its.mash_referral for its in needs):
        named.add(UrgentReason.MASH)
    return tuple(reason for reason in UrgentReason if reason in named)
