"""What we have made of a notice that came, and what an officer of ours may still say of it."""

from collections.abc import Mapping
from enum import StrEnum


class InboxState(StrEnum):
    """Where a notice of theirs stands here."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    PASSED_ON = "passed-on"  # we said which other authority should have it
    REJECTED = "rejected"
    CONCLUDED = "concluded"
    WITHDRAWN = "withdrawn"  # by its sender
    SUPERSEDED = "superseded"  # by a correction of its sender
    FILED = "filed"  # a reply: it has had its effect, and nothing is to be done
    DOES_NOT_FIT = "does-not-fit"  # a reply without effect: an officer of ours rings its sender
    ABOUT_NOTHING = "about-nothing"  # a reply to what we do not know: counted for its sender


WAITING = (
    InboxState.NEW,
    InboxState.ACKNOWLEDGED,
)  # for an officer of ours to answer, or to say what became of the child
UNFIT = (InboxState.DOES_NOT_FIT, InboxState.ABOUT_NOTHING)
TASKS = (*WAITING, InboxState.DOES_NOT_FIT)  # what an officer of ours has to look at
DECIDED = {"accepted": InboxState.ACKNOWLEDGED, "passed-on": InboxState.PASSED_ON, "rejected": InboxState.REJECTED}

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
