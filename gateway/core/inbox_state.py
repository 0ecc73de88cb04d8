"""What we have made of a notice that came, and what an officer of ours may still say of it."""

from collections.abc import Mapping
from enum import StrEnum


class Standing(StrEnum):
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


WAITING = (Standing.NEW, Standing.ACKNOWLEDGED)  # for an officer of ours to answer, or to say what became of the child
UNFIT = (Standing.DOES_NOT_FIT, Standing.ABOUT_NOTHING)
TASKS = (*WAITING, Standing.DOES_NOT_FIT)  # what an officer of ours has to look at
DECIDED = {"accepted": Standing.ACKNOWLEDGED, "passed-on": Standing.PASSED_ON, "rejected": Standing.REJECTED}

# An officer may think better of it, until the sender took it back or the end is known.
_SAID = frozenset({Standing.ACKNOWLEDGED, Standing.PASSED_ON, Standing.REJECTED, Standing.CONCLUDED})
MAY_BECOME: Mapping[Standing, frozenset[Standing]] = {
    Standing.NEW: _SAID,
    Standing.ACKNOWLEDGED: _SAID - {Standing.ACKNOWLEDGED},
    Standing.PASSED_ON: _SAID - {Standing.PASSED_ON},
    Standing.REJECTED: _SAID - {Standing.REJECTED},
    Standing.CONCLUDED: frozenset(),
    Standing.WITHDRAWN: frozenset(),
    Standing.SUPERSEDED: frozenset(),
    Standing.FILED: frozenset(),
    Standing.DOES_NOT_FIT: frozenset(),
    Standing.ABOUT_NOTHING: frozenset(),
}
