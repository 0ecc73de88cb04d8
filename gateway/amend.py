"""Second thoughts on what we sent: take it back, correct it, send it on, or try again what has not got through."""

from dataclasses import replace

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.core.delivery import State, may_send_on
from gateway.errors import NotAllowed
from gateway.send import next_header, prepare, queue
from gateway.store import log, outbox
from gateway.store.log import Entry
from gateway.store.outbox import Delivery, Queued
from keys import at_rest
from keys.at_rest import Locked
from schemas import xml
from schemas.message import OPENS_A_CASE, SEARCHES, LocatedNotice, Message, Withdrawal


def withdraw(here: Authority, message_id: str, body: Withdrawal, by: str) -> str | None:
    """Take a notice back. The id of the withdrawal, or None where the notice had not left us and nobody need be told.

    Raises NotFound, or NotAllowed where it is concluded, or taken back already.
    """
    sent = _amendable(here, message_id)
    head = next_header(here, sent.conversation_id, sent.recipient, in_reply_to=message_id, test=sent.test)
    [ready] = prepare(here, [Message(head, body)], by)

    def write(tx: Connection) -> bool:
        _take_back(tx, here, sent, by, "withdrawn")
        told = outbox.get(tx, message_id).attempts > 0  # read after the change, so that no claim is in between
        if told:
            queue(tx, here, [ready])
        return told

    told = here.store.run(write)
    here.due.set()
    return ready.message_id if told else None


def correct(here: Authority, message_id: str, notice: Message, by: str) -> str:
    """Send a notice in the place of one that was wrong, in the same case. The id of the new one.

    Raises NotFound, Unfit, or NotAllowed where it is of another kind, or the old one is concluded or taken back.
    """
    sent = _amendable(here, message_id)
    if (notice.kind, notice.header.recipient.authority) != (sent.kind, sent.recipient):
        raise NotAllowed(
            "correction.other-notice",
            f"The notice to be corrected is a {sent.kind} to {sent.recipient}; this one is not.",
            "Withdraw the old one, and send the new one by itself.",
        )
    head = next_header(here, sent.conversation_id, sent.recipient, supersedes=message_id, test=notice.header.test)
    theirs = notice.header
    head = replace(head, recipient=theirs.recipient, legal_basis=theirs.legal_basis, marking=theirs.marking)
    [ready] = prepare(here, [Message(head, notice.body)], by)

    def write(tx: Connection) -> None:
        _take_back(tx, here, sent, by, f"corrected by {head.message_id}")
        queue(tx, here, [ready])

    here.store.run(write)
    here.due.set()
    return head.message_id


def send_on(here: Authority, message_id: str, to: str, by: str) -> str:
    """Send a transfer notice that is stuck, or was passed on, to another authority, in the same case. The id of the new one.

    Raises NotFound, Unfit, a keys.errors.Refusal, or NotAllowed where it is neither, or goes to the same authority.
    """
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind != "TransferNotice" or to == sent.recipient or not may_send_on(sent.state):
        raise NotAllowed(
            "send-on.not-now",
            f"This {sent.kind} to {sent.recipient} is {sent.state}, so it is not sent on to {to}.",
            "Only a transfer notice that was passed on, rejected, or given up goes to another authority.",
        )
    locked = here.store.look(lambda tx: Locked(*outbox.locked(tx, message_id)))
    notice = xml.read(at_rest.unlock(locked, about=message_id, ring=here.ring))
    head = next_header(here, sent.conversation_id, to, test=sent.test)
    head = replace(head, legal_basis=notice.header.legal_basis, marking=notice.header.marking)
    [ready] = prepare(here, [Message(head, notice.body)], by)

    def write(tx: Connection) -> None:
        reason = f"sent on to {to} as {head.message_id}"
        if not outbox.advance(tx, here.now(), message_id, sent.recipient, State.CLOSED, reason=reason):
            raise _too_late(tx, message_id)
        detail = {"to": to, "as": head.message_id}
        log.append(tx, here.now(), [Entry("notice.sent-on", by, message_id, sent.recipient, sent.digest, detail)])
        queue(tx, here, [ready])

    here.store.run(write)
    here.due.set()
    return head.message_id


def stand_down(here: Authority, message_id: str, body: LocatedNotice, by: str) -> list[str]:
    """The child is found: tell everybody who was asked in this case, and conclude it. The ids of what tells them.

    Raises NotFound, or NotAllowed where it is no search, or everybody was told before.
    """
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind not in SEARCHES:
        raise NotAllowed(
            "amend.not-a-search", "Nobody was asked to look for this child.", "Use `cme-gateway withdraw` for a notice."
        )
    case = here.store.look(lambda tx: outbox.search(tx, conversation_id=sent.conversation_id, limit=None))
    told = {one.in_reply_to for one in case if one.kind == "LocatedNotice"}
    open_ones = [
        one for one in case if one.kind in SEARCHES and one.state is not State.WITHDRAWN and one.message_id not in told
    ]
    if not open_ones:
        raise NotAllowed("amend.told-already", "Everybody was told already.", "See `cme-gateway outbox`.")
    heads = [
        next_header(here, one.conversation_id, one.recipient, in_reply_to=one.message_id, test=one.test)
        for one in open_ones
    ]
    ready = prepare(here, [Message(head, body) for head in heads], by)

    def write(tx: Connection) -> list[str]:
        known: list[Queued] = []
        for one, news in zip(open_ones, ready, strict=True):
            outbox.advance(
                tx, here.now(), one.message_id, one.recipient, State.CONCLUDED, reason="the child is located"
            )
            if outbox.get(tx, one.message_id).attempts > 0:  # read after the change, so that no claim is in between
                known.append(news)
        log.append(tx, here.now(), [Entry("case.stood-down", by, message_id, detail={"told": len(known)})])
        if known:
            queue(tx, here, known)
        return [one.message_id for one in known]

    ids = here.store.run(write)
    here.due.set()
    return ids


def release(here: Authority, recipient: str | None, by: str) -> int:
    """Try now what waits, and what was given up: how many."""

    def write(tx: Connection) -> int:
        count = outbox.release(tx, here.now(), recipient)
        log.append(tx, here.now(), [Entry("notice.released", by, partner=recipient, detail={"count": count})])
        return count

    count = here.store.run(write)
    here.due.set()
    return count


def _amendable(here: Authority, message_id: str) -> Delivery:
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind not in OPENS_A_CASE:
        raise NotAllowed(
            "amend.not-a-notice",
            f"A message of the kind {sent.kind} is neither withdrawn nor corrected.",
            "Ring the authority that has it, and write down that you did.",
        )
    return sent


def _take_back(tx: Connection, here: Authority, sent: Delivery, by: str, reason: str) -> None:
    if not outbox.advance(tx, here.now(), sent.message_id, sent.recipient, State.WITHDRAWN, reason=reason):
        raise _too_late(tx, sent.message_id)
    entry = Entry("notice.withdrawn", by, sent.message_id, sent.recipient, sent.digest, {"reason": reason})
    log.append(tx, here.now(), [entry])


def _too_late(tx: Connection, message_id: str) -> NotAllowed:
    stands = outbox.get(tx, message_id).state
    return NotAllowed(
        "amend.too-late", f"This notice is {stands} already.", "See `cme-gateway show` for what was said."
    )
