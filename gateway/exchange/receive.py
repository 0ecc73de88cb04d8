"""Incoming parcels, top to bottom: open, verify, check, keep, sign for them.

A receipt says "accepted" only of what is durable. A repeat is answered before anything is judged, with the receipt
that stands, so that age or rotation cannot turn "accepted" into "refused". XML is touched only after the signature.
What was refused is judged again when it comes again: the reason may have passed, such as a card that had not arrived.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.core import replies, safeguards, urgency
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName
from gateway.core.replies import Misfit
from gateway.core.search_terms import list_terms
from gateway.errors import StoreUnavailable
from gateway.exchange import import_queue, naming
from gateway.exchange.alerts import raise_alerts
from gateway.exchange.card_rounds import ask_soon
from gateway.exchange.newer_cards import AMONG_MESSAGES, take_newer_card
from gateway.logs import log_failure
from gateway.store import audit_log, blind_index, inbox, searches
from gateway.store.audit_log import AuditEntry
from gateway.store.blind_index import IndexedMessage
from gateway.store.database import Tx
from gateway.store.inbox import ArrivedMessage
from keys import at_rest, blind, card, envelope, receipt
from keys.envelope import Opened
from keys.errors import NAMES_A_KEY, Refusal, RefusalCode, build_refusal
from keys.jose import CLOCK_SKEW
from schemas import rules, xml
from schemas.message import OPENS_A_CASE, SEARCHES, Acknowledgement, Message
from schemas.shapes import MessageId

# The same id with other bytes.
ID_REUSED = "message.id-reused"
# Posted by one authority in the name of another.
NOT_THE_CALLER = "message.not-the-callers"
# A fault of ours, which must not hold up what came with it.
UNFORESEEN = "message.unforeseen"
# Of one batch, where one is enough.
TOO_MANY_CARDS = "message.too-many-cards"
MOST_CARDS = 4
# Messages of one caller in a minute; more of them are one entry.
REFUSED_SINGLY = 20
# Messages that go through each step together (some 19 ms); after them, other work has its turn.
TOGETHER = 32


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message that its sender signed, and that can be read."""

    digest: str
    payload: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class AcceptedParcel:
    """A message that may be kept, and the receipt that holds once it is."""

    digest: str
    message: Message
    arrived: ArrivedMessage
    receipt: str
    # By which it is found.
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RefusedParcel:
    """A message that is refused, and why."""

    digest: str
    message_id: MessageId | None
    codes: tuple[str, ...]


async def receive_parcels(gw: Gateway, parcels: Sequence[bytes], caller: str) -> list[str]:
    """Take parcels from an authority that has proved who it is; return one signed receipt for each, in order.

    Raises StoreUnavailable where nothing can be kept now; then none of it has happened, and the caller tries later.
    """
    digests = [sha256(sealed).hexdigest() for sealed in parcels]
    lines = {digest: line for digest, line in zip(digests, parcels, strict=True) if card.find_claimed_authority(line)}
    cards = await _receive_cards(gw, lines, caller)
    standing = await gw.store.read(lambda tx: inbox.find_own_receipts(tx, gw.code, digests))
    if ended := [digest for digest, token in standing.items() if _has_ended(gw, token)]:
        standing |= await gw.store.write(lambda tx: _issue_anew(tx, gw, {it: standing[it] for it in ended}, caller))
    standing |= cards
    fresh = {digest: sealed for digest, sealed in zip(digests, parcels, strict=True) if digest not in standing}
    new = list(fresh.items())
    judged: list[AcceptedParcel | RefusedParcel] = []
    for at in range(0, len(new), TOGETHER):
        judged += _judge_parcels(gw, new[at : at + TOGETHER], caller)
        await asyncio.sleep(0)

    fit = [parcel for parcel in judged if isinstance(parcel, AcceptedParcel)]
    refused = [parcel for parcel in judged if isinstance(parcel, RefusedParcel)]
    if fit:
        kept_digests, unlike = await gw.store.write(lambda tx: _store_accepted(tx, gw, fit))
        refused += [RefusedParcel(parcel.digest, parcel.arrived.message_id, (replies.REFUSED,)) for parcel in unlike]
        raced = [parcel for parcel in fit if parcel.digest not in kept_digests and parcel not in unlike]
        standing |= {parcel.digest: parcel.receipt for parcel in fit if parcel.digest in kept_digests}
        # Another copy was quicker, or the id is taken by other bytes.
        if raced:
            standing |= await gw.store.read(
                lambda tx: inbox.find_own_receipts(tx, gw.code, [parcel.digest for parcel in raced])
            )
            refused += [
                RefusedParcel(o.digest, o.arrived.message_id, (ID_REUSED,)) for o in raced if o.digest not in standing
            ]
    if refused:
        rejections = {
            parcel.digest: _issue_receipt(gw, parcel.digest, parcel.message_id, caller, parcel.codes)
            for parcel in refused
        }
        await gw.store.write(lambda tx: _note_refusals(tx, gw, refused, rejections, caller))
        # Its keys may have been changed, or ours.
        if gw.trust.knows(caller) and NAMES_A_KEY & {code for parcel in refused for code in parcel.codes}:
            await ask_soon(gw, caller)
        standing |= rejections
    return [standing[digest] for digest in digests]


async def _receive_cards(gw: Gateway, lines: Mapping[str, bytes], caller: str) -> dict[str, str]:
    """Take the cards that came among messages, by digest; return a receipt for each, so that the caller knows of it."""
    receipts = dict[str, str]()
    for number, (digest, line) in enumerate(lines.items()):
        try:
            many = number >= MOST_CARDS
            refused = (
                TOO_MANY_CARDS if many else (await take_newer_card(gw, line.decode(), caller, AMONG_MESSAGES)).refused
            )
        except Refusal as why:
            refused = why.code
        receipts[digest] = _issue_receipt(gw, digest, None, caller, (refused,) if refused else ())
    return receipts


def _judge_parcels(
    gw: Gateway, parcels: Sequence[tuple[str, bytes]], caller: str
) -> list[AcceptedParcel | RefusedParcel]:
    """Judge whether they may be kept. One on which our own code fails is refused alone, so its sender learns of it."""
    try:
        return _judge_step_by_step(gw, parcels, caller)
    except StoreUnavailable:
        # The HSM stands in the way of them all: their sender tries later.
        raise
    except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
        if len(parcels) > 1:
            return [verdict for parcel in parcels for verdict in _judge_parcels(gw, [parcel], caller)]
        log_failure("judging a message", why)
        return [RefusedParcel(parcels[0][0], None, (UNFORESEEN,))]


def _judge_step_by_step(
    gw: Gateway, parcels: Sequence[tuple[str, bytes]], caller: str
) -> list[AcceptedParcel | RefusedParcel]:
    """Judge by steps, numbered as the order of refusal; the first nine are `envelope.unseal`'s.

    They go step by step, not one by one: the code of one step stays in the processor's caches, which saves about a
    tenth.
    """
    # (1) to (10).
    opened = [_unseal_parcel(gw, digest, sealed, caller) for digest, sealed in parcels]
    # (11), (12).
    messages = [
        step_result if isinstance(step_result, RefusedParcel) else _read_payload(*step_result) for step_result in opened
    ]
    # (13).
    checked = [
        step_result if isinstance(step_result, RefusedParcel) else _check_rules(gw, step_result)
        for step_result in messages
    ]
    return [
        step_result if isinstance(step_result, RefusedParcel) else _accept_message(gw, step_result, caller)
        for step_result in checked
    ]


def _unseal_parcel(gw: Gateway, digest: str, sealed: bytes, caller: str) -> tuple[str, Opened] | RefusedParcel:
    try:
        # (1) to (9).
        opened = envelope.unseal(sealed, ring=gw.ring, trust=gw.trust, now=gw.now())
    except Refusal as refusal:
        return RefusedParcel(digest, None, (refusal.code,))
    # (10).
    if opened.names.sender != caller:
        return RefusedParcel(digest, MessageId(opened.names.message_id), (NOT_THE_CALLER,))
    return digest, opened


def _read_payload(digest: str, opened: Opened) -> SignedMessage | RefusedParcel:
    try:
        # (11).
        message = xml.read(opened.payload)
        head = message.header
        # (12).
        if opened.names != envelope.Names(head.message_id, head.sender.authority, head.recipient.authority):
            raise build_refusal(RefusalCode.ENVELOPE_DISAGREES)
    except (Refusal, xml.Unreadable) as refusal:
        return RefusedParcel(digest, MessageId(opened.names.message_id), (refusal.code,))
    return SignedMessage(digest, opened.payload, message)


def _check_rules(gw: Gateway, signed: SignedMessage) -> SignedMessage | RefusedParcel:
    # At midnight it may be tomorrow there.
    today = (gw.now() + CLOCK_SKEW).date()
    # (13).
    if refusals := rules.list_errors(rules.check(signed.message, today=today)):
        return RefusedParcel(
            signed.digest, signed.message.header.message_id, tuple(finding.code for finding in refusals)
        )
    return signed


def _accept_message(gw: Gateway, signed: SignedMessage, caller: str) -> AcceptedParcel:
    receipt = _issue_receipt(gw, signed.digest, signed.message.header.message_id, caller, ())
    return AcceptedParcel(
        signed.digest,
        signed.message,
        _build_arrived(gw, signed),
        receipt,
        blind.compute_marks(list_terms(signed.message), gw.ring),
    )


def _build_arrived(gw: Gateway, signed: SignedMessage) -> ArrivedMessage:
    message, head = signed.message, signed.message.header
    copy = at_rest.lock(signed.payload, about=head.message_id, ring=gw.ring)
    assert copy.data_key is not None  # noqa: S101 - `lock` always makes one
    return ArrivedMessage(
        sender=head.sender.authority,
        message_id=head.message_id,
        case_id=head.case_id,
        in_reply_to=head.in_reply_to,
        supersedes=head.supersedes,
        sequence=head.sequence,
        kind=message.kind,
        # Nothing is refused for it.
        restriction=safeguards.level_as_read(message, gw.now().date()),
        test=head.test,
        digest=signed.digest,
        data_key=copy.data_key,
        content=copy.content,
        # Of a clock that ran fast, or the word after it would be the older.
        created_at=min(head.created_at, gw.now()),
        state=InboxState.NEW if message.kind in OPENS_A_CASE else InboxState.FILED,
        urgent=bool(urgency.list_urgent_reasons(message)),
    )


def _issue_receipt(gw: Gateway, digest: str, message_id: MessageId | None, to: str, codes: Sequence[str]) -> str:
    return receipt.issue(
        audience=to,
        message_id=message_id,
        sha256=digest,
        codes=codes,
        checkpoint=gw.checkpoint,
        ring=gw.ring,
        now=gw.now(),
    )


def _has_ended(gw: Gateway, token: str) -> bool:
    """Tell whether the key that signed a receipt of ours did not count any more, as partners see it by our card.

    So it is where a process went on with the old keys after they were changed, or they were revoked after a theft.
    """
    return gw.card_has_our_keys() and not receipt.has_valid_key(token, gw.own_card.keys)


def _issue_anew(tx: Tx, gw: Gateway, ended: Mapping[str, str], caller: str) -> dict[str, str]:
    """Sign again, with the key of now, for what was kept; return the new receipts, by digest."""
    now, again = gw.now(), dict[str, str]()
    for digest, token in ended.items():
        message_id = receipt.read_claimed(token).message_id
        assert message_id is not None  # noqa: S101 - it says of what was kept that it was
        again[digest] = _issue_receipt(gw, digest, MessageId(message_id), caller, ())
        stored = inbox.StoredReceipt(gw.code, digest, MessageId(message_id), "accepted", again[digest])
        inbox.add_receipts(tx, now, [stored])
        detail = {"receipt": audit_log.digest_text(again[digest])}
        entry = AuditEntry("receipt.issued-anew", SYSTEM, message_id, caller, digest, detail)
        audit_log.append_entries(tx, now, [entry])
    return again


def _store_accepted(tx: Tx, gw: Gateway, fit: Sequence[AcceptedParcel]) -> tuple[set[str], list[AcceptedParcel]]:
    """Store what is new, with its receipts, its effects on what it names, and its audit entries: all or nothing.

    The digests of what was kept, and what is refused after all, because nothing of its kind may be said of what it
    names.
    """
    now = gw.now()
    known = naming.read_named_messages(tx, [(parcel.arrived, parcel.message) for parcel in fit])
    placed = [(parcel, naming.place_message(known, parcel.arrived, parcel.message)) for parcel in fit]
    unlike = [parcel for parcel, arrived in placed if arrived is None]
    fit = [replace(parcel, arrived=arrived) for parcel, arrived in placed if arrived is not None]
    kept_digests = inbox.add_messages(tx, now, [parcel.arrived for parcel in fit]) if fit else set()
    new = [parcel for parcel in fit if parcel.digest in kept_digests]
    inbox.add_receipts(
        tx, now, [inbox.StoredReceipt(gw.code, o.digest, o.arrived.message_id, "accepted", o.receipt) for o in new]
    )
    blind_index.index_messages(
        tx, [IndexedMessage("came", o.arrived.sender, o.arrived.message_id, o.marks) for o in new]
    )
    searches.add_searches(
        tx, now, [(m.sender, m.message_id, m.kind) for m in (parcel.arrived for parcel in new) if _is_search(m)]
    )
    misfits = [(parcel.arrived, naming.apply_effect(tx, now, known, parcel.arrived, parcel.message)) for parcel in new]
    if new:
        naming.apply_earlier_words(tx, now, known, [parcel.arrived for parcel in new])
    if gw.config.one.import_when == "arrived":
        import_queue.queue_for_import(tx, gw, [parcel.arrived for parcel in new])
    without = [_no_effect_entry(arrived, why) for arrived, why in misfits if why]
    audit_log.append_entries(tx, now, [*(_kept_entry(parcel) for parcel in new), *without])
    raise_alerts(tx, gw, [(_name_arrived(o.arrived), o.arrived.kind) for o in new if o.arrived.urgent])
    return kept_digests, unlike


def _name_arrived(came: ArrivedMessage) -> MessageName:
    return MessageName(came.sender, came.message_id)


def _is_search(came: ArrivedMessage) -> bool:
    # A test is no case.
    return came.kind in SEARCHES and not came.test


def _kept_entry(parcel: AcceptedParcel) -> AuditEntry:
    """Build the entry, with the digests of our copy and receipt, so that `audit verify` sees what was changed later."""
    arrived, body = parcel.arrived, parcel.message.body
    detail = {"kind": arrived.kind, "case": arrived.case_id, "copy": sha256(arrived.content).hexdigest()}
    detail["receipt"] = audit_log.digest_text(parcel.receipt)
    if isinstance(body, Acknowledgement):
        detail["decision"] = body.decision
    return AuditEntry("message.kept", SYSTEM, arrived.message_id, arrived.sender, arrived.digest, detail)


def _no_effect_entry(arrived: ArrivedMessage, why: Misfit) -> AuditEntry:
    return AuditEntry(
        "reply.without-effect", SYSTEM, arrived.message_id, arrived.sender, arrived.digest, {"why": why.value}
    )


def _note_refusals(
    tx: Tx, gw: Gateway, refused: Sequence[RefusedParcel], rejections: dict[str, str], caller: str
) -> None:
    """Note them, and keep their receipts.

    After some in a minute, those of one caller are counted only, and no receipt is kept.
    """
    now, entries = gw.now(), list[AuditEntry]()
    for parcel in refused:
        token = rejections[parcel.digest]
        entry = AuditEntry(
            "message.refused", SYSTEM, parcel.message_id, caller, parcel.digest, {"codes": " ".join(parcel.codes)}
        )
        for written in bursts.count_entry(gw, entry, singly=REFUSED_SINGLY):
            if written is not entry:
                entries.append(written)
                continue
            entries.append(replace(entry, detail={**entry.detail, "receipt": audit_log.digest_text(token)}))
            stored = inbox.StoredReceipt(gw.code, parcel.digest, parcel.message_id, "rejected", token)
            inbox.add_receipts(tx, now, [stored])
    audit_log.append_entries(tx, now, entries)
