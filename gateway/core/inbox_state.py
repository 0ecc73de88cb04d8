"""What we have made of a notice that came, and what an officer of ours may still say of it."""

from collections.abc import Mapping
from enum import StrEnum

from schemas.message import Decision


class InboxState(StrEnum):
    """Where a notice of theirs stands here."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    # We said which other authority should have it.
    PASSED_ON = "passed-on"
    REJECTED = "rejected"
    CONCLUDED = "concluded"
    # By its sender.
    WITHDRAWN = "withdrawn"
    # By a correction of its sender.
    SUPERSEDED = "superseded"
    # A reply: it has had its effect, and nothing is to be done.
    FILED = "filed"
    # A reply without effect: an officer of ours rings its sender.
    DOES_NOT_FIT = "does-not-fit"
    # A reply to what we do not know: counted for its sender.
    ABOUT_NOTHING = "about-nothing"


# For an officer of ours to answer, or to say what became of the child.
WAITING = (
    InboxState.NEW,
    InboxState.ACKNOWLEDGED,
)
UNFIT = (InboxState.DOES_NOT_FIT, InboxState.ABOUT_NOTHING)
# What an officer of ours has to look at.
TASKS = (*WAITING, InboxState.DOES_NOT_FIT)
DECIDED: Mapping[Decision, InboxState] = {
    "accepted": InboxState.ACKNOWLEDGED,
    "passed-on": InboxState.PASSED_ON,
    "rejected": InboxState.REJECTED,
}

# An officer may think better of it, until the sender took it back or the end is known.
_SAID = frozenset({InboxState.ACKNOWLEDGED, InboxState.PASSED_ON, InboxState.REJECTED, InboxState.CONCLUDED})
MAY_BECOME: Mapping[InboxState, frozenset[InboxState]] = {
    InboxState.NEW: _SAID,
    InboxState.ACKNOWLEDGED: _SAID - {InboxState.ACKNOWLEDGED},
    InboxState.PASSED_ON: _SAID - {InboxState.PASSED_ON},
    InboxState.REJECTED: _SAID - {InboxState.REJECTED},
    InboxState.CONCLUDED: frozenset(),
    InboxState.WITHDRAWN: frozenset(),
    InboxState.SUPERSEDED: frozenset(),
    InboxState.FILED: frozenset(),
    InboxState.DOES_NOT_FIT: frozenset(),
    InboxState.ABOUT_NOTHING: frozenset(),
}
