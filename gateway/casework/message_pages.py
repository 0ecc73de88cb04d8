"""What came and what was sent, page by page, and how much waits: for officers, and for case systems.

Nothing here tells what a message says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gateway.casework import message_status
from gateway.casework.failed_notices import NO_TASK
from gateway.casework.messages import StoredMessage, get_sent_message
from gateway.context import Gateway
from gateway.core.calendar import LONDON, Span
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.match_state import MatchState
from gateway.core.periods import get_moments
from gateway.store import drafts, inbox, mail_replies, outbox, searches
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas.message import OPENS_A_CASE
from schemas.shapes import CaseId, MessageId

T = TypeVar("T", bound=StoredMessage)


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """A page of a list that is too long to be counted, and whether there is more before and after it."""

    items: Sequence[T]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a list begins: after a message, or where it ends: before one; by the names of messages."""

    after: str = ""
    before: str = ""


def count_other_work(gw: Gateway) -> tuple[int, int, int]:
    """Count what stands in the inbox beside notices (unread emails, what was not delivered), matches, and leavers."""

    def read(tx: Tx) -> tuple[int, int, int]:
        return (
            mail_replies.count_waiting_replies(tx)[0] + outbox.count_failed(tx, NO_TASK),
            searches.count_searches(tx, MatchState.MATCHED)[0],
            drafts.count_open_drafts(tx)[0],
        )

    return gw.store.look(read)


def list_received_page(gw: Gateway, place: Cursor, size: int) -> Stretch[InboxItem]:
    """List a page of all that came, the newest first. Raises NotFound, Ambiguous."""
    name = place.after or place.before
    at = message_status.get_received_message(gw, name) if name else None
    wanted = inbox.InboxQuery(oldest_first=_goes_back(place), cursor=(at.received_at, at.message_id) if at else None)
    items = gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now(), wanted, limit=size + 1))
    return _build_stretch(items, place, size)


def _goes_back(place: Cursor) -> bool:
    return bool(place.before and not place.after)


def _build_stretch(items: list[T], place: Cursor, size: int) -> Stretch[T]:
    """Build the page of one more message than it holds: that one says that there are others."""
    more, shown = len(items) > size, items[:size]
    if _goes_back(place):
        return Stretch(shown[::-1], has_newer=more, has_older=True)
    return Stretch(shown, has_newer=bool(place.after), has_older=more)


def list_received_of_cases(gw: Gateway, cases: Iterable[CaseId]) -> list[InboxItem]:
    """List all that came in these cases, the newest first."""

    def read(tx: Tx) -> list[InboxItem]:
        return [
            item
            for case in cases
            for item in inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case), limit=None)
        ]

    return sorted(gw.store.look(read), key=lambda item: (item.received_at, item.message_id), reverse=True)


def list_sent_page(gw: Gateway, place: Cursor, size: int, *, whole: bool) -> Stretch[Delivery]:
    """List a page of the notices that we sent, the newest first; `whole`: with our replies. Raises NotFound."""
    name = place.after or place.before
    at = get_sent_message(gw, MessageId(name)) if name else None
    wanted = outbox.OutboxQuery(
        kinds=() if whole else OPENS_A_CASE,
        oldest_first=_goes_back(place),
        cursor=(at.queued_at, at.message_id) if at else None,
    )
    return _build_stretch(gw.store.look(lambda tx: outbox.search_outbox(tx, wanted, limit=size + 1)), place, size)


def list_whole_sent(gw: Gateway, *, whole: bool, days: Span | None, limit: int) -> list[Delivery]:
    """List all that we sent, or of these days, the newest first, as far as a limit; `whole`: with our replies."""
    since, until = get_moments(days) if days else (None, None)
    wanted = outbox.OutboxQuery(kinds=() if whole else OPENS_A_CASE, since=since, cursor=(until, "") if until else None)
    return gw.store.look(lambda tx: outbox.search_outbox(tx, wanted, limit=limit))


def list_sent_years(gw: Gateway) -> list[int]:
    """List the years from the first that we sent to the newest, the newest first."""

    def read_ends(tx: Tx) -> list[Delivery]:
        first = outbox.search_outbox(tx, outbox.OutboxQuery(oldest_first=True), limit=1)
        return first + outbox.search_outbox(tx, limit=1)

    years = [delivery.queued_at.astimezone(LONDON).year for delivery in gw.store.look(read_ends)]
    return list(range(max(years), min(years) - 1, -1)) if years else []


def list_sent_of_cases(gw: Gateway, cases: Iterable[CaseId], *, whole: bool) -> list[Delivery]:
    """List the same of these cases only, all on one page."""

    def read(tx: Tx) -> list[Delivery]:
        sent = [delivery for case in cases for delivery in outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case))]
        return [delivery for delivery in sent if whole or delivery.kind in OPENS_A_CASE]

    return sorted(gw.store.look(read), key=lambda delivery: (delivery.queued_at, delivery.message_id), reverse=True)


def list_sent_before(
    gw: Gateway,
    cursor: tuple[datetime, str] | None,
    *,
    state: DeliveryState | None,
    recipient: str | None,
    since: datetime | None,
    limit: int,
) -> list[Delivery]:
    """List what we sent, the newest first, of which all that is given holds; `cursor`: where the page before ended."""
    return gw.store.look(
        lambda tx: outbox.search_outbox(
            tx,
            outbox.OutboxQuery(states=(state,) if state else (), recipient=recipient, since=since, cursor=cursor),
            limit=limit,
        )
    )


def list_received_before(
    gw: Gateway,
    cursor: tuple[datetime, str] | None,
    *,
    state: InboxState | None,
    sender: str | None,
    since: datetime | None,
    limit: int,
) -> list[InboxItem]:
    """List what came, the newest first, of which all that is given holds; `cursor`: where the page before ended."""
    return gw.store.look(
        lambda tx: inbox.search_inbox(
            tx,
            gw.now(),
            inbox.InboxQuery(states=(state,) if state else (), sender=sender, since=since, cursor=cursor),
            limit=limit,
        )
    )
