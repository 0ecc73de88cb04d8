"""Second thoughts on what we sent: take it back, correct it, or try again what has not got through."""

from dataclasses import replace

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.core.delivery import State
from gateway.errors import NotAllowed
from gateway.send import next_header, prepare, queue
from gateway.store import log, outbox
from gateway.store.log import Entry
from gateway.store.outbox import Delivery, Queued
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
        stands = outbox.get(tx, sent.message_id).state
        raise NotAllowed(
            "amend.too-late", f"This notice is {stands} already.", "See `cme-gateway show` for what was said."
        )
    entry = Entry("notice.withdrawn", by, sent.message_id, sent.recipient, sent.digest, {"reason": reason})
    log.append(tx, here.now(), [entry])
