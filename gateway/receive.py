"""Incoming parcels, top to bottom: open, verify, check, keep, sign for them.

A receipt says "accepted" only of what is durable. A repeat is answered before anything is judged, with the receipt
that stands, so that age or rotation cannot turn "accepted" into "refused". XML is touched only after the signature.
What was refused is judged again when it comes again: the reason may have passed, such as a card that had not arrived.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from gateway.authority import SYSTEM, Authority
from gateway.core import delivery
from gateway.store import inbox, log, outbox
from gateway.store.inbox import Arrived, Standing
from gateway.store.log import Entry
from keys import at_rest, envelope, receipt
from keys.errors import Disagrees, Refusal
from schemas import rules, xml
from schemas.message import Acknowledgement, Message

ID_REUSED = "message.id-reused"  # the same id with other bytes
NOT_THE_CALLER = "message.not-the-callers"  # posted by one authority in the name of another
YIELD_EVERY = 8  # messages opened before other work has its turn


@dataclass(frozen=True, slots=True)
class Fit:
    """A message that may be kept, and the receipt that holds once it is."""

    digest: str
    message: Message
    arrived: Arrived
    receipt: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """A message that is refused, and why."""

    digest: str
    message_id: str | None
    codes: tuple[str, ...]


async def receive(here: Authority, parcels: Sequence[bytes], caller: str) -> list[str]:
    """Take parcels from an authority that has proved who it is; one signed receipt for each, in order.

    Raises StoreUnavailable where nothing can be kept now; then none of it has happened, and the caller tries later.
    """
    digests = [sha256(sealed).hexdigest() for sealed in parcels]
    standing = await here.store.read(lambda tx: inbox.receipts_for(tx, here.code, digests))
    judged: dict[str, Fit | Unfit] = {}
    for number, (digest, sealed) in enumerate(zip(digests, parcels, strict=True)):
        if digest not in standing and digest not in judged:
            judged[digest] = _judge(here, sealed, digest, caller)
        if number % YIELD_EVERY == YIELD_EVERY - 1:
            await asyncio.sleep(0)

    fit = [one for one in judged.values() if isinstance(one, Fit)]
    refused = [one for one in judged.values() if isinstance(one, Unfit)]
    if fit:
        kept = await here.store.write(lambda tx: _keep(tx, here, fit))
        raced = [one for one in fit if one.digest not in kept]
        standing |= {one.digest: one.receipt for one in fit if one.digest in kept}
        if raced:  # another copy was quicker, or the id is taken by other bytes
            standing |= await here.store.read(
                lambda tx: inbox.receipts_for(tx, here.code, [one.digest for one in raced])
            )
            refused += [Unfit(o.digest, o.arrived.message_id, (ID_REUSED,)) for o in raced if o.digest not in standing]
    if refused:
        rejections = {one.digest: _receipt(here, one.digest, one.message_id, caller, one.codes) for one in refused}
        await here.store.write(lambda tx: _note_refusals(tx, here, refused, rejections, caller))
        standing |= rejections
    return [standing[digest] for digest in digests]


def _judge(here: Authority, sealed: bytes, digest: str, caller: str) -> Fit | Unfit:
    """May it be kept? Numbered as the order of refusal; the first nine are `envelope.unseal`'s."""
    message_id = None
    try:
        opened = envelope.unseal(sealed, ring=here.ring, trust=here.trust, now=here.now())  # (1) to (9)
        message_id = opened.names.message_id
        if opened.names.sender != caller:  # (10)
            return Unfit(digest, message_id, (NOT_THE_CALLER,))
        message = xml.read(opened.payload)  # (11)
        head = message.header
        if opened.names != envelope.Names(head.message_id, head.sender.authority, head.recipient.authority):  # (12)
            raise Disagrees
    except (Refusal, xml.Unreadable) as refusal:
        return Unfit(digest, message_id, (refusal.code,))
    if refusals := rules.errors(rules.check(message, today=here.now().date())):  # (13)
        return Unfit(digest, message_id, tuple(finding.code for finding in refusals))
    return Fit(
        digest, message, _arrived(here, message, opened.payload, digest), _receipt(here, digest, message_id, caller, ())
    )


def _arrived(here: Authority, message: Message, payload: bytes, digest: str) -> Arrived:
    head = message.header
    copy = at_rest.lock(payload, about=head.message_id, ring=here.ring)
    assert copy.data_key is not None  # noqa: S101 - `lock` always makes one
    return Arrived(
        sender=head.sender.authority,
        message_id=head.message_id,
        conversation_id=head.conversation_id,
        in_reply_to=head.in_reply_to,
        supersedes=head.supersedes,
        sequence=head.sequence,
        kind=message.kind,
        restriction=message.restriction,
        test=head.test,
        digest=digest,
        data_key=copy.data_key,
        content=copy.content,
    )


def _receipt(here: Authority, digest: str, message_id: str | None, to: str, codes: Sequence[str]) -> str:
    return receipt.issue(
        audience=to,
        message_id=message_id,
        sha256=digest,
        codes=codes,
        checkpoint=here.checkpoint,
        ring=here.ring,
        now=here.now(),
    )


def _keep(tx: Connection, here: Authority, fit: Sequence[Fit]) -> set[str]:
    """Keep what is new, with its receipts, its effects on what it answers, and its audit entries: all or nothing."""
    now = here.now()
    kept = inbox.keep(tx, now, [one.arrived for one in fit])
    new = [one for one in fit if one.digest in kept]
    inbox.add_receipts(
        tx, now, [inbox.Receipt(here.code, o.digest, o.arrived.message_id, "accepted", o.receipt) for o in new]
    )
    if new:
        _put_aside_what_was_taken_back(tx, here, new)
    for one in new:
        _take_effect(tx, here, one.message)
    log.append(tx, now, [_kept_entry(one.arrived) for one in new])
    return kept


def _kept_entry(arrived: Arrived) -> Entry:
    detail = {"kind": arrived.kind, "case": arrived.conversation_id}
    return Entry("message.kept", SYSTEM, arrived.message_id, arrived.sender, arrived.digest, detail)


def _put_aside_what_was_taken_back(tx: Connection, here: Authority, new: Sequence[Fit]) -> None:
    """A withdrawal or a correction may overtake its notice on the way."""
    sender = new[0].arrived.sender  # the caller's own, all of them: (10)
    for message_id, standing in inbox.taken_back(tx, sender, [one.arrived.message_id for one in new]).items():
        inbox.mark(tx, here.now(), sender, message_id, standing)


def _take_effect(tx: Connection, here: Authority, message: Message) -> None:
    """Move on the notice of ours that this one answers, or theirs that it takes back or corrects."""
    head, now = message.header, here.now()
    if head.supersedes:
        inbox.mark(tx, now, head.sender.authority, head.supersedes, Standing.SUPERSEDED)
    if not head.in_reply_to:
        return
    if message.kind == "Withdrawal":
        inbox.mark(tx, now, head.sender.authority, head.in_reply_to, Standing.WITHDRAWN)
    decision = message.body.decision if isinstance(message.body, Acknowledgement) else None
    if state := delivery.after_reply(message.kind, decision):
        outbox.advance(tx, now, head.in_reply_to, head.sender.authority, state)


def _note_refusals(
    tx: Connection, here: Authority, refused: Sequence[Unfit], rejections: dict[str, str], caller: str
) -> None:
    now = here.now()
    inbox.add_receipts(
        tx, now, [inbox.Receipt(here.code, o.digest, o.message_id, "rejected", rejections[o.digest]) for o in refused]
    )
    entries = [
        Entry("message.refused", SYSTEM, o.message_id, caller, o.digest, {"codes": " ".join(o.codes)}) for o in refused
    ]
    log.append(tx, now, entries)
