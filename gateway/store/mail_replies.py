"""What came by mail in answer to letters: about which notice, what it is, what an officer read in it; locked, what it
says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.core.mail_replies import Judgement, MailReplyKind, MailReplyStage
from gateway.errors import NotFound
from gateway.store.database import is_among
from gateway.store.rows import get_values, list_columns
from gateway.store.tables import mail_replies
from schemas.shapes import MessageId

_at = mail_replies.c


@dataclass(frozen=True, slots=True)
class NewMailReply:
    """A mail that came, before it has a number."""

    # Of the notice that it is about.
    message_id: MessageId
    came_at: datetime
    what: MailReplyKind
    # From where it claims to come; empty where that is not clear.
    domain: str
    # That is the domain to which we wrote.
    from_there: bool
    # With the certificate that we hold of them.
    signed: bool
    # It says so itself.
    by_machine: bool
    # By which it is known again, where it is fetched twice.
    mark: int
    stage: MailReplyStage
    data_key: bytes | None
    content: bytes


@dataclass(frozen=True, slots=True)
class MailReply:
    """One of them as it stands, without what it says."""

    number: int
    message_id: MessageId
    came_at: datetime
    what: MailReplyKind
    domain: str
    from_there: bool
    signed: bool
    by_machine: bool
    stage: MailReplyStage
    judgement: Judgement | None
    judged_at: datetime | None
    judged_by: str | None


_VIEW = list_columns(mail_replies, MailReply)


def add_mail_reply(tx: Connection, came: NewMailReply) -> int | None:
    """Add one and return its number; None where it is here already."""
    known = select(_at.number).where(_at.message_id == came.message_id, _at.mark == came.mark)
    if tx.scalar(known) is not None:
        return None
    values = get_values(came)
    return int(tx.execute(insert(mail_replies).values(values).returning(_at.number)).scalar_one())


def get_mail_reply(tx: Connection, number: int) -> MailReply:
    """Return one of them. Raises NotFound."""
    row = tx.execute(select(*_VIEW).where(_at.number == number)).first()
    if row is None:
        raise NotFound("mail-reply.not-found")
    return _read_mail_reply(row)


def get_locked_mail_reply(tx: Connection, number: int) -> tuple[bytes | None, bytes]:
    """Return the data key (None when destroyed) and the content."""
    row = tx.execute(select(_at.data_key, _at.content).where(_at.number == number)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def list_mail_replies_about(tx: Connection, message_ids: Collection[str]) -> list[MailReply]:
    """List every one about these notices, the newest first."""
    query = select(*_VIEW).where(is_among(tx, _at.message_id, sorted(message_ids)))
    return sorted((_read_mail_reply(row) for row in tx.execute(query)), key=lambda reply: reply.number, reverse=True)


def count_mail_replies(tx: Connection, message_id: MessageId) -> int:
    """Count those about one notice."""
    return tx.scalar(select(func.count()).select_from(mail_replies).where(_at.message_id == message_id)) or 0


def list_waiting_replies(tx: Connection, limit: int | None = None, *, cursor: int = 0) -> list[MailReply]:
    """List those that wait for an officer, the oldest first; `cursor` is the number of the last that was seen."""
    query = (
        select(*_VIEW).where(_at.stage == MailReplyStage.WAITING, _at.number > cursor).order_by(_at.number).limit(limit)
    )
    return [_read_mail_reply(row) for row in tx.execute(query)]


def list_mail_replies(tx: Connection, limit: int, *, cursor: int | None = None) -> list[MailReply]:
    """List all of them, the newest first."""
    query = select(*_VIEW).order_by(_at.number.desc()).limit(limit)
    return [_read_mail_reply(row) for row in tx.execute(query if cursor is None else query.where(_at.number < cursor))]


def count_waiting_replies(tx: Connection) -> tuple[int, datetime | None]:
    """Count those that wait for an officer, and tell since when the oldest does."""
    query = select(func.count(), func.min(_at.came_at)).where(_at.stage == MailReplyStage.WAITING)
    count, oldest = tx.execute(query).one()
    return count, oldest


def list_waiting_since(tx: Connection) -> dict[MessageId, datetime]:
    """Return of each notice since when a reply waits that no machine says to have written."""
    query = select(_at.message_id, _at.came_at).where(_at.stage == MailReplyStage.WAITING, _at.by_machine.is_(False))
    first: dict[MessageId, datetime] = {}
    for row in tx.execute(query):
        first[row.message_id] = min(row.came_at, first.get(row.message_id, row.came_at))
    return first


def set_judgement(tx: Connection, now: datetime, was: MailReply, judgement: Judgement, by: str) -> bool:
    """Write what an officer read in it; return False where somebody else was faster."""
    mine = _at.number == was.number, _at.stage == was.stage, _at.judged_at.is_not_distinct_from(was.judged_at)
    values = {"stage": MailReplyStage.JUDGED, "judgement": judgement, "judged_at": now, "judged_by": by}
    return tx.execute(update(mail_replies).where(*mine).values(values)).rowcount == 1


def list_accepting_replies(tx: Connection, message_id: MessageId) -> list[MailReply]:
    """List those in which an officer read an acceptance of this notice."""
    return [
        reply
        for reply in list_mail_replies_about(tx, [message_id])
        if reply.judgement is Judgement.ACCEPTED and reply.stage is MailReplyStage.JUDGED
    ]


def undo_judgements(tx: Connection, numbers: Sequence[int]) -> None:
    """Let their acceptance count no more."""
    tx.execute(update(mail_replies).where(_at.number.in_(numbers)).values(stage=MailReplyStage.UNDONE))


def _read_mail_reply(row: Row[Any]) -> MailReply:
    values = row._mapping
    judgement = values["judgement"]
    return MailReply(
        **{
            **values,
            "what": MailReplyKind(values["what"]),
            "stage": MailReplyStage(values["stage"]),
            "judgement": Judgement(judgement) if judgement else None,
        }
    )
