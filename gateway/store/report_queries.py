"""What was sent and received in a period, and what answered it, for reports. Test messages are left out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.mail_replies import Judgement, MailReplyStage
from gateway.core.message_name import Direction, MessageName, build_name
from gateway.store.tables import inbox, mail_replies, outbox, outbox_contents, receipts
from schemas.message import OPENS_A_CASE, MessageKind, RestrictionLevel
from schemas.shapes import CaseId, MessageId

_contents = outbox_contents.c
# A purge alone empties a copy.
_OURS = select(
    outbox, and_(_contents.data_key.is_(None), func.length(_contents.content) == 0).label("purged")
).outerjoin_from(outbox, outbox_contents, _contents.message_id == outbox.c.message_id)
_THEIRS = select(inbox, and_(inbox.c.data_key.is_(None), func.length(inbox.c.content) == 0).label("purged"))
TAKEN_BACK = (DeliveryState.WITHDRAWN, InboxState.WITHDRAWN, InboxState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class ReportedNotice:
    """A notice that stands: neither taken back nor corrected by another."""

    direction: Direction
    partner: str
    message_id: MessageId
    case_id: CaseId
    kind: MessageKind
    restriction: RestrictionLevel
    state: DeliveryState | InboxState
    # When it was queued here, or came.
    at: datetime
    state_at: datetime
    sealed: bool
    # By telephone.
    handed_over_at: datetime | None = None
    # Its time ended, and what it said was destroyed.
    purged: bool = False

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return build_name(self.direction, self.partner, self.message_id)


@dataclass(frozen=True, slots=True)
class ReportedReply:
    """A reply to a notice: theirs to ours as it came, ours to theirs as it was queued."""

    answers: MessageId
    partner: str
    message_id: MessageId
    kind: MessageKind
    at: datetime


def list_period_notices(tx: Connection, since: datetime, until: datetime) -> list[ReportedNotice]:
    """List every notice that was sent or received in the period, the oldest first."""
    ours = _OURS.where(_is_sent_between(since, until)).order_by(outbox.c.queued_at, outbox.c.message_id)
    theirs = _THEIRS.where(_is_received_between(since, until)).order_by(inbox.c.received_at, inbox.c.message_id)
    return _read_notices(tx, ours, theirs)


def list_case_notices(tx: Connection, case_id: CaseId) -> list[ReportedNotice]:
    """List every notice of a case that reports count."""
    standing = (_is_standing_notice(at.kind, at.state) & at.test.is_(False) for at in (outbox.c, inbox.c))
    ours, theirs = (
        query.where(at.case_id == case_id, stands)
        for query, at, stands in zip((_OURS, _THEIRS), (outbox.c, inbox.c), standing, strict=True)
    )
    return _read_notices(tx, ours, theirs)


def list_case_replies(tx: Connection, case_id: CaseId) -> tuple[list[ReportedReply], list[ReportedReply]]:
    """List what came in answer to our notices of a case, and what we answered to theirs, each the oldest first."""
    to_ours = _select_their_replies().where(outbox.c.case_id == case_id)
    to_theirs = _select_our_replies().where(inbox.c.case_id == case_id)
    return list(_read_replies(tx, to_ours)), list(_read_replies(tx, to_theirs))


def _read_notices(tx: Connection, ours: Select[Any], theirs: Select[Any]) -> list[ReportedNotice]:
    our_notices = [_read_our_notice(row) for row in tx.execute(ours)]
    return our_notices + [_build_notice("came", row.sender, row, row.received_at, True) for row in tx.execute(theirs)]


def list_their_replies(tx: Connection, since: datetime, until: datetime) -> Iterator[ReportedReply]:
    """Yield what came in answer to the notices that we sent in the period, the oldest first."""
    return _read_replies(tx, _select_their_replies().where(_is_sent_between(since, until)))


def _select_their_replies() -> Select[Any]:
    answers = and_(
        inbox.c.in_reply_to == outbox.c.message_id,
        inbox.c.sender == outbox.c.recipient,
        inbox.c.misfit.is_(None),
    )
    query = select(inbox.c.in_reply_to, inbox.c.sender, inbox.c.message_id, inbox.c.kind, inbox.c.received_at)
    return query.join_from(outbox, inbox, answers).order_by(inbox.c.received_at, inbox.c.message_id)


def list_our_replies(tx: Connection, since: datetime, until: datetime) -> Iterator[ReportedReply]:
    """Yield what we answered to the notices that came in the period, the oldest first."""
    return _read_replies(tx, _select_our_replies().where(_is_received_between(since, until)))


def _select_our_replies() -> Select[Any]:
    answers = and_(
        # By which the index finds it.
        outbox.c.case_id == inbox.c.case_id,
        outbox.c.in_reply_to == inbox.c.message_id,
        outbox.c.recipient == inbox.c.sender,
    )
    query = select(outbox.c.in_reply_to, outbox.c.recipient, outbox.c.message_id, outbox.c.kind, outbox.c.queued_at)
    return query.join_from(inbox, outbox, answers).order_by(outbox.c.queued_at, outbox.c.message_id)


def list_first_receipts(tx: Connection, since: datetime, until: datetime) -> dict[str, datetime]:
    """Return when we had the first accepting receipt for each notice that we sent in the period."""
    theirs = and_(
        receipts.c.message_id == outbox.c.message_id,
        receipts.c.issuer == outbox.c.recipient,
        receipts.c.result == "accepted",
    )
    query = select(receipts.c.message_id, receipts.c.at).join_from(outbox, receipts, theirs)
    rows = tx.execute(query.where(_is_sent_between(since, until)).order_by(receipts.c.number.desc()))
    return {row.message_id: row.at for row in rows}


def list_answered_letters(tx: Connection, since: datetime, until: datetime) -> dict[str, datetime]:
    """Return when the mail came in which an officer read that each letter of the period was accepted: a weaker word."""
    mine = and_(
        mail_replies.c.message_id == outbox.c.message_id,
        mail_replies.c.stage == MailReplyStage.JUDGED,
        mail_replies.c.judgement == Judgement.ACCEPTED,
    )
    query = select(mail_replies.c.message_id, mail_replies.c.came_at).join_from(outbox, mail_replies, mine)
    rows = tx.execute(query.where(_is_sent_between(since, until)).order_by(mail_replies.c.number.desc()))
    return {row.message_id: row.came_at for row in rows}


def _is_sent_between(since: datetime, until: datetime) -> ColumnElement[bool]:
    mine = outbox.c
    return and_(
        mine.queued_at >= since,
        mine.queued_at < until,
        mine.test.is_(False),
        _is_standing_notice(mine.kind, mine.state),
    )


def _is_received_between(since: datetime, until: datetime) -> ColumnElement[bool]:
    mine = inbox.c
    return and_(
        mine.received_at >= since,
        mine.received_at < until,
        mine.test.is_(False),
        _is_standing_notice(mine.kind, mine.state),
    )


def _is_standing_notice(kind: ColumnElement[str], state: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(kind.in_(OPENS_A_CASE), state.not_in(TAKEN_BACK))


def _read_our_notice(row: Row[Any]) -> ReportedNotice:
    reported = _build_notice("sent", row.recipient, row, row.queued_at, row.protection == "sealed")
    return replace(reported, handed_over_at=row.handed_over_at)


def _build_notice(direction: Direction, partner: str, row: Row[Any], at: datetime, sealed: bool) -> ReportedNotice:
    return ReportedNotice(
        direction=direction,
        partner=partner,
        message_id=row.message_id,
        case_id=row.case_id,
        kind=row.kind,
        restriction=row.restriction,
        state=DeliveryState(row.state) if direction == "sent" else InboxState(row.state),
        at=at,
        state_at=row.state_at,
        sealed=sealed,
        purged=bool(row.purged),
    )


def _read_replies(tx: Connection, query: Select[Any]) -> Iterator[ReportedReply]:
    return (ReportedReply(*row) for row in tx.execute(query))
