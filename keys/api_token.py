"""The access token of a case system (RFC 9068): which client calls, and what it may ask for, for ten minutes.

Signed with our signing key, as all that we sign is: so there is no further secret to keep, and one strict reader for
every token. Nobody but ourselves reads it; its `typ` keeps it apart from what partners show. A rotated key ends tokens
early, and a client gets another. Whether the client still counts is asked of the store at every call, never of the
token.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any

from keys import jose, shape
from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring

LIFE = timedelta(minutes=10)
# It travels in an HTTP header.
MAX_TOKEN_BYTES = 4_096
SECRET_BYTES = 32

KIND = jose.Kind(
    "at+jwt",
    MAX_TOKEN_BYTES,
    RefusalCode.API_TOKEN_MALFORMED,
    RefusalCode.API_TOKEN_ALGORITHM,
    RefusalCode.API_TOKEN_TYPE,
    RefusalCode.API_TOKEN_SIGNATURE,
)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token says: for which client, and for which scopes."""

    client: str
    scopes: tuple[str, ...]


def new_secret() -> str:
    """Return a new secret for a client: 256 bits, so that its plain digest tells nothing."""
    return token_urlsafe(SECRET_BYTES)


def digest_secret(secret: str) -> str:
    """Return the secret as it is stored: its SHA-256, as 64 digits of lower-case hex."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_right_secret(secret: str, stored: str | None) -> bool:
    """Is it this secret? Both digests are compared in constant time.

    Args:
        secret: as the client sent it.
        stored: what `digest_secret` gave for it; None where no such client is known, which takes as long.
    """
    return compare_digest(digest_secret(secret), stored or digest_secret("")) and stored is not None


def issue(client: str, scopes: tuple[str, ...], *, audience: str, ring: Ring, now: datetime) -> str:
    """Return a signed access token (RFC 9068, 2) for this client and these scopes. It is valid for 10 minutes.

    Args:
        client: the client's id.
        scopes: names without spaces.
        audience: the address of this gateway's API, which `verify` asks for again.
        ring: our keys. Its newest signing key signs.
        now: the time, in any zone.
    """
    issued = jose.write_seconds(now)
    claims = {
        "iss": ring.authority,
        "aud": audience,
        "sub": client,
        "client_id": client,
        "scope": " ".join(scopes),
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
        "jti": "j" + token_urlsafe(16),
    }
    ours = ring.signing
    return jose.sign(KIND, json.dumps(claims).encode(), kid=ours.kid, alg=ours.alg, key=ours.private)


def verify(token: str, *, audience: str, ring: Ring, now: datetime) -> Granted:
    """Return what the token grants, after these checks:

    1. the form of such a token, and its `typ` (RFC 9068, 4)
    2. signed with the key that signs here now
    3. the signature
    4. issued by us, for this API
    5. now: not expired, not from the future, no longer life than ten minutes

    Args:
        token: as the caller sent it, unchecked.
        audience: the address of this gateway's API, as `issue` was given it.
        ring: our keys.
        now: the time, in any zone.

    Raises:
        ApiTokenRefused: the first check that fails. (1) `api-token.malformed`, `api-token.algorithm`, `api-token.type`;
            (2) `api-token.key`; (3) `api-token.signature`, and `api-token.malformed` where what is signed is not such
            claims; (4) `api-token.other-audience`; (5) `api-token.from-the-future`, `api-token.expired`.
    """
    # (1).
    signed = jose.read(KIND, token)
    ours = ring.signing
    # (2).
    if not compare_digest(signed.kid.encode(), ours.kid.encode()):
        raise build_refusal(RefusalCode.API_TOKEN_KEY)
    # (3).
    jose.verify(KIND, signed, alg=ours.alg, key=ours.private.public_key())
    try:
        issuer, meant_for, granted, issued_at, expires_at = _read_claims(jose.read_object(signed.payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.API_TOKEN_MALFORMED) from None
    # (4).
    if (issuer, meant_for) != (ring.authority, audience):
        raise build_refusal(RefusalCode.API_TOKEN_OTHER_AUDIENCE)
    # (5).
    if issued_at > now + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.API_TOKEN_FROM_THE_FUTURE)
    if now >= min(expires_at, issued_at + LIFE):
        raise build_refusal(RefusalCode.API_TOKEN_EXPIRED)
    return granted


def _read_claims(claims: dict[str, Any]) -> tuple[str, str, Granted, datetime, datetime]:
    shape.read_members(claims, "iss aud sub client_id scope iat exp jti")
    shape.read_name(claims["jti"])
    client = shape.read_name(claims["sub"])
    if claims["client_id"] != client:
        raise jose.UnreadableToken("client_id")
    granted = Granted(client, tuple(shape.read_line(claims["scope"]).split()))
    issued_at, expires_at = jose.read_moment(claims["iat"]), jose.read_moment(claims["exp"])
    return shape.read_name(claims["iss"]), shape.read_line(claims["aud"]), granted, issued_at, expires_at
