"""What comes back by mail, from people or from machines: kept, locked, and a task for an officer.

It acknowledges nothing.

A mail that has the reference of a letter was written by somebody, or something, that got the letter; no more is known.
So the notice stands as it stood until an officer has read the mail (`casework/by_mail.py`). A mail server's report that
the letter did not arrive is believed at once, for then a person looks; it undoes an acceptance that nobody signed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from adapters.route import EmailReply, MailText, Returned
from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.core.copy_names import name_mail_reply
from gateway.core.delivery import DeliveryState, may_move
from gateway.core.mail_replies import MailReplyKind, MailReplyStage
from gateway.store import audit_log, mail_replies, outbox, partner_health
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.mail_replies import NewMailReply
from gateway.store.outbox import TRIED, Delivery, SettledTry
from keys import at_rest, blind, smime

# Mails about one notice: what is more comes from a machine that has lost its way, and is counted only.
MOST_KEPT = 50


def receive_mail(tx: Tx, gw: Gateway, kind: str, mail: EmailReply | Returned) -> None:
    """Keep a mail with what it is about, in the caller's transaction; note one that is about nothing of ours."""
    deliveries = outbox.list_handed_over(tx, mail.ticket)
    if isinstance(mail, Returned):
        _handle_returned(tx, gw, kind, deliveries, mail)
    letters = [delivery for delivery in deliveries if delivery.protection != "sealed"]
    # Of a bundle, one shows what somebody wrote.
    some = letters or (deliveries[:1] if isinstance(mail, EmailReply) else [])
    stored = [_store_mail(tx, gw, delivery, mail) for delivery in some]
    if not deliveries or (stored and not any(stored)):
        bursts.write_burst_in(tx, gw, AuditEntry("reply.unknown", SYSTEM, detail={"route": kind}))


def _handle_returned(tx: Tx, gw: Gateway, kind: str, deliveries: Sequence[Delivery], returned_mail: Returned) -> None:
    why = f"returned: {returned_mail.reason}"
    for delivery in deliveries:
        # Only a receipt ends a delivery: it goes there again, and Health says what came back.
        if delivery.protection == "sealed":
            outbox.add_tries(tx, gw.now(), [SettledTry(delivery.message_id, delivery.state, kind, "returned", why)])
            partner_health.note_route_failure(tx, gw.now(), delivery.recipient, kind, why)
        elif delivery.state in TRIED and may_move(delivery.state, DeliveryState.FAILED):
            outbox.settle_deliveries(
                tx, gw.now(), [SettledTry(delivery.message_id, DeliveryState.FAILED, kind, "returned", why)]
            )
            _log_notice(tx, gw, "notice.failed", delivery, {"reason": why})
        elif delivery.state is DeliveryState.ACCEPTED_BY_MAIL:
            _undo_acceptance(tx, gw, delivery, why)


def _undo_acceptance(tx: Tx, gw: Gateway, delivery: Delivery, why: str) -> None:
    """Undo an acceptance by mail that nobody signed: an automatic answer may come before the server gives up."""
    accepted = mail_replies.list_accepting_replies(tx, delivery.message_id)
    if any(each.signed for each in accepted):
        return
    if outbox.advance_delivery(tx, gw.now(), delivery.message_id, delivery.recipient, DeliveryState.FAILED, reason=why):
        mail_replies.undo_judgements(tx, [each.number for each in accepted])
        _log_notice(tx, gw, "notice.came-back", delivery, {"reason": why})


def _store_mail(tx: Tx, gw: Gateway, letter: Delivery, mail: EmailReply | Returned) -> bool:
    """Keep it, locked, with the notice that it is about; return False where there are too many already."""
    notice = _find_notice(tx, letter)
    what = _classify_mail(mail)
    waits = what is MailReplyKind.REPLY and letter.protection != "sealed"
    if mail_replies.count_mail_replies(tx, notice.message_id) >= MOST_KEPT:
        return False
    text = json.dumps(asdict(mail.text)).encode()
    copy = at_rest.lock(text, about=name_mail_reply(notice.message_id), ring=gw.ring)
    [mark] = blind.compute_marks([("mail", text.decode())], gw.ring)
    to = gw.correspondents.get(letter.recipient)
    domain = mail.domain if isinstance(mail, EmailReply) else ""
    came = NewMailReply(
        message_id=notice.message_id,
        came_at=gw.now(),
        what=what,
        domain=domain,
        from_there=to is not None and domain == to.domain,
        signed=_is_signed_by_them(mail, to.certificate if to else None),
        by_machine=not isinstance(mail, EmailReply) or mail.by_machine,
        mark=mark,
        stage=MailReplyStage.WAITING if waits else MailReplyStage.NOTED,
        data_key=copy.data_key,
        content=copy.content,
    )
    if mail_replies.add_mail_reply(tx, came) is not None:
        _log_notice(tx, gw, "notice.mail-came", notice, {"what": what.value})
    return True


def _classify_mail(mail: EmailReply | Returned) -> MailReplyKind:
    if isinstance(mail, Returned):
        return MailReplyKind.REPORT
    return MailReplyKind.REPLY if mail.is_task else MailReplyKind.AUTOMATIC


def _find_notice(tx: Tx, letter: Delivery) -> Delivery:
    """Return the notice: who answers a reminder answers what it reminds of."""
    if letter.kind != "Reminder" or letter.in_reply_to is None:
        return letter
    reminded = outbox.list_deliveries_by_id(tx, [letter.in_reply_to])
    return next((notice for notice in reminded if notice.recipient == letter.recipient), letter)


def _is_signed_by_them(mail: EmailReply | Returned, certificate: str | None) -> bool:
    if not isinstance(mail, EmailReply) or not mail.signature or not certificate:
        return False
    return smime.is_signed_by(*mail.signature, certificate.encode())


def read_mail_text(content: bytes) -> MailText:
    """Read the text that was locked."""
    members = json.loads(content)
    return MailText(**{**members, "attached": tuple(members["attached"])})


def _log_notice(tx: Tx, gw: Gateway, act: str, delivery: Delivery, detail: dict[str, str | int]) -> None:
    audit_log.append_entries(
        tx, gw.now(), [AuditEntry(act, SYSTEM, delivery.message_id, delivery.recipient, delivery.digest, detail)]
    )
