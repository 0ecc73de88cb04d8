"""What an officer may do next with a message, by what it is and how it stands.

The flows refuse whatever is not among it.
"""

from collections.abc import Sequence
from enum import StrEnum

from gateway.core.delivery import MOVES, DeliveryState, may_send_on
from gateway.core.inbox_state import MAY_BECOME, UNFIT, InboxState
from gateway.core.replies import may_answer
from schemas.message import OPENS_A_CASE, SEARCHES, MessageKind, RestrictionLevel


class CaseAction(StrEnum):
    """One thing that may be done, as addresses of pages have it."""

    CALL = "call"
    ACCEPT = "accept"
    ANSWER = "answer"
    CONCLUDE = "outcome"
    REJECT = "reject"
    PASS_ON = "pass-on"  # noqa: S105 - no password
    HAND_OVER = "handover"
    TOLD = "told"
    CLOSE = "close"
    REMIND = "remind"
    SEND_ON = "send-on"
    LOCATED = "located"
    CORRECT = "correct"
    WITHDRAW = "withdraw"
    PUT_ASIDE = "put-aside"


_THERE = (DeliveryState.RECEIVED, DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL, DeliveryState.SENT)


def list_received_actions(kind: MessageKind, standing: InboxState) -> tuple[CaseAction, ...]:
    """List what may be done with one that came: the likeliest first."""
    if standing in UNFIT:
        return (CaseAction.PUT_ASIDE,)
    if kind not in OPENS_A_CASE:
        return ()
    open_to = MAY_BECOME[standing]
    search = may_answer(kind, "WhereaboutsResponse")
    wanted = (
        (CaseAction.ANSWER, InboxState.CONCLUDED, search),
        (CaseAction.ACCEPT, InboxState.ACKNOWLEDGED, not search),
        (CaseAction.CONCLUDE, InboxState.CONCLUDED, not search and standing is not InboxState.NEW),
        (CaseAction.REJECT, InboxState.REJECTED, not search),
        (CaseAction.PASS_ON, InboxState.PASSED_ON, may_answer(kind, "Acknowledgement", "passed-on")),
    )
    return tuple(choice for choice, becomes, fits in wanted if fits and becomes in open_to)


def restrict_actions(
    actions: Sequence[CaseAction], restriction: RestrictionLevel, *, called: bool
) -> tuple[CaseAction, ...]:
    """Restrict what may be done with one that came to what its restriction allows.

    Of a child of whom only calls may speak nobody says which authority should have it; the call to its writer comes
    first, until one is recorded.
    """
    if restriction != "phone-only" or not set(actions) - {CaseAction.PUT_ASIDE}:
        return tuple(actions)
    allowed = tuple(action for action in actions if action is not CaseAction.PASS_ON)
    return (*allowed, CaseAction.CALL) if called else (CaseAction.CALL, *allowed)


def list_sent_actions(
    kind: MessageKind, state: DeliveryState, *, sealed: bool, handed_over: bool
) -> tuple[CaseAction, ...]:
    """List what may be done with one that we sent: the likeliest first."""
    if kind not in OPENS_A_CASE:
        # What a reply said can still be told by phone.
        return (CaseAction.HAND_OVER,) if state is DeliveryState.FAILED and not handed_over else ()
    transfer, live = kind == "TransferNotice", DeliveryState.WITHDRAWN in MOVES[state]
    may_be_told = transfer or kind == "WhereaboutsEnquiry"
    # Never what was accepted by mail.
    accepted = (state is DeliveryState.ACKNOWLEDGED and sealed) or handed_over
    can_close = DeliveryState.CLOSED in MOVES[state]
    wanted = (
        (CaseAction.SEND_ON, transfer and may_send_on(state)),
        (CaseAction.LOCATED, kind in SEARCHES and DeliveryState.CONCLUDED in MOVES[state]),
        (CaseAction.CLOSE, transfer and accepted and can_close),
        (CaseAction.REMIND, may_be_told and state in _THERE),
        (CaseAction.HAND_OVER, transfer and can_close and not handed_over),
        (CaseAction.TOLD, may_be_told and can_close),
        (CaseAction.CORRECT, live),
        (CaseAction.WITHDRAW, live),
    )
    return tuple(choice for choice, fits in wanted if fits)
