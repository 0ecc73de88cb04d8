"""How long a case is kept: until so many days after its final outcome, and never while somebody still needs it.

A case ends as a whole. It is open while a message in it waits for anybody, while its search is under review, while an
email about it has not been read, while a notice or a file is being made of it, and while an alert about it waits. Once
nothing of this is so, it ended when the last thing happened in it. A legal hold keeps it for as long as the hold lasts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from gateway.core.calendar import LONDON
from gateway.core.delivery import DeliveryState
from gateway.core.duties import find_missing_on_sent
from gateway.core.inbox_state import TASKS, InboxState
from gateway.core.message_name import Direction
from schemas.message import OPENS_A_CASE, MessageKind
from schemas.shapes import CaseId

# Of a notice of ours.
ENDED = (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN, DeliveryState.EXPIRED)
# In London: when the purge of a day begins, at the earliest.
PURGE_HOUR = time(2)


class OpenWork(StrEnum):
    """Why a case has not ended."""

    MESSAGE = "message"
    REVIEW = "review"
    EMAIL = "email"
    UNFINISHED = "unfinished"
    FILE = "file"
    ALERT = "alert"


class HoldReason(StrEnum):
    """Why a case is kept though its time has come."""

    COURT = "court"
    COMPLAINT = "complaint"
    REVIEW = "safeguarding-review"
    INQUIRY = "inquiry"
    POLICE = "police"
    SUBJECT_ACCESS = "subject-access"
    OTHER = "other"


class RetentionStage(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    HELD = "held"
    # It has ended, and is kept for a time.
    ENDED = "ended"
    # Its time has come.
    DUE = "due"


@dataclass(frozen=True, slots=True)
class RetainedMessage:
    """As much of a message as says whether anybody still waits for something on it."""

    direction: Direction
    kind: MessageKind
    state: DeliveryState | InboxState
    # When it was queued here, or came.
    at: datetime
    state_at: datetime
    test: bool
    # Or it is a letter.
    sealed: bool = True
    # By telephone.
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class RetainedCase:
    """What decides how long a case is kept."""

    case_id: CaseId
    messages: Sequence[RetainedMessage]
    # The newest of its notes, calls, emails and reviews.
    noted_at: datetime | None = None
    # Besides its messages.
    work: Collection[OpenWork] = ()
    held: bool = False

    @property
    def touched_at(self) -> datetime:
        """Return when the last thing happened in it. Raises ValueError for a case in which nothing ever did."""
        moments = [moment for message in self.messages for moment in (message.at, message.state_at)]
        return max([*moments, *([self.noted_at] if self.noted_at else [])])


@dataclass(frozen=True, slots=True)
class CaseRetention:
    """How long a case is kept, and why."""

    case_id: CaseId
    stage: RetentionStage
    work: tuple[OpenWork, ...] = ()
    # None: it is open.
    ended_at: datetime | None = None
    purge_at: datetime | None = None

    @property
    def purge_on(self) -> date | None:
        """Return the first day in London on which it may be purged; None while it is open."""
        return None if self.purge_at is None else find_purge_day(self.purge_at)


def judge_case(case: RetainedCase, days: int, now: datetime) -> CaseRetention:
    """Judge how long a case is kept: `days` after it ended, by the moment `now`."""
    work = tuple(sorted({*case.work, *([OpenWork.MESSAGE] if any(map(_is_waiting, case.messages)) else [])}))
    ended_at = None if work else case.touched_at
    purge_at = None if ended_at is None else ended_at + timedelta(days=days)
    if case.held:
        stage = RetentionStage.HELD
    elif purge_at is None:
        stage = RetentionStage.OPEN
    else:
        stage = RetentionStage.DUE if purge_at <= now else RetentionStage.ENDED
    return CaseRetention(case.case_id, stage, work, ended_at, purge_at)


def _is_waiting(message: RetainedMessage) -> bool:
    """Tell whether anybody still waits for something on a message. Nobody does on a test, once it has left."""
    if isinstance(message.state, InboxState):
        return message.state in TASKS and not message.test
    if message.test:
        return message.state is DeliveryState.QUEUED
    if message.kind in OPENS_A_CASE:
        return message.state not in ENDED
    missing = find_missing_on_sent(message.kind, message.state, sealed=message.sealed, handed_over=message.handed_over)
    return missing is not None


def find_purge_day(purge_at: datetime) -> date:
    """Return the day in London of the first purge that may begin from this moment on."""
    there = purge_at.astimezone(LONDON)
    return there.date() if there.time() <= PURGE_HOUR else there.date() + timedelta(days=1)


def is_purge_due(now: datetime, ended_at: datetime | None) -> bool:
    """Tell whether the purge of today is still to be done, where the last one that was finished ended then."""
    there = now.astimezone(LONDON)
    begins = datetime.combine(there.date(), PURGE_HOUR, LONDON)
    if there < begins:
        begins = datetime.combine(there.date() - timedelta(days=1), PURGE_HOUR, LONDON)
    return ended_at is None or ended_at < begins
