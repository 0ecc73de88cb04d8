"""Check the evidence of one exchange, from its file and the cards of both authorities alone.

In this order, and all that is wrong is told:

1. the form of the file
2. the checkpoint, signed by the authority whose evidence it is (C2SP tlog-checkpoint)
3. each entry leads to the root that is signed there (RFC 9162, 2.1.3.2), and is about this exchange
4. the last entry names the SHA-256 of the contents: nothing was put in, taken out or exchanged since
5. an entry says of each message that it was sent or received, with these bytes
6. each receipt is signed by the recipient, for these bytes; an entry names it (an entry of an older version says only
   that there was one); the checkpoint in it is the recipient's
7. the checkpoint of the partner's log is the partner's

What it does not show: that the log was shown to nobody in another form. Partners that hold checkpoints of it tell that
(`cme-gateway audit verify --seen`).
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.auditing.evidence import FORMAT, ExchangedMessage, digest_contents
from gateway.core import merkle
from gateway.core.merkle import HASH_BYTES, hash_leaf
from gateway.errors import GatewayError, Unusable
from gateway.store.audit_log import digest_text
from keys import note, receipt
from keys.errors import Refusal
from keys.receipt import Receipt
from keys.trust import Trust
from schemas.message import read_kind
from schemas.shapes import MessageId

# Some thousand entries, each with its path.
MAX_EVIDENCE_BYTES = 8_388_608
CLOSING = "audit.evidence-exported"
RECEIPTED = ("receipt.verified", "notice.rejected", "message.kept", "message.refused")
BEGINNINGS = ("notice.queued", "message.kept")
FILE_MEMBERS = {"format", "contents", "closing", "proofs", "checkpoint"}
CONTENTS_MEMBERS = {"authority", "case_id", "messages", "entries", "partner_checkpoint", "notice"}
MESSAGE_MEMBERS = {"message_id", "kind", "sender", "recipient", "digest", "receipts"}


@dataclass(frozen=True, slots=True)
class EvidenceFault:
    """What is wrong with a part of the file: which part, the code of the reason, and a sentence."""

    part: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that holds: for which message, by whom, when, and whether it was accepted."""

    message_id: str
    issuer: str
    issued_at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class EvidenceVerdict:
    """What a check of evidence found. No `faults`: everything holds.

    `messages` are the notice and its replies; `entries` lie in a log of `size` entries.
    """

    authority: str
    case_id: str
    messages: Sequence[ExchangedMessage]
    receipts: Sequence[VerifiedReceipt]
    entries: int
    size: int
    # What the notice says, where it was put in.
    notice: str | None
    faults: Sequence[EvidenceFault]


@dataclass(frozen=True, slots=True)
class _Evidence:
    contents: Mapping[str, Any]
    authority: str
    case_id: str
    messages: Sequence[ExchangedMessage]
    entries: Sequence[str]
    partner_checkpoint: str | None
    notice: str | None
    # With its proof, the last.
    closing: str
    proofs: Sequence[Sequence[bytes]]
    checkpoint: str

    @property
    def partner(self) -> str:
        """Return the other authority."""
        first = self.messages[0]
        return first.recipient if first.sender == self.authority else first.sender


def verify_evidence(raw: bytes, trust: Trust, now: datetime) -> EvidenceVerdict:
    """Check evidence: see above.

    Args:
        raw: the file.
        trust: the cards that the reader holds, of both authorities. A card in the hands of whoever gave the file proves
            nothing.
        now: the time, in any zone.

    Raises:
        Unusable: the file cannot be read as evidence (`evidence.malformed`).
    """
    # (1).
    evidence = _read_evidence(raw)
    faults = list[EvidenceFault]()
    # (2).
    stamped = None
    try:
        stamped = note.verify_checkpoint_with_trust(evidence.checkpoint, authority=evidence.authority, trust=trust)
    except Refusal as why:
        faults.append(_describe_fault("checkpoint", why))
    facts = [_read_facts(text) for text in (*evidence.entries, evidence.closing)]
    # (3).
    if stamped:
        faults += _check_proofs(evidence, facts, stamped)
    faults += _check_subjects(evidence, facts)
    # (4).
    faults += _check_closing(evidence, facts[-1])
    # (5).
    faults += _check_beginnings(evidence, facts)
    # (6).
    receipts, wrong = _check_receipts(evidence, facts, trust, now)
    faults += wrong
    # (7).
    if evidence.partner_checkpoint is not None:
        faults += _check_note("partner_checkpoint", evidence.partner_checkpoint, evidence.partner, trust)
    return EvidenceVerdict(
        evidence.authority,
        evidence.case_id,
        evidence.messages,
        receipts,
        len(facts),
        stamped.size if stamped else 0,
        evidence.notice,
        faults,
    )


def _check_proofs(
    evidence: _Evidence, facts: Sequence[Mapping[str, Any]], stamped: note.Checkpoint
) -> Iterator[EvidenceFault]:
    texts = (*evidence.entries, evidence.closing)
    for text, fact, path in zip(texts, facts, evidence.proofs, strict=True):
        leaf, number = hash_leaf(text.encode()), fact["number"]
        if not merkle.verify_inclusion(leaf, number, stamped.size, path, stamped.root):
            yield _describe_fault(f"entry {number}", Unusable("evidence.not-in-log", number=number))


def _check_subjects(evidence: _Evidence, facts: Sequence[Mapping[str, Any]]) -> Iterator[EvidenceFault]:
    """Find entries about anything else, and messages that did not go between the two."""
    ids, both = {message.message_id for message in evidence.messages}, {evidence.authority, evidence.partner}
    for fact in facts:
        if fact.get("about") not in ids or fact.get("partner") not in (None, evidence.partner):
            number = fact["number"]
            yield _describe_fault(f"entry {number}", Unusable("evidence.other-entry", number=number))
    for message in evidence.messages:
        if {message.sender, message.recipient} != both or len(both) != 2:
            unlike = Unusable("evidence.other-message", message=message.message_id)
            yield _describe_fault(f"message {message.message_id}", unlike)


def _check_closing(evidence: _Evidence, closing: Mapping[str, Any]) -> Iterator[EvidenceFault]:
    meant = (CLOSING, evidence.messages[0].message_id, evidence.partner)
    if (closing.get("act"), closing.get("about"), closing.get("partner")) != meant:
        yield _describe_fault("closing", Unusable("evidence.not-closed"))
    elif closing.get("digest") != digest_contents(evidence.contents):
        yield _describe_fault("contents", Unusable("evidence.changed"))


def _check_beginnings(evidence: _Evidence, facts: Sequence[Mapping[str, Any]]) -> Iterator[EvidenceFault]:
    begun = {
        (fact["act"], fact.get("about"), fact.get("digest")) for fact in facts[:-1] if fact.get("act") in BEGINNINGS
    }
    for message in evidence.messages:
        act = BEGINNINGS[message.sender != evidence.authority]
        if (act, message.message_id, message.digest) not in begun:
            unlike = Unusable("evidence.no-beginning", message=message.message_id)
            yield _describe_fault(f"message {message.message_id}", unlike)


def _check_receipts(
    evidence: _Evidence, facts: Sequence[Mapping[str, Any]], trust: Trust, now: datetime
) -> tuple[list[VerifiedReceipt], list[EvidenceFault]]:
    holding, faults = list[VerifiedReceipt](), list[EvidenceFault]()
    named = {fact.get("detail", {}).get("receipt") for fact in facts}
    # Of before entries named the receipt.
    unnamed = {
        (fact.get("about"), fact.get("digest"))
        for fact in facts
        if fact.get("act") in RECEIPTED and "receipt" not in fact.get("detail", {})
    }
    tokens = [(message, token) for message in evidence.messages for token in message.receipts]
    for number, (message, token) in enumerate(tokens, 1):
        part = f"receipt {number}"
        try:
            signed = _verify_receipt(message, token, trust, now)
        except Refusal as why:
            faults.append(_describe_fault(part, why))
            continue
        if signed.message_id not in (None, message.message_id):
            faults.append(_describe_fault(part, Unusable("evidence.other-receipt", number=number)))
        if digest_text(token) not in named and (message.message_id, message.digest) not in unnamed:
            faults.append(_describe_fault(part, Unusable("evidence.no-entry", number=number)))
        if signed.checkpoint is not None:
            faults += _check_note(part, signed.checkpoint, message.recipient, trust)
        holding.append(VerifiedReceipt(message.message_id, signed.issuer, signed.issued_at, signed.result))
    return holding, faults


def _verify_receipt(message: ExchangedMessage, token: str, trust: Trust, now: datetime) -> Receipt:
    return receipt.verify(
        token, issuer=message.recipient, audience=message.sender, sha256=message.digest, trust=trust, now=now
    )


def _check_note(part: str, text: str, authority: str, trust: Trust) -> Iterator[EvidenceFault]:
    try:
        note.verify_checkpoint_with_trust(text, authority=authority, trust=trust)
    except Refusal as why:
        yield _describe_fault(part, why)


def _describe_fault(part: str, why: GatewayError | Refusal) -> EvidenceFault:
    return EvidenceFault(part, why.code, why.sentence)


def _read_evidence(raw: bytes) -> _Evidence:
    try:
        if len(raw) > MAX_EVIDENCE_BYTES:
            raise ValueError("size")
        return _read_file(json.loads(raw, object_pairs_hook=_read_object))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("evidence.malformed") from None


def _read_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Take each member once: of two with one name, readers would take another."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("members")
    return members


def _read_file(file: Any) -> _Evidence:
    _check_members(file, FILE_MEMBERS)
    contents = file["contents"]
    _check_members(contents, CONTENTS_MEMBERS)
    entries, proofs = _read_texts(contents["entries"]), file["proofs"]
    messages = [_read_message(message) for message in _read_list(contents["messages"])]
    if file["format"] != FORMAT or not messages or len(_read_list(proofs)) != len(entries) + 1:
        raise ValueError("format")
    return _Evidence(
        contents,
        _read_text(contents["authority"]),
        _read_text(contents["case_id"]),
        messages,
        entries,
        _read_text_or_none(contents["partner_checkpoint"]),
        _read_text_or_none(contents["notice"]),
        _read_text(file["closing"]),
        [[_read_hash(step) for step in _read_texts(path)] for path in proofs],
        _read_text(file["checkpoint"]),
    )


def _read_message(message: Any) -> ExchangedMessage:
    _check_members(message, MESSAGE_MEMBERS)
    message_id, sender, recipient, digest = (
        _read_text(message[name]) for name in ("message_id", "sender", "recipient", "digest")
    )
    kind = read_kind(_read_text(message["kind"]))
    receipts = tuple(_read_texts(message["receipts"]))
    return ExchangedMessage(MessageId(message_id), kind, sender, recipient, digest, receipts)


def _read_facts(text: str) -> Mapping[str, Any]:
    """Read an entry. Raises Unusable where it is none."""
    try:
        fact = json.loads(text, object_pairs_hook=_read_object)
        if not isinstance(fact, dict) or type(fact["number"]) is not int:
            raise ValueError("entry")
        for name in ("act", "about", "partner", "digest"):
            _read_text_or_none(fact.get(name))
        _read_text_or_none(fact.get("detail", {}).get("receipt"))
    except (ValueError, KeyError, AttributeError, RecursionError):
        raise Unusable("evidence.malformed") from None
    return fact


def _check_members(value: Any, names: set[str]) -> None:
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError("members")


def _read_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("list")
    return value


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    # Half of a surrogate pair has no bytes.
    value.encode()
    return value


def _read_text_or_none(value: Any) -> str | None:
    return None if value is None else _read_text(value)


def _read_texts(value: Any) -> list[str]:
    return [_read_text(text) for text in _read_list(value)]


def _read_hash(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    if len(raw) != HASH_BYTES:
        raise ValueError("hash")
    return raw
