"""What a search for a child is, seen as a whole: how widely it went, and how each authority that was asked stands."""

from collections.abc import Collection
from enum import StrEnum
from typing import assert_never

from gateway.core.delivery import State
from schemas import codes

OUTCOMES = {  # what an outcome says of where the child is; of all others somebody must be asked
    "in-education": "found",
    "place-allocated": "found",
    "awaiting-place": "found",
    "resident-confirmed": "found",
    "home-education": "found",
    "not-found-at-address": "no-trace",
}


class Answering(StrEnum):
    """How one authority stands in a search, in the order in which an officer wants to know."""

    FOUND = "found"
    RING = "ring"
    NO_TRACE = "no trace"
    REJECTED = "rejected"  # by an officer there, or by the gateway
    HAS_IT = "has it, no answer"
    LETTER = "letter sent, no answer"
    BY_MAIL = "accepted by mail, no answer"  # unsigned; what else it says only the mail tells
    UNDER_WAY = "not there yet"
    GIVEN_UP = "given up"
    ENDED = "ended without an answer"


ANSWERS = {"found": Answering.FOUND, "ring-me": Answering.RING, "no-trace": Answering.NO_TRACE}
SETTLED = (Answering.FOUND, Answering.RING)  # who says so is not asked again


def circulation(asked: Collection[str], ours: str) -> str:
    """How widely a search has gone, once these have been asked: the code that its notices bear."""
    whole = frozenset(asked) - {ours}
    if len(whole) == 1:
        return "named"
    if frozenset(codes.labels("authorities_live")) - {ours} <= whole:
        return "all-authorities"
    return "region" if any(whole == region - {ours} for region in codes.regions().values()) else "several"


def standing(state: State, answer: str | None, *, sealed: bool) -> Answering:
    """How an authority stands: by what it answered, else by how far our notice came."""
    if answer is not None:
        return ANSWERS.get(answer, Answering.RING)
    match state:
        case State.QUEUED:
            return Answering.UNDER_WAY
        case State.SENT:
            return Answering.UNDER_WAY if sealed else Answering.LETTER
        case State.RECEIVED | State.PASSED_ON:
            return Answering.HAS_IT
        case State.ACKNOWLEDGED:
            return Answering.HAS_IT
        case State.ACCEPTED_BY_MAIL:
            return Answering.BY_MAIL
        case State.REJECTED:
            return Answering.REJECTED
        case State.FAILED:
            return Answering.GIVEN_UP
        case State.CONCLUDED | State.CLOSED | State.WITHDRAWN | State.EXPIRED:
            return Answering.ENDED
        case _:
            assert_never(state)
