"""What comes back by mail, from people or from machines: kept, locked, and a task for an officer. It acknowledges nothing.

A mail that has the reference of a letter was written by somebody, or something, that got the letter; no more is known. So the notice
stands as it stood until an officer has read the mail (`casework/by_mail.py`). A mail server's report that the letter did not arrive is
believed at once, for then a person looks; it undoes an acceptance that nobody signed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection

from adapters.route import MailText, Reply, Returned
from gateway.auditing import bursts
from gateway.context import SYSTEM, Authority
from gateway.core.delivery import State, may_move
from gateway.core.mail_replies import Stage, What
from gateway.store import audit_log, mail_replies, outbox, partner_health
from gateway.store.audit_log import Entry
from gateway.store.mail_replies import Came
from gateway.store.outbox import TRIED, Delivery, Settled
from keys import at_rest, blind, smime

MOST_KEPT = 50  # mails about one notice: what is more comes from a machine that has lost its way, and is counted only


def heard(tx: Connection, here: Authority, kind: str, said: Reply | Returned) -> None:
    """Keep it with what it is about, in the caller's transaction; what is about nothing of ours is noted, for a person to look."""
    found = outbox.handed_over(tx, said.ticket)
    if isinstance(said, Returned):
        _return(tx, here, kind, found, said)
    letters = [one for one in found if one.protection != "sealed"]
    some = letters or (found[:1] if isinstance(said, Reply) else [])  # of a bundle, one shows what somebody wrote
    kept = [_keep(tx, here, one, said) for one in some]
    if not found or (kept and not any(kept)):
        bursts.note_in(tx, here, Entry("reply.unknown", SYSTEM, detail={"route": kind}))


def _return(tx: Connection, here: Authority, kind: str, found: Sequence[Delivery], said: Returned) -> None:
    why = f"returned: {said.reason}"
    for one in found:
        if (
            one.protection == "sealed"
        ):  # only a receipt ends a delivery: it goes there again, and Health says what came back
            outbox.note_tries(tx, here.now(), [Settled(one.message_id, one.state, kind, "returned", why)])
            partner_health.note_failure(tx, here.now(), one.recipient, kind, why)
        elif one.state in TRIED and may_move(one.state, State.FAILED):
            outbox.settle(tx, here.now(), [Settled(one.message_id, State.FAILED, kind, "returned", why)])
            _note(tx, here, "notice.failed", one, {"reason": why})
        elif one.state is State.ACCEPTED_BY_MAIL:
            _undo(tx, here, one, why)


def _undo(tx: Connection, here: Authority, one: Delivery, why: str) -> None:
    """An acceptance by mail that nobody signed counts no more: an automatic answer may come before the server gives up."""
    accepted = mail_replies.accepted(tx, one.message_id)
    if any(each.signed for each in accepted):
        return
    if outbox.advance(tx, here.now(), one.message_id, one.recipient, State.FAILED, reason=why):
        mail_replies.undo(tx, [each.number for each in accepted])
        _note(tx, here, "notice.came-back", one, {"reason": why})


def _keep(tx: Connection, here: Authority, letter: Delivery, said: Reply | Returned) -> bool:
    """Keep it, locked, with the notice that it is about; False where there are too many already."""
    notice = _about(tx, letter)
    what = _what(said)
    waits = what is What.REPLY and letter.protection != "sealed"
    if mail_replies.count_about(tx, notice.message_id) >= MOST_KEPT:
        return False
    text = json.dumps(asdict(said.text)).encode()
    copy = at_rest.lock(text, about=about(notice.message_id), ring=here.ring)
    [mark] = blind.marks([("mail", text.decode())], here.ring)
    to = here.correspondents.get(letter.recipient)
    domain = said.domain if isinstance(said, Reply) else ""
    came = Came(
        message_id=notice.message_id,
        came_at=here.now(),
        what=what,
        domain=domain,
        from_there=to is not None and domain == to.domain,
        signed=_is_signed(said, to.certificate if to else None),
        by_machine=not isinstance(said, Reply) or said.by_machine,
        mark=mark,
        stage=Stage.WAITING if waits else Stage.NOTED,
        data_key=copy.data_key,
        content=copy.content,
    )
    if mail_replies.add(tx, came) is not None:
        _note(tx, here, "notice.mail-came", notice, {"what": what.value})
    return True


def _what(said: Reply | Returned) -> What:
    if isinstance(said, Returned):
        return What.REPORT
    return What.REPLY if said.is_task else What.AUTOMATIC


def _about(tx: Connection, letter: Delivery) -> Delivery:
    """The notice: who answers a reminder answers what it reminds of."""
    if letter.kind != "Reminder" or letter.in_reply_to is None:
        return letter
    reminded = outbox.several(tx, [letter.in_reply_to])
    return next((one for one in reminded if one.recipient == letter.recipient), letter)


def _is_signed(said: Reply | Returned, certificate: str | None) -> bool:
    if not isinstance(said, Reply) or not said.signature or not certificate:
        return False
    return smime.is_signed_by(*said.signature, certificate.encode())


def about(message_id: str) -> str:
    """To what the locked text of a mail is bound."""
    return f"mail/{message_id}"


def read_text(content: bytes) -> MailText:
    """What was locked."""
    members = json.loads(content)
    return MailText(**{**members, "attached": tuple(members["attached"])})


def _note(tx: Connection, here: Authority, act: str, one: Delivery, detail: dict[str, str | int]) -> None:
    audit_log.append(tx, here.now(), [Entry(act, SYSTEM, one.message_id, one.recipient, one.digest, detail)])
