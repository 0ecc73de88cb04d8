"""The review of a child whose whereabouts are unknown: every fourteen days, until the search ends.

    began --14 days--> due --done--> 14 days later due again ... --ended
                                                                   '--a further search in the same case--> began

A case is under review from its first search on (a WhereaboutsEnquiry or a WhereaboutsUnknownNotice of ours, no test)
until the child is located, or a person ends it with a reason. That somebody answered "found" ends nothing: an officer
confirms it, and stands down. Days are calendar days in London; one that falls on a weekend stays where it falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from gateway.core.calendar import LONDON
from schemas.shapes import CaseId

EVERY = timedelta(days=14)


class ReviewActKind(StrEnum):
    """What was done in a review."""

    BEGAN = "began"
    DONE = "done"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ReviewAct:
    """One act in the review of a case."""

    case_id: CaseId
    at: datetime
    kind: ReviewActKind
    by: str
    # source=result, with spaces between; codes of enquiry_sources and enquiry_results.
    checked: str | None = None
    # How many authorities.
    asked_again: int = 0
    # Why it ended: a code of located_ways, or withdrawn.
    reason: str | None = None
    # A manager's decision names who.
    decided_by: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A case that is under review, and how it stands."""

    case_id: CaseId
    since: date
    done: int
    last: ReviewAct | None
    due_on: date

    def is_due(self, today: date) -> bool:
        """Tell whether it is to be done today, or should have been."""
        return self.due_on <= today

    def is_overdue(self, today: date) -> bool:
        """Tell whether its day has gone by."""
        return self.due_on < today


def to_london_day(moment: datetime) -> date:
    """Return the calendar day in London."""
    return moment.astimezone(LONDON).date()


def find_review(acts: Sequence[ReviewAct]) -> Review | None:
    """Return how the review of a case stands after these acts, oldest first; None where it is under none."""
    began: ReviewAct | None = None
    done: list[ReviewAct] = []
    for act in acts:
        match act.kind:
            case ReviewActKind.BEGAN if began is None:
                began, done = act, []
            case ReviewActKind.DONE if began is not None:
                done.append(act)
            case ReviewActKind.ENDED:
                began = None
    if began is None:
        return None
    last = done[-1] if done else None
    due_on = to_london_day((last or began).at) + EVERY
    return Review(began.case_id, to_london_day(began.at), len(done), last, due_on)
