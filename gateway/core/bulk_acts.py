"""Which of several messages of the inbox an officer may deal with at once, and why another is left out. No I/O.

What may be done with one alone may be done with many, but for what needs a word about that one: a phone-only notice is
accepted only where a call is recorded, and what somebody decided otherwise meanwhile is not decided anew.
"""

from collections.abc import Collection
from enum import StrEnum

from gateway.core.inbox_state import InboxState
from gateway.core.open_actions import CaseAction, list_received_actions
from schemas.message import OPENS_A_CASE, MessageKind, RestrictionLevel

# A page of the inbox: with more, nobody looks at each on the check page.
MOST_AT_ONCE = 25


class LeftOut(StrEnum):
    """Why a message is left out."""

    # A reply, of which nothing is accepted.
    REPLY = "reply"
    # A search is answered, not accepted.
    NEEDS_ANSWER = "needs-answer"
    # Of a child of whom only calls may speak, and no call is recorded.
    NOT_CALLED = "not-called"
    # An officer decided already, or its sender took it back.
    ALREADY = "already"
    # The case is theirs already.
    HAS_CASE = "has-case"


def find_why_not_accepted(
    kind: MessageKind, state: InboxState, restriction: RestrictionLevel, *, called: bool
) -> LeftOut | None:
    """Return why a message cannot be accepted together with others; None where it can."""
    if kind not in OPENS_A_CASE:
        return LeftOut.REPLY
    if state is not InboxState.NEW:
        return LeftOut.ALREADY
    if CaseAction.ACCEPT not in list_received_actions(kind, state):
        return LeftOut.NEEDS_ANSWER
    return LeftOut.NOT_CALLED if restriction == "phone-only" and not called else None


def find_why_not_assigned(person: str, assigned: Collection[str]) -> LeftOut | None:
    """Return why the case of a message cannot be assigned to a person together with others; None where it can."""
    return LeftOut.HAS_CASE if person in assigned else None
