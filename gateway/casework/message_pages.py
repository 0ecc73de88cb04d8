"""What came and what was sent, page by page, and how much waits: for officers, and for case systems.

Nothing here tells what a message says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.casework import message_status
from gateway.casework.failed_notices import NO_TASK
from gateway.casework.messages import get_sent_message
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import TASKS, InboxState
from gateway.core.match_state import MatchState
from gateway.store import drafts, inbox, mail_replies, outbox, searches
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas.message import OPENS_A_CASE
from schemas.shapes import CaseId, MessageId


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """How much waits for officers, by what they do with it."""

    # With the emails that nobody has read, and what was not delivered.
    messages: int
    matches: int
    drafts: int


def count_waiting_work(gw: Gateway, most: int) -> WaitingWork:
    """Count what waits for officers; messages up to `most`."""

    def read(tx: Tx) -> WaitingWork:
        return WaitingWork(
            inbox.count_tasks(tx, gw.now(), most)
            + mail_replies.count_waiting_replies(tx)[0]
            + outbox.count_failed(tx, NO_TASK),
            searches.count_searches(tx, MatchState.MATCHED)[0],
            drafts.count_open_drafts(tx)[0],
        )

    return gw.store.look(read)


def list_inbox_page(gw: Gateway, *, whole: bool, cursor: str, limit: int) -> list[InboxItem]:
    """List what waits for an officer, the oldest first; `whole`: all that came, the newest first.

    `cursor`: the last message of the page before; empty for the first page. Raises NotFound, Ambiguous.
    """
    last = message_status.get_received_message(gw, cursor) if cursor else None
    return gw.store.look(
        lambda tx: inbox.search_inbox(
            tx,
            gw.now(),
            inbox.InboxQuery(
                states=() if whole else TASKS,
                unmatched=whole,
                oldest_first=not whole,
                cursor=(last.received_at, last.message_id) if last else None,
            ),
            limit=limit,
        )
    )


def list_inbox_of_cases(gw: Gateway, cases: Iterable[CaseId], *, whole: bool) -> list[InboxItem]:
    """List the same of these cases only, all on one page."""

    def read(tx: Tx) -> list[InboxItem]:
        return [
            item
            for case in cases
            for item in inbox.search_inbox(
                tx, gw.now(), inbox.InboxQuery(states=() if whole else TASKS, unmatched=whole, case_id=case)
            )
        ]

    return sorted(gw.store.look(read), key=lambda item: (item.received_at, item.message_id), reverse=whole)


def list_sent_page(gw: Gateway, *, whole: bool, cursor: MessageId, limit: int) -> list[Delivery]:
    """List the notices that we sent, the newest first; `whole`: with our replies.

    `cursor`: the last message of the page before; empty for the first page. Raises NotFound.
    """
    last = get_sent_message(gw, cursor) if cursor else None
    return gw.store.look(
        lambda tx: outbox.search_outbox(
            tx,
            outbox.OutboxQuery(
                kinds=() if whole else OPENS_A_CASE, cursor=(last.queued_at, last.message_id) if last else None
            ),
            limit=limit,
        )
    )


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
