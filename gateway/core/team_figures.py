"""How much waits, how much of it is late, and how much is due this week: in all, by officer, and by authority. No I/O.

What is counted is what the lists show of which each figure has a link, and by the same rules, so that a figure and its
list never differ. Nothing of a child stands here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.inbox_order import NOBODY, InboxFilter, WaitingMessage
from gateway.core.periods import is_within_week


@dataclass(frozen=True, slots=True)
class DueCount:
    """How many there are, and how many of them are late, or due by the end of this week."""

    whole: int
    late: int
    week: int


@dataclass(frozen=True, slots=True)
class OwedBetween:
    """What one authority and we owe one another."""

    authority: str
    by_them: DueCount
    by_us: DueCount


def count_due(moments: Iterable[datetime | None], now: datetime) -> DueCount:
    """Count by when each is due; None: nothing is."""
    dues = list(moments)
    late = sum(due is not None and due <= now for due in dues)
    return DueCount(len(dues), late, sum(due is not None and is_within_week(due, now) for due in dues))


def count_by_officer(
    waiting: Sequence[WaitingMessage], officers: Iterable[str], now: datetime
) -> list[tuple[str, DueCount]]:
    """Count what waits for each of these, in their order, and last what nobody has.

    What two people have counts for both.
    """
    return [(name, _count_waiting(waiting, InboxFilter(officer=name), now)) for name in (*officers, NOBODY)]


def _count_waiting(waiting: Sequence[WaitingMessage], wanted: InboxFilter, now: datetime) -> DueCount:
    return count_due((message.due_at for message in waiting if wanted.has_message(message, now)), now)


def count_by_authority(owed: Iterable[tuple[str, str, datetime]], now: datetime) -> list[OwedBetween]:
    """Count what each authority owes us and we owe it, by code: of each duty the authority, the side, when it is due.

    The side is "them" or "us".
    """
    moments: dict[str, dict[str, list[datetime]]] = {}
    for authority, side, due_at in owed:
        moments.setdefault(authority, {"them": [], "us": []})[side].append(due_at)
    return [
        OwedBetween(authority, count_due(sides["them"], now), count_due(sides["us"], now))
        for authority, sides in sorted(moments.items())
    ]
