"""What a search for a child is, seen as a whole: how widely it went, and how each authority that was asked stands."""

from collections.abc import Collection
from enum import StrEnum
from typing import assert_never

from gateway.core.delivery import DeliveryState
from schemas import codes

# What each outcome says of where the child is: found, not there, or call them, for somebody must be asked.
OUTCOMES = {
    "in-education": "found",
    "place-allocated": "found",
    "awaiting-place": "found",
    "resident-confirmed": "found",
    "home-education": "found",
    "not-found-at-address": "no-trace",
    "moved-on": "ring-me",
    "left-country": "ring-me",
    "over-age": "ring-me",
    "died": "ring-me",
}


class AnswerState(StrEnum):
    """How one authority stands in a search, in the order in which an officer wants to know."""

    FOUND = "found"
    RING = "ring"
    NO_TRACE = "no trace"
    # By an officer there, or by the gateway.
    REJECTED = "rejected"
    HAS_IT = "has it, no answer"
    LETTER = "letter sent, no answer"
    # Unsigned; what else it says only the mail tells.
    BY_MAIL = "accepted by mail, no answer"
    UNDER_WAY = "not there yet"
    GIVEN_UP = "given up"
    ENDED = "ended without an answer"


ANSWERS = {"found": AnswerState.FOUND, "ring-me": AnswerState.RING, "no-trace": AnswerState.NO_TRACE}
# Who says so is not asked again.
SETTLED = (AnswerState.FOUND, AnswerState.RING)


def find_circulation(asked: Collection[str], ours: str) -> str:
    """Return how widely a search has gone, once these have been asked: the code that its notices bear."""
    whole = frozenset(asked) - {ours}
    if len(whole) == 1:
        return "named"
    if frozenset(codes.get_labels("authorities_live")) - {ours} <= whole:
        return "all-authorities"
    return "region" if any(whole == region - {ours} for region in codes.list_regions().values()) else "several"


def find_answer_state(state: DeliveryState, answer: str | None, *, sealed: bool) -> AnswerState:
    """Return how an authority stands: by what it answered, else by how far our notice came."""
    if answer is not None:
        return ANSWERS.get(answer, AnswerState.RING)
    match state:
        case DeliveryState.QUEUED:
            return AnswerState.UNDER_WAY
        case DeliveryState.SENT:
            return AnswerState.UNDER_WAY if sealed else AnswerState.LETTER
        case DeliveryState.RECEIVED | DeliveryState.PASSED_ON:
            return AnswerState.HAS_IT
        case DeliveryState.ACKNOWLEDGED:
            return AnswerState.HAS_IT
        case DeliveryState.ACCEPTED_BY_MAIL:
            return AnswerState.BY_MAIL
        case DeliveryState.REJECTED:
            return AnswerState.REJECTED
        case DeliveryState.FAILED:
            return AnswerState.GIVEN_UP
        case DeliveryState.CONCLUDED | DeliveryState.CLOSED | DeliveryState.WITHDRAWN | DeliveryState.EXPIRED:
            return AnswerState.ENDED
        case _:
            assert_never(state)
