"""In which order an officer is shown what waits, what of it is asked for, and how much of it is late.

    1  safeguarding          the message is about the safety of a child (`urgency`)
    2  restricted            phone only, then address withheld
    3  overdue
    4  due, or to be called about
    5  nothing is due

Within each, what is due first stands first; then what came first. Every message has one place, in every order.
Nothing of a child stands here but identifiers and dates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.core.calendar import LONDON
from gateway.core.message_name import MessageName
from gateway.core.periods import is_within_week
from schemas.message import MessageKind, RestrictionLevel
from schemas.shapes import CaseId

LAST = datetime.max.replace(tzinfo=UTC)
RESTRICTED: Sequence[RestrictionLevel] = ("phone-only", "address-withheld")
# In place of a person: the messages that are assigned to nobody.
NOBODY = "-"


class InboxSort(StrEnum):
    """By what the inbox is sorted."""

    URGENCY = "urgency"
    DUE = "due"
    RECEIVED = "received"
    AUTHORITY = "authority"
    KIND = "kind"


class DueWhen(StrEnum):
    """When what is due is due."""

    LATE = "late"
    TODAY = "today"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that waits for an officer, as far as its place in the order hangs on it."""

    name: MessageName
    case: CaseId
    kind: MessageKind
    restriction: RestrictionLevel
    urgent: bool
    received_at: datetime
    # None: nothing is due on it.
    due_at: datetime | None
    # An officer has to ring its sender, though nothing is due.
    to_call: bool = False
    # The names under which they sign in.
    assigned: frozenset[str] = frozenset()
    # Those who had the case, and work here no more.
    left: frozenset[str] = frozenset()
    # Those who stand in for somebody who has the case and is away.
    stand_ins: frozenset[str] = frozenset()

    def has_officer(self, name: str) -> bool:
        """Tell whether it is theirs to deal with: assigned to them, or to somebody for whom they stand in."""
        return name in self.assigned or name in self.stand_ins

    def is_late(self, now: datetime) -> bool:
        """Tell whether what is due on it is late."""
        return self.due_at is not None and self.due_at <= now

    def is_due_today(self, now: datetime) -> bool:
        """Tell whether what is due on it is late by the end of the day in London, and is not yet."""
        if self.due_at is None or self.is_late(now):
            return False
        return self.due_at.astimezone(LONDON).date() == now.astimezone(LONDON).date()


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """What of the inbox is asked for; where nothing is said, any."""

    kind: MessageKind | None = None
    authority: str = ""
    # A person, or NOBODY.
    officer: str = ""
    due: str = ""

    def has_message(self, message: WaitingMessage, now: datetime) -> bool:
        """Tell whether this message is among it."""
        return (
            self.kind in (None, message.kind)
            and self.authority in ("", message.name.sender)
            and self._has_officer(message)
            and self._has_due(message, now)
        )

    def _has_officer(self, message: WaitingMessage) -> bool:
        if self.officer == NOBODY:
            return not message.assigned
        return not self.officer or message.has_officer(self.officer)

    def _has_due(self, message: WaitingMessage, now: datetime) -> bool:
        match self.due:
            case DueWhen.LATE:
                return message.is_late(now)
            case DueWhen.TODAY:
                return message.is_due_today(now)
            case DueWhen.WEEK:
                return message.due_at is not None and is_within_week(message.due_at, now)
            case _:
                return True


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """How many messages wait, and how many of them press."""

    waiting: int
    late: int
    today: int
    # Of the person who looks.
    mine: int
    urgent: int


def sort_waiting(
    messages: Iterable[WaitingMessage], now: datetime, by: InboxSort = InboxSort.URGENCY
) -> list[WaitingMessage]:
    """Sort what waits: the most pressing first, or by something else, and by how pressing it is where that is alike."""

    def by_due(message: WaitingMessage) -> tuple[object, ...]:
        # Who has to be rung waits since it came.
        due = message.received_at if message.to_call else message.due_at or LAST
        return due, message.received_at, message.name

    def by_urgency(message: WaitingMessage) -> tuple[object, ...]:
        return rank_message(message, now), *by_due(message)

    match by:
        case InboxSort.URGENCY:
            return sorted(messages, key=by_urgency)
        case InboxSort.DUE:
            return sorted(messages, key=by_due)
        case InboxSort.RECEIVED:
            return sorted(messages, key=lambda message: (message.received_at, message.name))
        case InboxSort.AUTHORITY:
            return sorted(messages, key=lambda message: (message.name.sender, *by_urgency(message)))
        case InboxSort.KIND:
            return sorted(messages, key=lambda message: (message.kind, *by_urgency(message)))


def rank_message(message: WaitingMessage, now: datetime) -> tuple[int, int]:
    """Return the place of its group, and its place among the restricted: the lower, the more pressing."""
    if message.urgent:
        return 1, 0
    if message.restriction in RESTRICTED:
        return 2, RESTRICTED.index(message.restriction)
    if message.is_late(now):
        return 3, 0
    return (4, 0) if message.due_at or message.to_call else (5, 0)


def count_pressing(messages: Sequence[WaitingMessage], now: datetime, mine: str) -> InboxCounts:
    """Count what waits, and what of it presses; `mine`: who looks."""
    return InboxCounts(
        waiting=len(messages),
        late=sum(message.is_late(now) for message in messages),
        today=sum(message.is_due_today(now) for message in messages),
        mine=sum(message.has_officer(mine) for message in messages),
        urgent=sum(message.urgent for message in messages),
    )
