"""The caller's token: who is calling, shown before a single byte of what they send is read.

A JWT (RFC 7519) of a few minutes, made for each call and only for the authority whose gateway is called: at a mailbox
that is its host, and the mailbox is told by the path. It is sent inside TLS and names its audience (RFC 9700, 4.8.1),
so within its minutes whoever received it can show it to nobody but itself. A repeat of a call is harmless for another
reason: the same message has one effect.
"""

import json
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from keys import jose, shape
from keys.errors import BearerRefused, RefusalCode, build_refusal
from keys.ring import Ring
from keys.trust import Trust

# It travels in an HTTP header.
MAX_BEARER_BYTES = 4_096
LIFE = timedelta(minutes=5)

KIND = jose.Kind(
    "cme-bearer+jwt",
    MAX_BEARER_BYTES,
    RefusalCode.BEARER_MALFORMED,
    RefusalCode.BEARER_ALGORITHM,
    RefusalCode.BEARER_TYPE,
    RefusalCode.BEARER_SIGNATURE,
)


def issue(audience: str, *, ring: Ring, now: datetime) -> str:
    """Return a signed token (RFC 7519) that says who we are to one authority. It is valid for 5 minutes.

    Args:
        audience: the DfE code of the authority whose gateway is called; at a mailbox, of its host.
        ring: our keys. Its newest signing key signs.
        now: the time, in any zone.
    """
    issued = jose.write_seconds(now)
    claims = {
        "iss": ring.authority,
        "aud": audience,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
        "jti": "j" + token_urlsafe(16),
    }
    ours = ring.signing
    return jose.sign(KIND, json.dumps(claims).encode(), kid=ours.kid, alg=ours.alg, key=ours.private)


def verify(token: str, *, audience: str, trust: Trust, now: datetime, owner: str | None = None) -> str:
    """Return the DfE code of the authority that is calling, after these checks:

    1. the form of such a token, and its `typ`
    2. made for us
    3. made now: not expired, not from the future, no longer life than five minutes
    4. by an authority whose card we hold, and the card has not expired
    5. under a key on that card, valid and not revoked
    6. the signature

    Args:
        token: as the caller sent it, unchecked.
        audience: our own DfE code.
        trust: the cards that count.
        now: the time, in any zone. A clock may differ by 5 minutes.
        owner: the DfE code of the authority whose mailbox is called; None where it is none. Gateways of version 0.1
            name it as the audience, and may do so until the next version.

    Raises:
        BearerRefused: (1) `bearer.malformed`, `bearer.algorithm`, `bearer.type`; (2) `bearer.other-audience`;
            (3) `bearer.from-the-future`, `bearer.expired`; (6) `bearer.algorithm`, `bearer.signature`.
        CardRefused: (4) `card.unknown-authority`, `card.expired`, `card.from-the-future`.
        KeyRefused: (5) `key.unknown`, `key.revoked`, `key.not-yet`, `key.out-of-date`.
    """
    # (1).
    signed = jose.read(KIND, token)
    try:
        caller, meant_for, issued_at, expires_at = _read_claims(jose.read_object(signed.payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.BEARER_MALFORMED) from None
    # (2).
    if meant_for not in (audience, owner):
        raise build_refusal(RefusalCode.BEARER_OTHER_AUDIENCE)
    # (3).
    if issued_at > now + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.BEARER_FROM_THE_FUTURE)
    if now >= min(expires_at, issued_at + LIFE) + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.BEARER_EXPIRED)
    # (4).
    trust.current_card(caller, now)
    # (5).
    theirs = trust.signing_key(caller, signed.kid, issued_at)
    # (6).
    jose.verify(KIND, signed, alg=theirs.alg, key=theirs.public)
    return caller


def find_claimed_caller(token: str) -> str | None:
    """Return who a caller's token says is calling; None where it cannot be read. It proves nothing.

    Args:
        token: as the caller sent it, unchecked.
    """
    try:
        return _read_claims(jose.read_object(jose.read(KIND, token).payload))[0]
    except (BearerRefused, jose.UnreadableToken):
        return None


def _read_claims(claims: dict[str, Any]) -> tuple[str, str, datetime, datetime]:
    shape.read_members(claims, "iss aud iat exp jti")
    shape.read_name(claims["jti"])
    return (
        shape.read_name(claims["iss"]),
        shape.read_name(claims["aud"]),
        jose.read_moment(claims["iat"]),
        jose.read_moment(claims["exp"]),
    )
