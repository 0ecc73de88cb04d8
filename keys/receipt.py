"""A signed receipt: proof of what a gateway was sent and whether it took it in, which it cannot take back.

A JWT (RFC 7519) that names the bytes by their SHA-256, so that it is proof for exactly these. The newest checkpoint of
the issuer's audit log rides along: every partner comes to hold signed snapshots of every other's log.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any, Literal, cast

from keys import jose, shape
from keys.card import CardKey
from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring
from keys.trust import Trust

# The codes of a bad message, and a checkpoint.
MAX_RECEIPT_BYTES = 16_384
# A message with more faults is told of the first of them.
MAX_CODES = 64
MAX_CHECKPOINT_CHARACTERS = 2_048

KIND = jose.Kind(
    "cme-receipt+jwt",
    MAX_RECEIPT_BYTES,
    RefusalCode.RECEIPT_MALFORMED,
    RefusalCode.RECEIPT_ALGORITHM,
    RefusalCode.RECEIPT_TYPE,
    RefusalCode.RECEIPT_SIGNATURE,
)

Result = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the issuer signed. `message_id` is None when the message was refused before it could be read."""

    issuer: str
    audience: str
    message_id: str | None
    # Hex, of the sealed message.
    sha256: str
    issued_at: datetime
    result: Result
    codes: tuple[str, ...]
    # Signed note, see `note`.
    checkpoint: str | None


def issue(
    *,
    audience: str,
    message_id: str | None,
    sha256: str,
    codes: Sequence[str],
    checkpoint: str | None,
    ring: Ring,
    now: datetime,
) -> str:
    """Sign for a message, and return the receipt. Without codes it says accepted; codes say why it is rejected.

    Sign "accepted" only for what is durable.

    Args:
        audience: the DfE code of the authority that sent the message.
        message_id: None where the message was refused before it could be read.
        sha256: of the sealed bytes, in lower-case hex.
        codes: of refusals and findings; of more than 64 the first.
        checkpoint: the newest of our audit log, as `note.sign_checkpoint` wrote it; None where there is none yet.
        ring: our keys. Its newest signing key signs.
        now: the time, in any zone.

    Raises:
        ReceiptRefused: a partner would refuse it, as where `sha256` is none (`receipt.malformed`).
    """
    claims = {
        "iss": ring.authority,
        "aud": audience,
        "sub": message_id,
        "sha256": sha256,
        "iat": jose.write_seconds(now),
        "result": "rejected" if codes else "accepted",
        "codes": list(codes[:MAX_CODES]),
        "checkpoint": checkpoint,
    }
    try:
        # A receipt that a partner would refuse does not leave the house.
        _read_receipt(claims)
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.RECEIPT_MALFORMED) from None
    ours = ring.signing
    return jose.sign(KIND, json.dumps(claims).encode(), kid=ours.kid, alg=ours.alg, key=ours.private)


def verify(token: str, *, issuer: str, audience: str, sha256: str, trust: Trust, now: datetime) -> Receipt:
    """Check that the partner signed for exactly these bytes, to us, and return what it signed:

    1. the form of a receipt, and its `typ`
    2. from the partner to whom we sent, and for us
    3. for the bytes that we sent
    4. not from the future
    5. under a key on the partner's card that was valid when it signed; the card itself may have expired since, because
       a receipt is evidence for years
    6. the signature

    Args:
        token: as it came, unchecked.
        issuer: the DfE code of the partner to whom we sent.
        audience: our own DfE code.
        sha256: of the sealed bytes that we sent, in lower-case hex.
        trust: the cards that count.
        now: the time, in any zone. A clock may differ by 5 minutes.

    Raises:
        ReceiptRefused: (1) `receipt.malformed`, `receipt.algorithm`, `receipt.type`; (2) `receipt.other-party`;
            (3) `receipt.other-message`; (4) `receipt.from-the-future`; (6) `receipt.algorithm`, `receipt.signature`.
        CardRefused: (5) `card.unknown-authority`.
        KeyRefused: (5) `key.unknown`, `key.revoked`, `key.not-yet`, `key.out-of-date`.
    """
    # (1).
    signed = jose.read(KIND, token)
    try:
        receipt = _read_receipt(jose.read_object(signed.payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.RECEIPT_MALFORMED) from None
    # (2).
    if (receipt.issuer, receipt.audience) != (issuer, audience):
        raise build_refusal(RefusalCode.RECEIPT_OTHER_PARTY)
    # (3).
    if not compare_digest(receipt.sha256.encode(), sha256.encode()):
        raise build_refusal(RefusalCode.RECEIPT_OTHER_MESSAGE)
    # (4).
    if receipt.issued_at > now + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.RECEIPT_FROM_THE_FUTURE)
    # (5).
    theirs = trust.signing_key(issuer, signed.kid, receipt.issued_at)
    # (6).
    jose.verify(KIND, signed, alg=theirs.alg, key=theirs.public)
    return receipt


def read_claimed(token: str) -> Receipt:
    """Return what a receipt says. It proves nothing.

    Raises:
        ReceiptRefused: it cannot be read: `receipt.malformed`, `receipt.algorithm`, `receipt.type`.
    """
    try:
        return _read_receipt(jose.read_object(jose.read(KIND, token).payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.RECEIPT_MALFORMED) from None


def claimed_digest(token: str) -> str:
    """Return the digest for which this receipt says it was signed: to find the message, before `verify` is asked.

    Returns:
        The SHA-256 of the sealed bytes, in lower-case hex.

    Raises:
        ReceiptRefused: as `read_claimed` does.
    """
    try:
        return _read_receipt(jose.read_object(jose.read(KIND, token).payload)).sha256
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.RECEIPT_MALFORMED) from None


def has_valid_key(token: str, keys: Iterable[CardKey]) -> bool:
    """Tell whether a receipt names a key that counts for the time at which it says it was signed.

    Args:
        token: a receipt that its issuer signed.
        keys: those on the issuer's newest card.

    Raises:
        ReceiptRefused: as `read_claimed` does.
    """
    kid, at = jose.read(KIND, token).kid, read_claimed(token).issued_at
    return any(
        (key.kid, key.use) == (kid, "sig") and key.status != "revoked" and key.not_before <= at < key.not_after
        for key in keys
    )


def _read_receipt(claims: dict[str, Any]) -> Receipt:
    shape.read_members(claims, "iss aud sub sha256 iat result codes checkpoint")
    codes = tuple(shape.read_name(code) for code in shape.read_rows(claims["codes"], MAX_CODES))
    result = cast("Result", shape.read_one_of(claims["result"], "accepted rejected"))
    if (result == "rejected") != bool(codes):
        raise jose.UnreadableToken("result")
    return Receipt(
        shape.read_name(claims["iss"]),
        shape.read_name(claims["aud"]),
        None if claims["sub"] is None else shape.read_name(claims["sub"]),
        shape.read_digest(claims["sha256"]),
        jose.read_moment(claims["iat"]),
        result,
        codes,
        None if claims["checkpoint"] is None else shape.read_text(claims["checkpoint"], MAX_CHECKPOINT_CHARACTERS),
    )
