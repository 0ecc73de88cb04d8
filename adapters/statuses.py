"""What a status of HTTP means for a delivery: one table, which docs/routes.md repeats and a test holds.

Only a verified receipt ends a delivery. Every other answer leaves it under way: a proxy that is being set up answers
404 or a page of HTML, a redirect is not followed, and a person there or here can mend each of them while we go on
trying.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from adapters.route import PartnerAnswer, TryLater

# How the type of a problem of the exchange begins (RFC 9457).
PROBLEM = "urn:cme-exchange:problem:"


class Means(StrEnum):
    """What follows from an answer that holds no receipts."""

    HALVES = "sent again in halves at once"
    # Their gateway does not understand ours: waiting does not help.
    AT_ONCE = "tried again, and a finding at once"
    LATER = "tried again, and a finding after 15 minutes"


@dataclass(frozen=True, slots=True)
class StatusRow:
    """Answers that mean the same."""

    # None: all others.
    statuses: tuple[int, ...]
    answer: str
    means: Means


TABLE = (
    StatusRow((413,), "413 for more than one message", Means.HALVES),
    StatusRow((400, 405, 415), "400, 405 or 415 with a problem of the exchange", Means.AT_ONCE),
    StatusRow((), "any other answer", Means.LATER),
)


def get_meaning(status: int, *, of_exchange: bool, messages: int) -> Means:
    """Look it up: the status, whether the partner's gateway itself said it, and how many messages were
    sent together.
    """
    for row in TABLE:
        fits = not row.statuses or status in row.statuses
        if fits and (row.means is not Means.HALVES or messages > 1) and (row.means is not Means.AT_ONCE or of_exchange):
            return row.means
    raise AssertionError("the last row fits every answer")


def is_of_exchange(answer: PartnerAnswer) -> bool:
    """Did a gateway say it, and no proxy before it? Then the body is a problem of the exchange."""
    try:
        members = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and str(members.get("type", "")).startswith(PROBLEM)


def not_taken(answer: PartnerAnswer, whom: str = "the partner's gateway") -> TryLater:
    """Turn an answer without receipts into a try that is repeated.

    Its code says who answered: `refused.`, a gateway; `answered.`, anything.
    """
    of_exchange = is_of_exchange(answer)
    code = f"{'refused' if of_exchange else 'answered'}.{answer.status}"
    at_once = get_meaning(answer.status, of_exchange=of_exchange, messages=1) is Means.AT_ONCE
    how = "does not accept what was sent: it" if at_once else ""
    reason = f"{whom} {how} answered {answer.status}".replace("  ", " ")
    return TryLater(reason, answer.after, answer.answered_at, code=code)
