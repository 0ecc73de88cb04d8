"""What was sent and received in a period, and what answered it, for reports. Test messages are left out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from gateway.core.delivery import State
from gateway.core.inbox_state import Standing
from gateway.core.mail_replies import Judgement, Stage
from gateway.store.tables import inbox, mail_replies, outbox, receipts
from schemas.message import OPENS_A_CASE, MessageKind, RestrictionLevel

Direction = Literal["sent", "received"]
TAKEN_BACK = (State.WITHDRAWN, Standing.WITHDRAWN, Standing.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that stands: neither taken back nor corrected by another."""

    direction: Direction
    partner: str
    message_id: str
    conversation_id: str
    kind: MessageKind
    restriction: RestrictionLevel
    state: str
    at: datetime  # when it was queued here, or came
    state_at: datetime
    sealed: bool
    handed_over_at: datetime | None = None  # by telephone


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to a notice: theirs to ours as it came, ours to theirs as it was queued."""

    answers: str
    partner: str
    message_id: str
    kind: MessageKind
    at: datetime


def notices(tx: Connection, since: datetime, until: datetime) -> list[Notice]:
    """Every notice that was sent or received in the period, the oldest first."""
    ours = select(outbox).where(_sent(since, until)).order_by(outbox.c.queued_at, outbox.c.message_id)
    theirs = select(inbox).where(_came(since, until)).order_by(inbox.c.received_at, inbox.c.message_id)
    found = [_ours(row) for row in tx.execute(ours)]
    return found + [_notice("received", row.sender, row, row.received_at, True) for row in tx.execute(theirs)]


def their_replies(tx: Connection, since: datetime, until: datetime) -> Iterator[Reply]:
    """What came in answer to the notices that we sent in the period, the oldest first."""
    answers = and_(
        inbox.c.in_reply_to == outbox.c.message_id,
        inbox.c.sender == outbox.c.recipient,
        inbox.c.misfit.is_(None),
    )
    query = select(inbox.c.in_reply_to, inbox.c.sender, inbox.c.message_id, inbox.c.kind, inbox.c.received_at)
    joined = query.join_from(outbox, inbox, answers).where(_sent(since, until))
    return _replies(tx, joined.order_by(inbox.c.received_at, inbox.c.message_id))


def our_replies(tx: Connection, since: datetime, until: datetime) -> Iterator[Reply]:
    """What we answered to the notices that came in the period, the oldest first."""
    answers = and_(
        outbox.c.conversation_id == inbox.c.conversation_id,  # by which the index finds it
        outbox.c.in_reply_to == inbox.c.message_id,
        outbox.c.recipient == inbox.c.sender,
    )
    query = select(outbox.c.in_reply_to, outbox.c.recipient, outbox.c.message_id, outbox.c.kind, outbox.c.queued_at)
    joined = query.join_from(inbox, outbox, answers).where(_came(since, until))
    return _replies(tx, joined.order_by(outbox.c.queued_at, outbox.c.message_id))


def receipted(tx: Connection, since: datetime, until: datetime) -> dict[str, datetime]:
    """When we had the first accepting receipt for each notice that we sent in the period."""
    theirs = and_(
        receipts.c.message_id == outbox.c.message_id,
        receipts.c.issuer == outbox.c.recipient,
        receipts.c.result == "accepted",
    )
    query = select(receipts.c.message_id, receipts.c.at).join_from(outbox, receipts, theirs)
    found = tx.execute(query.where(_sent(since, until)).order_by(receipts.c.number.desc()))
    return {row.message_id: row.at for row in found}


def letters_answered(tx: Connection, since: datetime, until: datetime) -> dict[str, datetime]:
    """When the mail came in which an officer read that each letter of the period was accepted: a weaker word than a signed one."""
    mine = and_(
        mail_replies.c.message_id == outbox.c.message_id,
        mail_replies.c.stage == Stage.JUDGED,
        mail_replies.c.judgement == Judgement.ACCEPTED,
    )
    query = select(mail_replies.c.message_id, mail_replies.c.came_at).join_from(outbox, mail_replies, mine)
    found = tx.execute(query.where(_sent(since, until)).order_by(mail_replies.c.number.desc()))
    return {row.message_id: row.came_at for row in found}


def _sent(since: datetime, until: datetime) -> ColumnElement[bool]:
    mine = outbox.c
    return and_(mine.queued_at >= since, mine.queued_at < until, mine.test.is_(False), _stand(mine.kind, mine.state))


def _came(since: datetime, until: datetime) -> ColumnElement[bool]:
    mine = inbox.c
    return and_(
        mine.received_at >= since, mine.received_at < until, mine.test.is_(False), _stand(mine.kind, mine.state)
    )


def _stand(kind: ColumnElement[str], state: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(kind.in_(OPENS_A_CASE), state.not_in(TAKEN_BACK))


def _ours(row: Row[Any]) -> Notice:
    made = _notice("sent", row.recipient, row, row.queued_at, row.protection == "sealed")
    return replace(made, handed_over_at=row.handed_over_at)


def _notice(direction: Direction, partner: str, row: Row[Any], at: datetime, sealed: bool) -> Notice:
    return Notice(
        direction=direction,
        partner=partner,
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        kind=row.kind,
        restriction=row.restriction,
        state=row.state,
        at=at,
        state_at=row.state_at,
        sealed=sealed,
    )


def _replies(tx: Connection, query: Select[Any]) -> Iterator[Reply]:
    return (Reply(*row) for row in tx.execute(query))
