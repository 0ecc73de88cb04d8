"""Why a message was not delivered, as an officer needs to know it: the kind of trouble, read off what a machine said.

The carriers' own words are kept beside the message for the people who run the gateway. An officer sees the kind alone,
in a sentence of `labels`.
"""

import re
from enum import StrEnum


class FailureCause(StrEnum):
    """The kind of trouble, the likeliest to concern the other authority first."""

    NO_RECEIPT = "no-receipt"
    # Their email address was removed here.
    NO_ADDRESS = "no-address"
    # Its card was removed here.
    REMOVED = "removed"
    # A person here, or the directory of a scheme, suspended it.
    SUSPENDED = "suspended"
    # An email server said that it did not arrive.
    RETURNED = "returned"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CARD = "card"
    OUR_EMAIL = "our-email"
    OUR_GATEWAY = "our-gateway"
    OTHER = "other"


# The reason of what was given up when a partner was removed.
REMOVED = "the partner authority was removed here"

# In the order in which they are looked for in each part of a reason.
_SIGNS = (
    (FailureCause.NO_RECEIPT, r"no delivery receipt|delivery receipt is not valid"),
    (FailureCause.NO_ADDRESS, r"email address was removed|letter\.nobody"),
    (FailureCause.REMOVED, re.escape(REMOVED)),
    (FailureCause.SUSPENDED, r"is suspended"),
    (FailureCause.RETURNED, r"^returned:"),
    (
        FailureCause.OUR_GATEWAY,
        r"your proxy (cannot|did|wants|refused|closed)|place of your proxy"
        r"|fault in the gateway|no login for|login key|host key|login for",
    ),
    (FailureCause.OUR_EMAIL, r"your email|your mailbox|email account|email service|\bemail\.|smime"),
    (FailureCause.REFUSED, r"refused|does not accept|too large"),
    (FailureCause.CARD, r"\bcards?\b"),
    (FailureCause.UNREACHABLE, r"reached|answer|in time|closed|certificate|lost|receipt for each|\bdown\b"),
)
# Names of faults of a program, as (ConnectionRefusedError).
_NAMES = re.compile(r"\(\w+\)")
_SIGNS_COMPILED = tuple((cause, re.compile(sign, re.IGNORECASE)) for cause, sign in _SIGNS)


def find_failure_cause(reason: str | None) -> FailureCause:
    """Find the kind of trouble in a carrier's words; of several routes, the one that concerns the other authority."""
    causes = {_find_in_part(part.strip()) for part in _NAMES.sub("", reason or "").split(";")}
    return next(cause for cause in FailureCause if cause in causes)


def _find_in_part(part: str) -> FailureCause:
    return next((cause for cause, sign in _SIGNS_COMPILED if sign.search(part)), FailureCause.OTHER)
