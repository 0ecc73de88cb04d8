"""Destroy what is held of a case: first every wrapped data key, then what was locked with them, then every digest.

Of a message its row stays, which says nothing of a child: who sent what kind of message when, and its state. By it a
repeat is known again, statements are compared, and reports count. What the audit log, receipts and tries say stays.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select, update

from gateway.core.draft_state import DraftState
from gateway.core.message_name import MessageName
from gateway.store import blind_index
from gateway.store.calls import RECEIVED
from gateway.store.compositions import CompositionState
from gateway.store.database import is_among
from gateway.store.tables import (
    api_answers,
    assignments,
    calls,
    case_notes,
    compositions,
    drafts,
    inbox,
    intake,
    mail_replies,
    matches,
    not_asked,
    outbox,
    outbox_contents,
    reviews,
)
from schemas.shapes import CaseId, MessageId

# Whose files hold, after a purge, what was destroyed in them.
TOUCHED = tuple(
    table.name
    for table in (
        outbox_contents,
        inbox,
        *blind_index.TABLES,
        intake,
        drafts,
        compositions,
        calls,
        case_notes,
        not_asked,
        mail_replies,
        matches,
        reviews,
        assignments,
        api_answers,
    )
)


@dataclass(frozen=True, slots=True)
class DestroyedCase:
    """What was destroyed of a case: its messages, and how many notes, calls and emails."""

    messages: Sequence[MessageName]
    notes: int
    # When the newest leaver's row was sent that became one of them.
    leaver_sent_at: datetime | None


def list_held_messages(tx: Connection, case_id: CaseId) -> list[MessageName]:
    """List the messages of a case of which our copy is still held."""
    ours, theirs, contents = outbox.c, inbox.c, outbox_contents.c
    sent = (
        select(ours.message_id)
        .join_from(outbox, outbox_contents, contents.message_id == ours.message_id)
        .where(ours.case_id == case_id, contents.data_key.is_not(None))
    )
    came = select(theirs.sender, theirs.message_id).where(theirs.case_id == case_id, theirs.data_key.is_not(None))
    return [
        *(MessageName("", message_id) for message_id in sorted(tx.scalars(sent))),
        *sorted(MessageName(row.sender, row.message_id) for row in tx.execute(came)),
    ]


def destroy_case(tx: Connection, case_id: CaseId) -> DestroyedCase:
    """Destroy what is held of a case, whatever of it was destroyed before."""
    names = list_held_messages(tx, case_id)
    ours = list(map(MessageId, tx.scalars(select(outbox.c.message_id).where(outbox.c.case_id == case_id))))
    came = select(inbox.c.sender, inbox.c.message_id).where(inbox.c.case_id == case_id)
    theirs = [MessageName(row.sender, row.message_id) for row in tx.execute(came)]
    rows = list(_list_locked_rows(tx, case_id, ours, theirs))
    for table, mine in rows:
        tx.execute(update(table).where(mine).values(data_key=None))
    tx.execute(
        update(outbox_contents)
        .where(is_among(tx, outbox_contents.c.message_id, ours))
        .values(data_key=None, content=b"", sealed=b"")
    )
    tx.execute(update(outbox).where(outbox.c.case_id == case_id).values(reason=None, receipt_due=None))
    tx.execute(update(inbox).where(inbox.c.case_id == case_id).values(data_key=None, content=b""))
    notes = sum(tx.execute(delete(table).where(mine)).rowcount for table, mine in rows if table in _DELETED)
    # By its own number, which says nothing: two of one notice never have the same.
    emails = tx.execute(
        update(mail_replies)
        .where(is_among(tx, mail_replies.c.message_id, ours))
        .values(data_key=None, content=b"", mark=mail_replies.c.number)
    )
    for table in (reviews, assignments):
        tx.execute(delete(table).where(table.c.case_id == case_id))
    blind_index.delete_from_index(tx, [*(MessageName("", message_id) for message_id in ours), *theirs])
    leavers = is_among(tx, intake.c.message_id, ours)
    sent_at = max(tx.scalars(select(intake.c.at).where(leavers)), default=None)
    tx.execute(delete(intake).where(leavers))
    for name in theirs:
        tx.execute(delete(matches).where(matches.c.sender == name.sender, matches.c.message_id == name.message_id))
    return DestroyedCase(names, notes + emails.rowcount, sent_at)


_DELETED = (case_notes, not_asked, calls, drafts)


def _list_locked_rows(
    tx: Connection, case_id: CaseId, ours: Sequence[str], theirs: Collection[MessageName]
) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield which rows of which tables are locked each with a data key of its own, and are of this case."""
    yield outbox_contents, is_among(tx, outbox_contents.c.message_id, ours)
    yield inbox, inbox.c.case_id == case_id
    yield case_notes, case_notes.c.case_id == case_id
    yield not_asked, not_asked.c.case_id == case_id
    about_ours = is_among(tx, calls.c.message_id, ours)
    yield calls, and_(about_ours, or_(calls.c.result.is_(None), calls.c.result.not_like(f"{RECEIVED}%")))
    for name in theirs:
        yield calls, and_(calls.c.message_id == name.message_id, calls.c.result == f"{RECEIVED}{name.sender}")
    yield mail_replies, is_among(tx, mail_replies.c.message_id, ours)
    yield drafts, is_among(tx, drafts.c.message_id, ours)


def count_ended_records(tx: Connection, before: datetime) -> int:
    """Count what ended by then outside cases: discarded leavers, unfinished notices, answers of the API."""
    return sum(
        tx.scalar(select(func.count()).select_from(table).where(ended)) or 0 for table, ended in _list_ended(before)
    )


def delete_ended_records(tx: Connection, before: datetime) -> int:
    """Delete what ended by then outside cases; return how many."""
    count = 0
    for table, ended in _list_ended(before):
        tx.execute(update(table).where(ended).values(data_key=None))
        count += tx.execute(delete(table).where(ended)).rowcount
    return count


def _list_ended(before: datetime) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    yield drafts, and_(drafts.c.state == DraftState.DISCARDED, drafts.c.ended_at <= before)
    yield compositions, and_(compositions.c.state != CompositionState.WRITING, compositions.c.changed_at <= before)
    # They go after a day, where the API is used.
    yield api_answers, api_answers.c.begun_at <= before
