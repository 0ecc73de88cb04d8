"""The review of a child whose whereabouts are unknown: every fourteen days, until the search ends.

    began --14 days--> due --done--> 14 days later due again ... --ended
                                                                   '--a further search in the same case--> began

A case is under review from its first search on (a WhereaboutsEnquiry or a WhereaboutsUnknownNotice of ours, no test) until the
child is located, or a person ends it with a reason. That somebody answered "found" ends nothing: an officer confirms it, and
stands down. Days are calendar days in London; one that falls on a weekend stays where it falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from gateway.core.calendar import LONDON

EVERY = timedelta(days=14)


class Kind(StrEnum):
    """What was done in a review."""

    BEGAN = "began"
    DONE = "done"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Act:
    """One act in the review of a case."""

    conversation_id: str
    at: datetime
    kind: Kind
    by: str
    checked: str | None = None  # source=result, with spaces between; codes of enquiry_sources and enquiry_results
    asked_again: int = 0  # how many authorities
    reason: str | None = None  # why it ended: a code of located_ways, or withdrawn
    decided_by: str | None = None  # a manager's decision names who


@dataclass(frozen=True, slots=True)
class Review:
    """A case that is under review, and how it stands."""

    conversation_id: str
    since: date
    done: int
    last: Act | None
    due_on: date

    def is_due(self, today: date) -> bool:
        """Is it to be done today, or should it have been?"""
        return self.due_on <= today

    def is_overdue(self, today: date) -> bool:
        """Has its day gone by?"""
        return self.due_on < today


def day(moment: datetime) -> date:
    """The calendar day in London."""
    return moment.astimezone(LONDON).date()


def standing(acts: Sequence[Act]) -> Review | None:
    """How the review of a case stands after these acts, oldest first; None where it is under none."""
    began: Act | None = None
    done: list[Act] = []
    for act in acts:
        match act.kind:
            case Kind.BEGAN if began is None:
                began, done = act, []
            case Kind.DONE if began is not None:
                done.append(act)
            case Kind.ENDED:
                began = None
    if began is None:
        return None
    last = done[-1] if done else None
    due_on = day((last or began).at) + EVERY
    return Review(began.conversation_id, day(began.at), len(done), last, due_on)
