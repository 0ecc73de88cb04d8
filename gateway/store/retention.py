"""What decides how long each case is kept, read for many cases at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, union

from gateway.core.delivery import DeliveryState
from gateway.core.draft_state import DraftState
from gateway.core.inbox_state import InboxState
from gateway.core.mail_replies import MailReplyStage
from gateway.core.retention import OpenWork, RetainedCase, RetainedMessage
from gateway.core.review import ReviewActKind
from gateway.core.transfer_stage import TransferStage
from gateway.store.compositions import CompositionState
from gateway.store.database import is_among
from gateway.store.tables import (
    alerts,
    calls,
    case_notes,
    compositions,
    drafts,
    holds,
    inbox,
    mail_replies,
    not_asked,
    outbox,
    outbox_contents,
    reviews,
    transfer_files,
)
from schemas.shapes import CaseId

# Cases in one question.
AT_ONCE = 200


def list_kept_cases(tx: Connection, before: datetime) -> list[CaseId]:
    """List the cases of which anything is still held that was last touched by then, in the order of their ids."""
    ours = outbox_contents.c
    sent = select(outbox.c.case_id).join_from(outbox_contents, outbox, ours.message_id == outbox.c.message_id)
    held = (
        sent.where(ours.data_key.is_not(None), outbox.c.state_at <= before),
        select(inbox.c.case_id).where(inbox.c.data_key.is_not(None), inbox.c.state_at <= before),
        # Written down while the case was being purged.
        select(case_notes.c.case_id).where(case_notes.c.at <= before),
        select(not_asked.c.case_id).where(func.coalesce(not_asked.c.recorded_at, not_asked.c.noted_at) <= before),
    )
    return sorted(tx.scalars(union(*held)))


def read_cases(tx: Connection, case_ids: Sequence[CaseId]) -> list[RetainedCase]:
    """Read what decides how long these cases are kept, in their order."""
    return [
        case for start in range(0, len(case_ids), AT_ONCE) for case in _read_some(tx, case_ids[start : start + AT_ONCE])
    ]


def _read_some(tx: Connection, case_ids: Sequence[CaseId]) -> list[RetainedCase]:
    messages = _list_messages(tx, case_ids)
    noted = _find_newest_notes(tx, case_ids)
    work: dict[str, set[OpenWork]] = defaultdict(set)
    for kind, cases in _list_open_work(tx, case_ids):
        for case in cases:
            work[case].add(kind)
    held = set(tx.scalars(select(holds.c.case_id).where(is_among(tx, holds.c.case_id, case_ids))))
    return [
        RetainedCase(case, messages[case], noted.get(case), frozenset(work[case]), case in held) for case in case_ids
    ]


def _list_messages(tx: Connection, case_ids: Sequence[CaseId]) -> dict[str, list[RetainedMessage]]:
    messages: dict[str, list[RetainedMessage]] = defaultdict(list)
    ours, theirs = outbox.c, inbox.c
    sent = select(
        *(ours.case_id, ours.kind, ours.state, ours.queued_at, ours.state_at, ours.test),
        *(ours.protection, ours.handed_over_at),
    )
    for row in tx.execute(sent.where(is_among(tx, ours.case_id, case_ids))):
        messages[row.case_id].append(
            RetainedMessage(
                "sent",
                row.kind,
                DeliveryState(row.state),
                row.queued_at,
                row.state_at,
                row.test,
                row.protection == "sealed",
                row.handed_over_at is not None,
            )
        )
    came = select(theirs.case_id, theirs.kind, theirs.state, theirs.received_at, theirs.state_at, theirs.test)
    for case, kind, state, at, state_at, test in tx.execute(came.where(is_among(tx, theirs.case_id, case_ids))):
        messages[case].append(RetainedMessage("came", kind, InboxState(state), at, state_at, test))
    return messages


def _find_newest_notes(tx: Connection, case_ids: Sequence[CaseId]) -> dict[str, datetime]:
    ours = outbox.c.case_id
    theirs = inbox.c.case_id
    judged = func.coalesce(mail_replies.c.judged_at, mail_replies.c.came_at)
    answered = func.coalesce(not_asked.c.recorded_at, not_asked.c.noted_at)
    queries = (
        select(case_notes.c.case_id, case_notes.c.at).where(is_among(tx, case_notes.c.case_id, case_ids)),
        select(reviews.c.case_id, reviews.c.at).where(is_among(tx, reviews.c.case_id, case_ids)),
        select(not_asked.c.case_id, answered).where(is_among(tx, not_asked.c.case_id, case_ids)),
        select(ours, calls.c.recorded_at)
        .join_from(outbox, calls, calls.c.message_id == outbox.c.message_id)
        .where(is_among(tx, ours, case_ids)),
        select(theirs, calls.c.recorded_at)
        .join_from(inbox, calls, calls.c.message_id == inbox.c.message_id)
        .where(is_among(tx, theirs, case_ids)),
        select(ours, judged)
        .join_from(outbox, mail_replies, mail_replies.c.message_id == outbox.c.message_id)
        .where(is_among(tx, ours, case_ids)),
    )
    newest: dict[str, datetime] = {}
    for query in queries:
        for case, at in tx.execute(query):
            newest[case] = max(at, newest.get(case, at))
    return newest


def _list_open_work(tx: Connection, case_ids: Sequence[CaseId]) -> Iterable[tuple[OpenWork, Iterable[str]]]:
    later = reviews.alias("later")
    ended = select(later.c.number).where(
        later.c.case_id == reviews.c.case_id,
        later.c.kind == ReviewActKind.ENDED,
        later.c.number >= reviews.c.number,
    )
    reviewed = select(reviews.c.case_id).where(is_among(tx, reviews.c.case_id, case_ids), ~ended.exists())
    yield OpenWork.REVIEW, tx.scalars(reviewed)
    yield (
        OpenWork.EMAIL,
        _list_cases_with(
            tx,
            case_ids,
            and_(
                mail_replies.c.message_id == outbox.c.message_id,
                mail_replies.c.stage == MailReplyStage.WAITING,
            ),
        ),
    )
    yield (
        OpenWork.UNFINISHED,
        _list_cases_with(
            tx,
            case_ids,
            and_(compositions.c.corrects == outbox.c.message_id, compositions.c.state == CompositionState.WRITING),
        ),
    )
    yield (
        OpenWork.UNFINISHED,
        _list_cases_with(
            tx, case_ids, and_(drafts.c.corrects == outbox.c.message_id, drafts.c.state == DraftState.OPEN)
        ),
    )
    named = (transfer_files.c.sender == inbox.c.sender, transfer_files.c.message_id == inbox.c.message_id)
    written = and_(*named, transfer_files.c.state == TransferStage.WAITING)
    yield OpenWork.FILE, _list_received_with(tx, case_ids, written)
    alerted = and_(alerts.c.sender == inbox.c.sender, alerts.c.message_id == inbox.c.message_id, alerts.c.waits)
    yield OpenWork.ALERT, _list_received_with(tx, case_ids, alerted)


def _list_cases_with(tx: Connection, case_ids: Sequence[CaseId], condition: ColumnElement[bool]) -> Iterable[str]:
    mine = is_among(tx, outbox.c.case_id, case_ids)
    return tx.scalars(select(outbox.c.case_id).where(mine, condition))


def _list_received_with(tx: Connection, case_ids: Sequence[CaseId], condition: ColumnElement[bool]) -> Iterable[str]:
    mine = is_among(tx, inbox.c.case_id, case_ids)
    return tx.scalars(select(inbox.c.case_id).where(mine, condition))


def find_case_of(tx: Connection, name: str) -> CaseId | None:
    """Return the case that is meant by its own id, or by that of one of its messages; None where there is none."""
    for table in (outbox, inbox):
        at = table.c
        query = select(at.case_id).where(or_(at.case_id == name, at.message_id == name)).limit(1)
        if (case := tx.scalar(query)) is not None:
            return CaseId(case)
    return None
