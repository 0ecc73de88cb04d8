"""What an officer may do next with a message, by what it is and how it stands. The flows refuse whatever is not among it."""

from enum import StrEnum

from gateway.core.delivery import MOVES, State, may_send_on
from gateway.core.inbox_state import MAY_BECOME, UNFIT, Standing
from gateway.core.replies import answers
from schemas.message import OPENS_A_CASE, SEARCHES, MessageKind


class Choice(StrEnum):
    """One thing that may be done, as addresses of pages have it."""

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


_THERE = (State.RECEIVED, State.ACKNOWLEDGED, State.ACCEPTED_BY_MAIL, State.SENT)


def of_received(kind: MessageKind, standing: Standing) -> tuple[Choice, ...]:
    """With one that came: the likeliest first."""
    if standing in UNFIT:
        return (Choice.PUT_ASIDE,)
    if kind not in OPENS_A_CASE:
        return ()
    open_to = MAY_BECOME[standing]
    search = answers(kind, "WhereaboutsResponse")
    wanted = (
        (Choice.ANSWER, Standing.CONCLUDED, search),
        (Choice.ACCEPT, Standing.ACKNOWLEDGED, not search),
        (Choice.CONCLUDE, Standing.CONCLUDED, not search and standing is not Standing.NEW),
        (Choice.REJECT, Standing.REJECTED, not search),
        (Choice.PASS_ON, Standing.PASSED_ON, answers(kind, "Acknowledgement", "passed-on")),
    )
    return tuple(choice for choice, becomes, fits in wanted if fits and becomes in open_to)


def of_sent(kind: MessageKind, state: State, *, sealed: bool, handed_over: bool) -> tuple[Choice, ...]:
    """With one that we sent: the likeliest first."""
    if kind not in OPENS_A_CASE:
        return ()
    transfer, live = kind == "TransferNotice", State.WITHDRAWN in MOVES[state]
    told = transfer or kind == "WhereaboutsEnquiry"
    accepted = (state is State.ACKNOWLEDGED and sealed) or handed_over  # never what was accepted by mail
    can_close = State.CLOSED in MOVES[state]
    wanted = (
        (Choice.SEND_ON, transfer and may_send_on(state)),
        (Choice.LOCATED, kind in SEARCHES and State.CONCLUDED in MOVES[state]),
        (Choice.CLOSE, transfer and accepted and can_close),
        (Choice.REMIND, told and state in _THERE),
        (Choice.HAND_OVER, transfer and can_close and not handed_over),
        (Choice.TOLD, told and can_close),
        (Choice.CORRECT, live),
        (Choice.WITHDRAW, live),
    )
    return tuple(choice for choice, fits in wanted if fits)
