"""What the statistics count of a notice: topics and codes, which are all that is kept of it when it is purged.

A report over any days of any later year counts the same as before, because each figure is kept by the day on which its
notice was sent or received. No two topics of one notice are kept together, and no figure names a notice, a case or a
child.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.core.delivery import DeliveryState
from gateway.core.figures import find_duration_band
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import Direction
from schemas.message import Message, Outcome, TransferNotice, WhereaboutsUnknownNotice

# Of a notice, or an outcome, that can no longer be opened.
GONE = "gone"
NOT_SAID = "not-said"
NONE_YET = "none-yet"
# As a notice of ours, and one of theirs, says that it ended without an outcome.
ENDINGS: Mapping[str, str] = {DeliveryState.REJECTED: "rejected", DeliveryState.CONCLUDED: "ended"}


class FigureTopic(StrEnum):
    """What is counted."""

    KIND = "kind"
    PARTNER = "partner"
    REASON = "reason"
    # How long out of education: from a day to a day, for the band depends on the days of the report.
    TIME = "time"
    YEAR = "year"
    RISK = "risk"
    OUTCOME = "outcome"
    UNKNOWN_TIME = "unknown-time"


@dataclass(frozen=True, slots=True)
class KeptFigure:
    """How many notices that were purged count as this."""

    day: date
    direction: Direction
    topic: FigureTopic
    code: str
    count: int = 1


def list_body_figures(message: Message | None, ended: date | None) -> Iterator[tuple[FigureTopic, str]]:
    """Yield what is counted of what a transfer notice, or one of whereabouts unknown, says.

    Args:
        message: the notice; None where it cannot be opened.
        ended: the day on which the case ended; None where it has not.
    """
    body = message.body if message else None
    if isinstance(body, TransferNotice):
        days = [day for school in body.school if (day := school.last_attended or school.leaving_date)]
        since = max(days, default=None)
        yield FigureTopic.REASON, body.cme_reason
        yield FigureTopic.TIME, _format_time(since, ended)
        yield FigureTopic.YEAR, (body.child and body.child.nc_year_actual) or NOT_SAID
        for group in sorted(set(body.needs.risk_group)) if body.needs else ():
            yield FigureTopic.RISK, group
    elif isinstance(body, WhereaboutsUnknownNotice):
        yield FigureTopic.UNKNOWN_TIME, _format_time(body.unknown_since, ended)


def find_end_day(state: DeliveryState | InboxState, state_at_day: date) -> date | None:
    """Return the day on which a notice ended, for the time that a child was out of education; None: it has not."""
    return state_at_day if state in (DeliveryState.CONCLUDED, InboxState.CONCLUDED) else None


def find_outcome(state: DeliveryState | InboxState, outcome: Message | None, *, has_outcome: bool) -> str:
    """Return as which outcome a transfer notice counts.

    Args:
        state: where the notice stands.
        outcome: the outcome that answered it; None where there is none, or it cannot be opened.
        has_outcome: one answered it.
    """
    if outcome is not None and isinstance(outcome.body, Outcome):
        return outcome.body.result
    return GONE if has_outcome else ENDINGS.get(state, NONE_YET)


def _format_time(since: date | None, ended: date | None) -> str:
    return f"{since or ''}/{ended or ''}"


def find_band(code: str, until: date) -> str:
    """Return the band of a time as it is kept, in a report that looks until this day."""
    if code == GONE:
        return GONE
    since, ended = (date.fromisoformat(day) if day else None for day in code.split("/"))
    return find_duration_band(since, min(ended, until) if ended else until)
