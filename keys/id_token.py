"""The ID token: who a person is, as the council's identity provider signs it (OpenID Connect Core 1.0, section 2).

Unlike our own tokens it is written by software that is not ours, so it may hold members that we do not know; PyJWT
takes it apart and verifies it. Which algorithms count is decided here and by the key, never by the token (RFC 8725,
3.1).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from jwt import PyJWK, PyJWS
from jwt.exceptions import InvalidKeyError, InvalidSignatureError, PyJWKError, PyJWTError

from keys import jose
from keys.errors import RefusalCode, build_refusal

# By the type of the key; nothing else verifies.
ALGORITHMS_OF = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
ALGORITHMS = tuple(name for names in ALGORITHMS_OF.values() for name in names)
# RFC 7518, 6: what of a key we take.
PUBLIC_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
CURVE = "P-256"
# Two hundred groups by their ids are 8 KB.
MAX_ID_TOKEN_BYTES = 65_536
# Characters; OpenID Connect Core 1.0, 2.
MAX_SUBJECT = 255
# Both clocks are kept by NTP.
LEEWAY = timedelta(seconds=60)

# RSA of 2048 bits or more.
_jws = PyJWS(algorithms=ALGORITHMS, options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must say: who wrote it, for whom, and for which sign-in."""

    issuer: str
    audience: str
    nonce: str


def key_id(token: str) -> str:
    """Return the name of the key that the token wants to be checked with. It proves nothing.

    Raises:
        IdTokenRefused: `id-token.malformed`, or `id-token.algorithm` where it is not one that we allow.
    """
    return str(_read_header(token)["kid"])


def verify(token: str, keys: Sequence[object], *, expected: Expected, now: datetime) -> dict[str, Any]:
    """Return what the token says of the person (OpenID Connect Core 1.0, 3.1.3.7), after these checks:

    1. the form of a signed token, and an algorithm that we allow
    2. the key that it names is one of the provider's, made to sign, and fits the algorithm
    3. the signature
    4. from the issuer
    5. for us, and for us alone where it names several
    6. now: not expired, not from the future
    7. for this sign-in: the nonce; and for somebody: the subject

    Args:
        token: as the provider returned it, unchecked.
        keys: the provider's, each a JWK (RFC 7517, 4); those that are none are passed over.
        expected: issuer, client id and nonce of this sign-in.
        now: the time, in any zone. A clock may differ by 60 seconds.

    Returns:
        Every claim of the token, also those that were not checked.

    Raises:
        IdTokenRefused: the first check that fails. (1) `id-token.malformed`, `id-token.algorithm`;
            (2) `id-token.unknown-key`, `id-token.algorithm`; (3) `id-token.signature`, `id-token.unknown-key` where the
            key is too short, `id-token.malformed`; (4) `id-token.other-issuer`; (5) `id-token.other-audience`;
            (6) `id-token.malformed`, `id-token.from-the-future`, `id-token.expired`; (7) `id-token.other-sign-in`,
            `id-token.malformed`.
    """
    # (1).
    header = _read_header(token)
    # (2).
    key = _pick_key(keys, header["kid"], header["alg"])
    # (3).
    claims = _check_signature(token, key, header["alg"])
    # (4).
    if claims.get("iss") != expected.issuer:
        raise build_refusal(RefusalCode.ID_TOKEN_OTHER_ISSUER)
    # (5).
    _for_us(claims, expected.audience)
    # (6).
    _in_time(claims, now)
    # (7).
    nonce, subject = claims.get("nonce"), claims.get("sub")
    if not (isinstance(nonce, str) and compare_digest(_decode_part(nonce), _decode_part(expected.nonce))):
        raise build_refusal(RefusalCode.ID_TOKEN_OTHER_SIGN_IN)
    if not (
        isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and subject.isascii() and subject.isprintable()
    ):
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED, "sub")
    return claims


def _decode_part(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _read_header(token: str) -> dict[str, Any]:
    raw = _decode_part(token)
    if len(raw) > MAX_ID_TOKEN_BYTES:
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED, "too large")
    try:
        header = _jws.get_unverified_header(raw)
    except PyJWTError:
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED) from None
    if header.get("alg") not in ALGORITHMS:
        raise build_refusal(RefusalCode.ID_TOKEN_ALGORITHM)
    # Extensions that we do not know.
    if not isinstance(header.get("kid"), str) or header.keys() & {"crit", "b64"}:
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED, "header")
    return header


def _pick_key(keys: Sequence[object], kid: str, alg: str) -> PyJWK:
    named = [key for key in keys if isinstance(key, Mapping) and key.get("kid") == kid and _is_for_signing(key)]
    if not named:
        raise build_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY)
    chosen = next((key for key in named if alg in ALGORITHMS_OF[key["kty"]] and key.get("alg", alg) == alg), None)
    if chosen is None:
        raise build_refusal(RefusalCode.ID_TOKEN_ALGORITHM)
    try:
        return PyJWK({name: chosen[name] for name in PUBLIC_MEMBERS[chosen["kty"]]}, algorithm=alg)
    except (InvalidKeyError, PyJWKError, KeyError):
        raise build_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY, "not usable") from None


def _is_for_signing(key: Mapping[str, Any]) -> bool:
    kind = key.get("kty")
    # Entra's keys say it; where it is not said, every use is allowed.
    made_for = key.get("use", "sig") == "sig"
    return made_for and (kind == "RSA" or (kind == "EC" and key.get("crv") == CURVE))


def _check_signature(token: str, key: PyJWK, alg: str) -> dict[str, Any]:
    try:
        claims = json.loads(_jws.decode(_decode_part(token), key, algorithms=[alg]))
    except InvalidSignatureError:
        raise build_refusal(RefusalCode.ID_TOKEN_SIGNATURE) from None
    except InvalidKeyError:
        raise build_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY, "too short") from None
    except (PyJWTError, ValueError, RecursionError):
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED) from None
    if not isinstance(claims, dict):
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED)
    return claims


def _for_us(claims: Mapping[str, Any], audience: str) -> None:
    meant_for = claims.get("aud")
    several = meant_for if isinstance(meant_for, list) else [meant_for]
    party = claims.get("azp", audience if len(several) == 1 else None)
    if audience not in several or party != audience:
        raise build_refusal(RefusalCode.ID_TOKEN_OTHER_AUDIENCE)


def _in_time(claims: Mapping[str, Any], now: datetime) -> None:
    try:
        issued, ends = jose.read_moment(claims.get("iat")), jose.read_moment(claims.get("exp"))
        begins = jose.read_moment(claims.get("nbf", claims["iat"]))
    except (jose.UnreadableToken, KeyError):
        raise build_refusal(RefusalCode.ID_TOKEN_MALFORMED, "time") from None
    if max(issued, begins) > now + LEEWAY:
        raise build_refusal(RefusalCode.ID_TOKEN_FROM_THE_FUTURE)
    if now >= ends + LEEWAY:
        raise build_refusal(RefusalCode.ID_TOKEN_EXPIRED)
