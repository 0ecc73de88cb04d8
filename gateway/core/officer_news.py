"""What officers are told of by email: counts of what is new for one person, and when it is time to tell them.

An email names nobody: no child, no authority, no notice. What is counted is read off the audit log, so nothing is
counted twice, and nothing that has no entry is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from gateway.core.calendar import LONDON
from schemas.message import OPENS_A_CASE, MessageKind, RestrictionLevel
from schemas.shapes import CaseId, MessageId

# At most one email for a person in this time; what happens meanwhile is collected.
AT_MOST_EVERY = timedelta(minutes=10)
# By which other authorities tell us of a child.
ANSWERS: tuple[MessageKind, ...] = ("Acknowledgement", "Outcome", "WhereaboutsResponse")


class MailChoice(StrEnum):
    """When somebody wants to be told, by their own choice."""

    NONE = "none"
    AT_ONCE = "at-once"
    DAILY = "daily"


class NewsKind(StrEnum):
    """What is counted, in the order in which it is told."""

    NOTICES = "notices"
    # Of the notices, and of whatever else is about the safety of a child.
    URGENT = "urgent"
    ASSIGNED = "assigned"
    ANSWERS = "answers"
    FAILED = "failed"


# Acts of the audit log that may be news.
CAME, URGENT = "message.kept", "notice.urgent"
MAILED = "notice.mail-came"
FAILURES = ("notice.failed", "notice.came-back", "notice.rejected")
ASSIGNED = "case.assigned"
NEWS_ACTS = (CAME, URGENT, MAILED, *FAILURES, ASSIGNED)


@dataclass(frozen=True, slots=True)
class NewsEntry:
    """An entry of the audit log that may be news, with what is known of its message; nothing of what that says."""

    number: int
    act: str
    about: str
    # Of a case that was assigned, to whom; and who did it.
    to: str = ""
    actor: str = ""
    # None: of no message that is held.
    case: CaseId | None = None
    kind: MessageKind | None = None
    restriction: RestrictionLevel = "none"
    test: bool = False


@dataclass(frozen=True, slots=True)
class NewsReader:
    """For whom it is counted. `cases`: the only ones that they see; None: all."""

    name: str
    cases: frozenset[CaseId] | None = None
    # Who is away, and has them as deputy.
    stands_in_for: frozenset[str] = frozenset()


def count_news(entries: Iterable[NewsEntry], reader: NewsReader) -> dict[NewsKind, int]:
    """Count what is news for somebody; kinds of which there is nothing are left out."""
    counted: dict[NewsKind, set[MessageId | CaseId | str]] = {}
    for entry in entries:
        for kind in _list_kinds(entry, reader):
            counted.setdefault(kind, set()).add(entry.about)
    return {kind: len(counted[kind]) for kind in NewsKind if kind in counted}


def _list_kinds(entry: NewsEntry, reader: NewsReader) -> tuple[NewsKind, ...]:
    if entry.act == ASSIGNED:
        # Whoever takes a case knows it.
        is_theirs = entry.to == reader.name or entry.to in reader.stands_in_for
        return (NewsKind.ASSIGNED,) if is_theirs and entry.actor != reader.name else ()
    if entry.test or entry.case is None or (reader.cases is not None and entry.case not in reader.cases):
        return ()
    if entry.act in FAILURES:
        return (NewsKind.FAILED,)
    if entry.act == MAILED:
        return (NewsKind.ANSWERS,)
    if entry.act == URGENT:
        return (NewsKind.URGENT,)
    if entry.kind in OPENS_A_CASE:
        return (NewsKind.NOTICES, NewsKind.URGENT) if entry.restriction != "none" else (NewsKind.NOTICES,)
    return (NewsKind.ANSWERS,) if entry.kind in ANSWERS else ()


def is_time_to_tell(
    choice: MailChoice, daily_at: str, begun_at: datetime | None, now: datetime, *, failing: bool
) -> bool:
    """Tell whether somebody may be told now.

    Args:
        choice: when they want to be told.
        daily_at: the time of day, in UK time, as 08:00.
        begun_at: when an email to them was begun last, or it was looked for the day; None: never.
        now: the time now.
        failing: that email could not be sent, so it is tried again.
    """
    if choice is MailChoice.NONE:
        return False
    # Of a clock that ran fast.
    if begun_at is None or begun_at > now + AT_MOST_EVERY:
        return choice is MailChoice.AT_ONCE or begun_at is not None
    if choice is MailChoice.AT_ONCE or failing:
        return now - begun_at >= AT_MOST_EVERY
    return now - begun_at >= AT_MOST_EVERY and begun_at < _find_last_time(daily_at, now) <= now


def _find_last_time(daily_at: str, now: datetime) -> datetime:
    """Return when it was last this time of day."""
    local = now.astimezone(LONDON)
    today = datetime.combine(local.date(), time.fromisoformat(daily_at), LONDON)
    if today > now:
        today = datetime.combine(local.date() - timedelta(days=1), time.fromisoformat(daily_at), LONDON)
    return today


def format_counts(counts: Mapping[NewsKind, int]) -> str:
    """Format the counts as a detail of the audit log has them: "notices=2 urgent=1"."""
    return " ".join(f"{kind}={count}" for kind, count in counts.items())
