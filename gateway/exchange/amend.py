"""Second thoughts on what we sent: take it back, correct it, send it on, or try again what has not got through."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Authority
from gateway.copies import Machine
from gateway.core import causes, labels, safeguards
from gateway.core.causes import REDIRECTED, build_cause
from gateway.core.delivery import State, may_send_on
from gateway.core.review import Act, Kind, standing
from gateway.errors import NotAllowed, too_late
from gateway.exchange.send import Also, first_header, next_header, prepare, queue, what_is_known
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import Entry
from gateway.store.outbox import Delivery, Queued
from keys.errors import Destroyed
from schemas import codes
from schemas.message import OPENS_A_CASE, SEARCHES, LocatedNotice, Message, Withdrawal

ENDED = {  # how a search ends, as it stands beside each of its notices
    row["code"]: "the child is located" if row["found"] == "yes" else f"the search has ended: {row['label'].lower()}"
    for row in codes.rows("located_ways")
}


def withdraw(here: Authority, message_id: str, body: Withdrawal, by: str, *, also: Also | None = None) -> str | None:
    """Take a notice back. The id of the withdrawal, or None where the notice had not left us and nobody need be told.

    Raises NotFound, or NotAllowed where it is concluded, or taken back already. `also` is told the id, or that of the notice.
    """
    sent = _amendable(here, message_id)
    head = next_header(here, sent.conversation_id, sent.recipient, in_reply_to=message_id, test=sent.test)
    [ready] = prepare(here, [Message(head, body)], by)

    def write(tx: Connection) -> bool:
        _take_back(tx, here, sent, by, "withdrawn")
        if sent.kind in SEARCHES and not _searched(tx, sent.conversation_id):
            end_review(tx, here, sent.conversation_id, "withdrawn", by)
        told = outbox.get(tx, message_id).attempts > 0  # read after the change, so that no claim is in between
        if told:
            queue(tx, here, [ready])
        if also:
            also(tx, ready.message_id if told else message_id)
        return told

    told = here.store.run(write)
    here.due.set()
    return ready.message_id if told else None


def _searched(tx: Connection, conversation_id: str) -> bool:
    case = outbox.search(tx, conversation_id=conversation_id, limit=None)
    return any(one.kind in SEARCHES and one.state is not State.WITHDRAWN for one in case)


def correct(
    here: Authority,
    message_id: str,
    notice: Message,
    by: str,
    *,
    confirmed: Collection[str] = (),
    also: Callable[[Connection], None] | None = None,
) -> str:
    """Send a notice in the place of one that was wrong, in the same case. The id of the new one.

    `also` is done in the same transaction. `confirmed`, here and below: as `send.prepare` has it. What the old one said of a place
    may not stand in the texts of a new one that withholds it.

    Raises NotFound, Unfit, Unconfirmed, or NotAllowed where it is of another kind, or the old one is concluded or taken back.
    """
    sent = _amendable(here, message_id)
    if (notice.kind, notice.header.recipient.authority) != (sent.kind, sent.recipient):
        raise NotAllowed("correction.other-notice")
    head = next_header(here, sent.conversation_id, sent.recipient, supersedes=message_id, test=notice.header.test)
    theirs = notice.header
    head = replace(head, recipient=theirs.recipient, legal_basis=theirs.legal_basis, marking=theirs.marking)
    new = Message(head, notice.body)
    known = what_is_known(here, [new], {head.message_id: said_of_place(here, message_id)})
    [ready] = prepare(here, [new], by, confirmed=confirmed, known=known)

    def write(tx: Connection) -> None:
        if also:
            also(tx)
        _take_back(tx, here, sent, by, f"corrected by {head.message_id}", causes.REPLACED)
        queue(tx, here, [ready])

    here.store.run(write)
    here.due.set()
    return head.message_id


def said_of_place(here: Authority, message_id: str) -> frozenset[str]:
    """Give what a notice of ours said of where the child is; nothing where its key was destroyed."""
    try:
        return safeguards.withheld_of(_copy(here, message_id))
    except Destroyed:
        return frozenset()


def _copy(here: Authority, message_id: str) -> Message:
    copy = here.store.look(lambda tx: copies.take_sent(tx, here, message_id, Machine.WRITE_ON))
    return copies.open_copy(here, copy)


def send_on(here: Authority, message_id: str, to: str, by: str, *, confirmed: Collection[str] = ()) -> str:
    """Send a transfer notice that is stuck, or was passed on, to another authority, in the same case. The id of the new one.

    Raises NotFound, Unfit, Unconfirmed, a keys.errors.Refusal, or NotAllowed where it is neither, or goes to the same authority.
    """
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind != "TransferNotice" or to == sent.recipient or not may_send_on(sent.state):
        raise NotAllowed("send-on.not-now")
    notice = _copy(here, message_id)
    head = next_header(here, sent.conversation_id, to, test=sent.test)
    head = replace(head, legal_basis=notice.header.legal_basis, marking=notice.header.marking)
    [ready] = prepare(here, [Message(head, notice.body)], by, confirmed=confirmed)

    def write(tx: Connection) -> None:
        reason = f"sent on to {to} as {head.message_id}"
        cause = build_cause(REDIRECTED, to)
        if not outbox.advance(tx, here.now(), message_id, sent.recipient, State.CLOSED, reason=reason, cause=cause):
            raise too_late(_name_status(outbox.get(tx, message_id)))
        detail = {"to": to, "as": head.message_id}
        audit_log.append(tx, here.now(), [Entry("notice.sent-on", by, message_id, sent.recipient, sent.digest, detail)])
        queue(tx, here, [ready])

    here.store.run(write)
    here.due.set()
    return head.message_id


def stand_down(here: Authority, name: str, body: LocatedNotice, by: str, *, decided_by: str | None = None) -> list[str]:
    """The search in a case ends: tell everybody to whom one of its notices went, and conclude it. The ids of what tells them.

    What has not left is kept back. Whoever was asked more than once is told once. `name` is the case's own id, or that of one of
    its notices. Raises NotFound,
    or NotAllowed where it is no search, everybody was told before, or a manager's decision does not say whose it is.
    """
    if body.way == "manager-decision" and not decided_by:
        raise NotAllowed("review.decided-by")
    case = here.store.look(lambda tx: outbox.case_of(tx, name))
    searches = [one.message_id for one in case if one.kind in SEARCHES]
    if not searches:
        raise NotAllowed("amend.not-a-search")
    open_ones, conversation = _untold(case), case[0].conversation_id
    if not open_ones and standing(here.store.look(lambda tx: reviews.of_case(tx, conversation))) is None:
        raise NotAllowed("amend.told-already")
    ready = prepare(here, _stand_downs(here, case, open_ones, body), by)

    def write(tx: Connection) -> list[str]:
        now = here.now()
        if {one.message_id for one in outbox.case_of(tx, conversation)} != {one.message_id for one in case}:
            raise NotAllowed("amend.overtaken")
        left = _conclude(tx, now, case, ENDED[body.way], build_cause(causes.ENDED, body.way))
        known = _one_each([one for one in ready if one.in_reply_to in left])
        detail: dict[str, str | int] = {"told": len(known), "way": body.way}
        audit_log.append(tx, now, [Entry("case.stood-down", by, searches[0], detail=detail | _who(decided_by))])
        end_review(tx, here, conversation, body.way, by, decided_by)
        if known:
            queue(tx, here, known)
        return [one.message_id for one in known]

    ids = here.store.run(write)
    here.due.set()
    return ids


def _conclude(tx: Connection, now: datetime, case: Sequence[Delivery], reason: str, cause: str) -> set[str]:
    """Conclude every search of a case, or keep it back. The ids of what had left: read afterwards, so that no claim is in between."""
    searches = [one for one in case if one.kind in SEARCHES]
    # Or a statement would miss it there.
    outbox.keep_back(tx, now, [one.message_id for one in searches], reason, cause)
    for one in searches:
        outbox.advance(tx, now, one.message_id, one.recipient, State.CONCLUDED, reason=reason, cause=cause)
    return {one.message_id for one in outbox.case_of(tx, case[0].conversation_id) if one.attempts > 0}


def _who(decided_by: str | None) -> dict[str, str | int]:
    return {"decided_by": decided_by} if decided_by else {}


def _untold(case: Sequence[Delivery]) -> list[Delivery]:
    """The searches of a case, newest first, of which their recipients may have to be told.

    A notice that came there took the place of those before it; one that has not left may leave at any moment. So of each
    authority these count: the newest that has left, and those after it.
    """
    ended = {one.in_reply_to for one in case if one.kind in ("LocatedNotice", "Withdrawal")}
    found: list[Delivery] = []
    done: set[str] = set()
    for one in case:
        if one.kind in SEARCHES and one.recipient not in done:
            if one.message_id not in ended and not (
                one.state in (State.WITHDRAWN, State.CONCLUDED) and one.attempts == 0
            ):
                found.append(one)
            if one.attempts > 0:
                done.add(one.recipient)
    return found


def _stand_downs(
    here: Authority, case: Sequence[Delivery], open_ones: Sequence[Delivery], body: LocatedNotice
) -> list[Message]:
    sequence = {one.recipient: one.sequence for one in sorted(case, key=lambda one: one.sequence)}
    return [
        Message(
            replace(
                first_header(here, one.conversation_id, one.recipient),
                sequence=sequence[one.recipient] + 1,
                in_reply_to=one.message_id,
                test=one.test,
            ),
            body,
        )
        for one in open_ones
    ]


def _one_each(told: Sequence[Queued]) -> list[Queued]:
    """The first for each authority: the newest of the notices that left is the one that stands there."""
    return list({one.recipient: one for one in reversed(told)}.values())


def end_review(
    tx: Connection, here: Authority, conversation_id: str, reason: str, by: str, decided_by: str | None = None
) -> None:
    """The review of this case, if it is under one, has ended."""
    if standing(reviews.of_case(tx, conversation_id)):
        reviews.add(tx, Act(conversation_id, here.now(), Kind.ENDED, by, reason=reason, decided_by=decided_by))


def release(here: Authority, recipient: str | None, by: str) -> int:
    """Try now what waits, and what was given up: how many."""

    def write(tx: Connection) -> int:
        count = outbox.release(tx, here.now(), recipient)
        audit_log.append(tx, here.now(), [Entry("notice.released", by, partner=recipient, detail={"count": count})])
        return count

    count = here.store.run(write)
    here.due.set()
    return count


def release_one(here: Authority, message_id: str, by: str) -> None:
    """Try one message now, though it was given up. Raises NotFound, or NotAllowed where it neither waits nor was given up."""

    def write(tx: Connection) -> None:
        sent = outbox.get(tx, message_id)
        if not outbox.release_one(tx, here.now(), message_id):
            raise NotAllowed("retry.not-now", state=_name_status(sent))
        audit_log.append(tx, here.now(), [Entry("notice.retried", by, message_id, sent.recipient, sent.digest)])

    here.store.run(write)
    here.due.set()


def _amendable(here: Authority, message_id: str) -> Delivery:
    sent = here.store.look(lambda tx: outbox.get(tx, message_id))
    if sent.kind not in OPENS_A_CASE:
        raise NotAllowed("amend.not-a-notice")
    return sent


def _take_back(tx: Connection, here: Authority, sent: Delivery, by: str, reason: str, cause: str | None = None) -> None:
    now, about, whom = here.now(), sent.message_id, sent.recipient
    if not outbox.advance(tx, now, about, whom, State.WITHDRAWN, reason=reason, cause=cause):
        raise too_late(_name_status(outbox.get(tx, sent.message_id)))
    entry = Entry("notice.withdrawn", by, sent.message_id, sent.recipient, sent.digest, {"reason": reason})
    audit_log.append(tx, here.now(), [entry])


def _name_status(sent: Delivery) -> str:
    return labels.name_status("sent", sent.kind, sent.state, sent.cause)
