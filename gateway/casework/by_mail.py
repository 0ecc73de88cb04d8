"""Replies to letters, as an officer of ours reads them: only what a person says of one moves the notice.

That a reply was read is an entry of the audit log, as of any notice. "Accepted by mail" is no signed acceptance, is
shown as what it is, and closes nothing: `by_hand.close_notice` wants a signature or a call.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, assert_never

from adapters.route import MailText
from gateway.context import Gateway
from gateway.core.causes import EMAIL
from gateway.core.copy_names import name_mail_reply
from gateway.core.delivery import DeliveryState, may_move
from gateway.core.mail_replies import BECOMES, Judgement, MailReplyKind, MailReplyStage
from gateway.errors import NotAllowed, NotFound
from gateway.exchange import hear_mail
from gateway.store import audit_log, mail_replies, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from keys import at_rest
from keys.at_rest import Locked
from keys.errors import Destroyed
from schemas.shapes import MessageId

Also = Callable[[Tx, MessageId], None]
BY_MAIL = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.ACCEPTED_BY_MAIL,
    DeliveryState.REJECTED,
)
# from which a mail may move a letter: nobody signed anything about it, and it is not at its end


class AnsweredLetter(NamedTuple):
    """A reply, and the notice of ours that it is about."""

    reply: MailReply
    sent: Delivery


class OpenedReply(NamedTuple):
    """The same, opened for a person; no text where its key was destroyed."""

    reply: MailReply
    sent: Delivery
    text: MailText | None


def list_waiting_replies(gw: Gateway, limit: int | None = None, *, cursor: int = 0) -> list[AnsweredLetter]:
    """List the replies that nobody has read, the oldest first; `cursor` is the number of the last that was seen."""
    return gw.store.look(lambda tx: _join_sent(tx, mail_replies.list_waiting_replies(tx, limit, cursor=cursor)))


def list_mail_replies(gw: Gateway, limit: int, *, cursor: int | None = None) -> list[AnsweredLetter]:
    """List all replies, the newest first; `cursor` is the number of the last that was seen."""
    return gw.store.look(lambda tx: _join_sent(tx, mail_replies.list_mail_replies(tx, limit, cursor=cursor)))


def _join_sent(tx: Tx, replies: Sequence[MailReply]) -> list[AnsweredLetter]:
    sent = outbox.list_deliveries_by_id(tx, [reply.message_id for reply in replies])
    by_id = {notice.message_id: notice for notice in sent}
    return [AnsweredLetter(reply, by_id[reply.message_id]) for reply in replies]


def count_waiting_replies(gw: Gateway) -> int:
    """Count the replies that nobody has read."""
    return gw.store.look(mail_replies.count_waiting_replies)[0]


def get_case_reply(gw: Gateway, case: str, number: int) -> MailReply:
    """Return the reply, if it is one of this case. Raises NotFound."""

    def read(tx: Tx) -> MailReply:
        reply = mail_replies.get_mail_reply(tx, number)
        if outbox.get_delivery(tx, reply.message_id).case_id != case:
            raise NotFound("case.other-notice")
        return reply

    return gw.store.look(read)


def read_mail_reply(gw: Gateway, number: int, by: str) -> OpenedReply:
    """Open a reply for a person, with the notice that it is about."""

    def get_and_log(tx: Tx) -> tuple[MailReply, Delivery, Locked]:
        reply = mail_replies.get_mail_reply(tx, number)
        sent = outbox.get_delivery(tx, reply.message_id)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("reply.read", by, sent.message_id, sent.recipient)])
        return reply, sent, Locked(*mail_replies.get_locked_mail_reply(tx, number))

    reply, sent, copy = gw.store.run(get_and_log)
    try:
        text = hear_mail.read_mail_text(at_rest.unlock(copy, about=name_mail_reply(reply.message_id), ring=gw.ring))
    except Destroyed:
        text = None
    return OpenedReply(reply, sent, text)


def judge_mail_reply(gw: Gateway, number: int, judgement: Judgement, by: str, also: Also | None = None) -> MailReply:
    """Write down what an officer read in a reply; the notice moves, where nobody has said anything better of it since.

    What was judged may be judged otherwise. Raises NotFound, or NotAllowed where it is a report, or is judged so
    already.
    """

    def write_judgement(tx: Tx) -> MailReply:
        reply = mail_replies.get_mail_reply(tx, number)
        others = [
            other_reply
            for other_reply in mail_replies.list_mail_replies_about(tx, [reply.message_id])
            if other_reply.number != number
        ]
        _check_judgement(reply, others, judgement)
        sent = outbox.get_delivery(tx, reply.message_id)
        if not mail_replies.set_judgement(tx, gw.now(), reply, judgement, by):
            raise _already_judged()
        to = _choose_state(sent, reply, others, judgement)
        if to is not None:
            reason, cause = _judgement_reason(reply, judgement), EMAIL if to is DeliveryState.REJECTED else None
            outbox.advance_delivery(tx, gw.now(), sent.message_id, sent.recipient, to, reason=reason, cause=cause)
        audit_log.append_entries(tx, gw.now(), _judgement_entries(sent, reply, judgement, by, to))
        if also:
            also(tx, sent.message_id)
        return mail_replies.get_mail_reply(tx, number)

    return gw.store.run(write_judgement)


def _judgement_entries(
    sent: Delivery, reply: MailReply, judgement: Judgement, by: str, to: DeliveryState | None
) -> list[AuditEntry]:
    about, partner, digest = sent.message_id, sent.recipient, sent.digest
    judged = AuditEntry("reply.judged", by, about, partner, digest, {"judgement": judgement.value})
    match to:
        case None:
            return [judged]
        case DeliveryState.ACCEPTED_BY_MAIL:
            return [AuditEntry("notice.accepted-by-mail", by, about, partner, digest, {"worth": describe_worth(reply)})]
        case DeliveryState.REJECTED:
            return [AuditEntry("notice.not-accepted", by, about, partner, digest, {"worth": describe_worth(reply)})]
        case DeliveryState.FAILED:
            return [judged, AuditEntry("notice.came-back", by, about, partner, digest)]
        case _:
            return [AuditEntry("notice.not-from-a-person", by, about, partner, digest)]


def _check_judgement(reply: MailReply, others: Sequence[MailReply], judgement: Judgement) -> None:
    if reply.stage is MailReplyStage.JUDGED and reply.judgement is judgement:
        raise _already_judged()
    came_back = any(
        other_reply.what is MailReplyKind.REPORT and other_reply.number > reply.number for other_reply in others
    )
    if reply.what is MailReplyKind.REPORT or (judgement is Judgement.ACCEPTED and came_back and not reply.signed):
        raise NotAllowed("mail-reply.came-back")


def _already_judged() -> NotAllowed:
    return NotAllowed("mail-reply.already")


def _choose_state(
    sent: Delivery, reply: MailReply, others: Sequence[MailReply], judgement: Judgement
) -> DeliveryState | None:
    """Return how the notice stands then; None where it stays: it is signed, has ended, or nothing had moved it."""
    to = BECOMES[judgement]
    if judgement is Judgement.NO_PERSON:
        if not _was_moved_by(sent, reply, others):
            return None
        if any(other_reply.what is MailReplyKind.REPORT for other_reply in others):
            # As it stood before.
            to = DeliveryState.FAILED
    movable = sent.protection != "sealed" and sent.state in BY_MAIL and may_move(sent.state, to)
    return to if movable else None


def _was_moved_by(sent: Delivery, reply: MailReply, others: Sequence[MailReply]) -> bool:
    """Tell whether the notice stands as this reply was judged, and no other like it."""
    if (
        reply.stage is not MailReplyStage.JUDGED
        or reply.judgement is None
        or BECOMES[reply.judgement] is not sent.state
    ):
        return False
    return not any(
        other_reply.stage is MailReplyStage.JUDGED and other_reply.judgement is reply.judgement
        for other_reply in others
    )


def _judgement_reason(reply: MailReply, judgement: Judgement) -> str:
    match judgement:
        case Judgement.ACCEPTED:
            return f"accepted by email: {describe_worth(reply)}"
        case Judgement.NOT_ACCEPTED:
            return f"not accepted, by email: {describe_worth(reply)}"
        case Judgement.NO_PERSON:
            return "the email reply was not from a person"
        case _:
            assert_never(judgement)


def describe_worth(reply: MailReply) -> str:
    """Describe how good an answer it is."""
    domain = reply.domain or "an unclear address"
    if reply.signed:
        return f"an email from {domain}, signed with the certificate held here"
    elsewhere = "" if reply.from_there else ", which is not the address it was sent to"
    return f"an email from {domain}{elsewhere}; it quotes the reference and is not signed"
