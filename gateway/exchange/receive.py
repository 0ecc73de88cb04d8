"""Incoming parcels, top to bottom: open, verify, check, keep, sign for them.

A receipt says "accepted" only of what is durable. A repeat is answered before anything is judged, with the receipt
that stands, so that age or rotation cannot turn "accepted" into "refused". XML is touched only after the signature.
What was refused is judged again when it comes again: the reason may have passed, such as a card that had not arrived.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy import Connection

from gateway.auditing import bursts
from gateway.context import SYSTEM, Authority
from gateway.core import replies, safeguards
from gateway.core.inbox_state import Standing
from gateway.core.replies import Misfit
from gateway.core.search_terms import terms
from gateway.exchange import import_queue, naming
from gateway.logs import failed
from gateway.store import audit_log, blind_index, inbox, searches
from gateway.store.audit_log import Entry
from gateway.store.blind_index import Marked
from gateway.store.inbox import Arrived
from keys import at_rest, blind, envelope, receipt
from keys.envelope import Opened
from keys.errors import Refusal, RefusalCode, build_refusal
from keys.jose import CLOCK_SKEW
from schemas import rules, xml
from schemas.message import OPENS_A_CASE, SEARCHES, Acknowledgement, Message

ID_REUSED = "message.id-reused"  # the same id with other bytes
NOT_THE_CALLER = "message.not-the-callers"  # posted by one authority in the name of another
UNFORESEEN = "message.unforeseen"  # a fault of ours, which must not hold up what came with it
REFUSED_SINGLY = 20  # messages of one caller in a minute; more of them are one entry
TOGETHER = 32  # messages that go through each step together (some 19 ms); after them, other work has its turn


@dataclass(frozen=True, slots=True)
class Said:
    """A message that its sender signed, and that can be read."""

    digest: str
    payload: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class Fit:
    """A message that may be kept, and the receipt that holds once it is."""

    digest: str
    message: Message
    arrived: Arrived
    receipt: str
    marks: tuple[int, ...]  # by which it is found


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
    fresh = {digest: sealed for digest, sealed in zip(digests, parcels, strict=True) if digest not in standing}
    new = list(fresh.items())
    judged: list[Fit | Unfit] = []
    for at in range(0, len(new), TOGETHER):
        judged += _judge(here, new[at : at + TOGETHER], caller)
        await asyncio.sleep(0)

    fit = [one for one in judged if isinstance(one, Fit)]
    refused = [one for one in judged if isinstance(one, Unfit)]
    if fit:
        kept, unlike = await here.store.write(lambda tx: _keep(tx, here, fit))
        refused += [Unfit(one.digest, one.arrived.message_id, (replies.REFUSED,)) for one in unlike]
        raced = [one for one in fit if one.digest not in kept and one not in unlike]
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


def _judge(here: Authority, parcels: Sequence[tuple[str, bytes]], caller: str) -> list[Fit | Unfit]:
    """May they be kept? One on which our own code fails is refused alone, so that a person at its sender learns of it."""
    try:
        return _step_by_step(here, parcels, caller)
    except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
        if len(parcels) > 1:
            return [verdict for one in parcels for verdict in _judge(here, [one], caller)]
        failed("judging a message", why)
        return [Unfit(parcels[0][0], None, (UNFORESEEN,))]


def _step_by_step(here: Authority, parcels: Sequence[tuple[str, bytes]], caller: str) -> list[Fit | Unfit]:
    """Numbered as the order of refusal; the first nine are `envelope.unseal`'s.

    They go step by step, not one by one: the code of one step stays in the processor's caches, which saves about a tenth.
    """
    opened = [_open(here, digest, sealed, caller) for digest, sealed in parcels]  # (1) to (10)
    said = [one if isinstance(one, Unfit) else _read(*one) for one in opened]  # (11), (12)
    checked = [one if isinstance(one, Unfit) else _check(here, one) for one in said]  # (13)
    return [one if isinstance(one, Unfit) else _fit(here, one, caller) for one in checked]


def _open(here: Authority, digest: str, sealed: bytes, caller: str) -> tuple[str, Opened] | Unfit:
    try:
        opened = envelope.unseal(sealed, ring=here.ring, trust=here.trust, now=here.now())  # (1) to (9)
    except Refusal as refusal:
        return Unfit(digest, None, (refusal.code,))
    if opened.names.sender != caller:  # (10)
        return Unfit(digest, opened.names.message_id, (NOT_THE_CALLER,))
    return digest, opened


def _read(digest: str, opened: Opened) -> Said | Unfit:
    try:
        message = xml.read(opened.payload)  # (11)
        head = message.header
        if opened.names != envelope.Names(head.message_id, head.sender.authority, head.recipient.authority):  # (12)
            raise build_refusal(RefusalCode.ENVELOPE_DISAGREES)
    except (Refusal, xml.Unreadable) as refusal:
        return Unfit(digest, opened.names.message_id, (refusal.code,))
    return Said(digest, opened.payload, message)


def _check(here: Authority, said: Said) -> Said | Unfit:
    today = (here.now() + CLOCK_SKEW).date()  # at midnight it may be tomorrow there
    if refusals := rules.errors(rules.check(said.message, today=today)):  # (13)
        return Unfit(said.digest, said.message.header.message_id, tuple(finding.code for finding in refusals))
    return said


def _fit(here: Authority, said: Said, caller: str) -> Fit:
    receipt = _receipt(here, said.digest, said.message.header.message_id, caller, ())
    return Fit(said.digest, said.message, _arrived(here, said), receipt, blind.marks(terms(said.message), here.ring))


def _arrived(here: Authority, said: Said) -> Arrived:
    message, head = said.message, said.message.header
    copy = at_rest.lock(said.payload, about=head.message_id, ring=here.ring)
    assert copy.data_key is not None  # noqa: S101 - `lock` always makes one
    return Arrived(
        sender=head.sender.authority,
        message_id=head.message_id,
        conversation_id=head.conversation_id,
        in_reply_to=head.in_reply_to,
        supersedes=head.supersedes,
        sequence=head.sequence,
        kind=message.kind,
        restriction=safeguards.level_as_read(message, here.now().date()),  # nothing is refused for it
        test=head.test,
        digest=said.digest,
        data_key=copy.data_key,
        content=copy.content,
        created_at=min(
            head.created_at, here.now()
        ),  # of a clock that ran fast, or the word after it would be the older
        state=Standing.NEW if message.kind in OPENS_A_CASE else Standing.FILED,
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


def _keep(tx: Connection, here: Authority, fit: Sequence[Fit]) -> tuple[set[str], list[Fit]]:
    """Keep what is new, with its receipts, its effects on what it names, and its audit entries: all or nothing.

    The digests of what was kept, and what is refused after all, because nothing of its kind may be said of what it names.
    """
    now = here.now()
    known = naming.look(tx, [(one.arrived, one.message) for one in fit])
    placed = [(one, naming.place(known, one.arrived, one.message)) for one in fit]
    unlike = [one for one, arrived in placed if arrived is None]
    fit = [replace(one, arrived=arrived) for one, arrived in placed if arrived is not None]
    kept = inbox.keep(tx, now, [one.arrived for one in fit]) if fit else set()
    new = [one for one in fit if one.digest in kept]
    inbox.add_receipts(
        tx, now, [inbox.Receipt(here.code, o.digest, o.arrived.message_id, "accepted", o.receipt) for o in new]
    )
    blind_index.put(tx, [Marked("came", o.arrived.sender, o.arrived.message_id, o.marks) for o in new])
    searches.note(tx, now, [(m.sender, m.message_id, m.kind) for m in (one.arrived for one in new) if _is_search(m)])
    misfits = [(one.arrived, naming.take_effect(tx, now, known, one.arrived, one.message)) for one in new]
    if new:
        naming.catch_up(tx, now, known, [one.arrived for one in new])
    if here.config.one.import_when == "arrived":
        import_queue.note_due(tx, here, [one.arrived for one in new])
    without = [_without_effect(arrived, why) for arrived, why in misfits if why]
    audit_log.append(tx, now, [*(_kept_entry(one) for one in new), *without])
    return kept, unlike


def _is_search(came: Arrived) -> bool:
    return came.kind in SEARCHES and not came.test  # a test is no case


def _kept_entry(one: Fit) -> Entry:
    """The digests of our copy and of our receipt stand in it, so that `audit verify` sees what was changed later."""
    arrived, body = one.arrived, one.message.body
    detail = {"kind": arrived.kind, "case": arrived.conversation_id, "copy": sha256(arrived.content).hexdigest()}
    detail["receipt"] = audit_log.digest_of(one.receipt)
    if isinstance(body, Acknowledgement):
        detail["decision"] = body.decision
    return Entry("message.kept", SYSTEM, arrived.message_id, arrived.sender, arrived.digest, detail)


def _without_effect(arrived: Arrived, why: Misfit) -> Entry:
    return Entry("reply.without-effect", SYSTEM, arrived.message_id, arrived.sender, arrived.digest, {"why": why.value})


def _note_refusals(
    tx: Connection, here: Authority, refused: Sequence[Unfit], rejections: dict[str, str], caller: str
) -> None:
    """Note them, and keep their receipts. After some in a minute, those of one caller are counted only, and no receipt is kept."""
    now, entries = here.now(), list[Entry]()
    for one in refused:
        token = rejections[one.digest]
        entry = Entry("message.refused", SYSTEM, one.message_id, caller, one.digest, {"codes": " ".join(one.codes)})
        for written in bursts.counted(here, entry, singly=REFUSED_SINGLY):
            if written is not entry:
                entries.append(written)
                continue
            entries.append(replace(entry, detail={**entry.detail, "receipt": audit_log.digest_of(token)}))
            kept = inbox.Receipt(here.code, one.digest, one.message_id, "rejected", token)
            inbox.add_receipts(tx, now, [kept])
    audit_log.append(tx, now, entries)
