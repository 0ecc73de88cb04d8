"""Compact JWS (RFC 7515), read strictly: one value has one spelling.

PyJWT's algorithm objects sign and verify. Its own `decode` is not used: on a payload of 4 KB its loop over the
base64url characters takes three times as long as the signature, and it lets duplicate members and padding through. Nor
is its `encode`: around each signature it writes the same header anew. The algorithm that verifies is the one that
belongs to the key, never the one that a token asks for (RFC 8725, 3.1).
"""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NoReturn

import pybase64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWS

from keys.errors import RefusalCode, build_refusal
from keys.hsm import SigningPrivateKey
from keys.signatures import SIGNATURE_ALGORITHMS, VerifyingKey

# By how much two authorities' clocks may differ; with NTP they do not.
CLOCK_SKEW = timedelta(minutes=5)
# A date in seconds, a serial: more digits than any of them needs.
MAX_DIGITS = 12
# The last second of the year 9999, where `datetime` ends.
MAX_SECONDS = 253_402_300_799

_jws = PyJWS(algorithms=SIGNATURE_ALGORITHMS)


class UnreadableToken(ValueError):  # noqa: N818 - it is not a fault of ours
    """Text that is not the one right spelling of anything; it never leaves `keys`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of signed token: what marks it, how large it may be, and how it is refused."""

    typ: str
    max_bytes: int
    malformed: RefusalCode
    wrong_algorithm: RefusalCode
    wrong_type: RefusalCode
    wrong_signature: RefusalCode
    cty: str | None = None


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token that has the right form and type. Nothing in it is true yet."""

    alg: str
    kid: str
    payload: bytes
    signed_text: bytes
    signature: bytes


def encode(raw: bytes) -> str:
    """Write base64url without padding (RFC 7515, 2)."""
    return pybase64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: bytes | str) -> bytes:
    """Read base64url: no padding, no other characters, no stray bits at the end (RFC 4648, 3.3 and 3.5).

    Raises:
        UnreadableToken: it is anything else.
    """
    ascii_text = text.encode("ascii", "replace") if isinstance(text, str) else text
    # The reader takes these for - and _ too.
    if b"+" in ascii_text or b"/" in ascii_text or b"=" in ascii_text:
        raise UnreadableToken("base64url")
    try:
        raw = pybase64.b64decode(ascii_text + b"=" * (-len(ascii_text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise UnreadableToken("base64url") from None
    # Only the last characters can carry stray bits.
    over = len(ascii_text) % 4
    if over and encode(raw[1 - over :]).encode() != ascii_text[-over:]:
        raise UnreadableToken("base64url")
    return raw


def read_object(text: bytes) -> dict[str, Any]:
    """Read one JSON object: UTF-8, no member twice (RFC 8259, 4), no half of a surrogate pair (RFC 7493, 2.1), no
    fractions, no number of more than 12 characters.

    Raises:
        UnreadableToken: it is anything else.
    """
    try:
        value = _strict_json.decode(text.decode("utf-8"))
        # Only an escape can stand for a half, and no text that holds one can be written in UTF-8 again.
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise UnreadableToken("JSON") from None
    if not isinstance(value, dict):
        raise UnreadableToken("JSON")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableToken("duplicate member")
    return members


def _short_integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise UnreadableToken("number")
    return int(digits)


def _refuse_number(_: str) -> NoReturn:
    raise UnreadableToken("number")


_strict_json = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_int=_short_integer,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
)
_compact_json = json.JSONEncoder(separators=(",", ":"))


def write_object(members: Mapping[str, object]) -> bytes:
    """Write one JSON object, its members in this order, without spaces."""
    return _compact_json.encode(members).encode()


def read_moment(seconds: object) -> datetime:
    """Read a NumericDate (RFC 7519, 2) in whole seconds, as a time in UTC.

    Raises:
        UnreadableToken: it is no whole number, or of a year before 1970 or after 9999.
    """
    if type(seconds) is not int or not 0 <= seconds <= MAX_SECONDS:
        raise UnreadableToken("date")
    return datetime.fromtimestamp(seconds, UTC)


def write_seconds(at: datetime) -> int:
    """Write a NumericDate (RFC 7519, 2): whole seconds since 1970 in UTC, rounded down.

    Args:
        at: must know its zone, so that nobody's summer time gets into a signature.

    Raises:
        ValueError: it does not.
    """
    if at.tzinfo is None:
        raise ValueError("a moment must be aware of its zone")
    return int(at.timestamp())


def sign(kind: Kind, payload: bytes, *, kid: str, alg: str, key: SigningPrivateKey) -> str:
    """Write a token of this kind: a compact JWS (RFC 7515, 7.1).

    Args:
        kind: whose `typ` and `cty` stand in the header.
        payload: the bytes that are signed, as they are.
        kid: the id of the key.
        alg: "EdDSA" (RFC 8037, 3.1), or "ES256" (RFC 7518, 3.4) of a key in an HSM.
        key: signs.
    """
    signed_text = f"{_write_header(kind.typ, kind.cty, alg, kid)}.{encode(payload)}"
    text = signed_text.encode()
    is_here = isinstance(key, Ed25519PrivateKey)
    signature = _jws.get_algorithm_by_name(alg).sign(text, key) if is_here else key.sign(text)
    return f"{signed_text}.{encode(signature)}"


@cache
def _write_header(typ: str, cty: str | None, alg: str, kid: str) -> str:
    members = {"alg": alg, "cty": cty, "kid": kid, "typ": typ}
    return encode(write_object({name: value for name, value in members.items() if value}))


def read(kind: Kind, token: bytes | str) -> Unverified:
    """Take a token apart, and refuse every form but the one that `sign` writes. `crit` is an unknown member here.

    Nothing is proved until `verify`.

    Args:
        kind: the one kind that is wanted here.
        token: the compact form, unchecked.

    Raises:
        Refusal: those that `kind` names: `malformed`, `wrong_algorithm`, `wrong_type`.
    """
    raw = token.encode("utf-8", "replace") if isinstance(token, str) else token
    if len(raw) > kind.max_bytes:
        raise build_refusal(kind.malformed, "too large")
    try:
        head, body, tail = raw.split(b".")
        header = read_object(decode(head))
        alg, kid, typ, cty = (_read_text(header, name) for name in ("alg", "kid", "typ", "cty"))
    except ValueError:
        raise build_refusal(kind.malformed) from None
    if alg not in SIGNATURE_ALGORITHMS:
        raise build_refusal(kind.wrong_algorithm)
    if typ != kind.typ or cty != (kind.cty or ""):
        raise build_refusal(kind.wrong_type)
    if header.keys() - {"alg", "kid", "typ", "cty"} or ("cty" in header) != bool(kind.cty):
        raise build_refusal(kind.malformed, "header")
    try:
        return Unverified(alg, kid, decode(body), raw[: len(head) + 1 + len(body)], decode(tail))
    except UnreadableToken:
        raise build_refusal(kind.malformed) from None


def _read_text(header: dict[str, Any], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise UnreadableToken("header")
    return value


def verify(kind: Kind, token: Unverified, *, alg: str, key: VerifyingKey) -> None:
    """Check the signature with the key and the algorithm that the signer's card states (RFC 8725, 3.1).

    Args:
        kind: as for `read`.
        token: as `read` returned it.
        alg: what belongs to the key, never what the token says.
        key: the signer's.

    Raises:
        Refusal: those that `kind` names: `wrong_algorithm` where the token says another, `wrong_signature`.
    """
    if token.alg != alg or alg not in SIGNATURE_ALGORITHMS:
        raise build_refusal(kind.wrong_algorithm)
    if not _jws.get_algorithm_by_name(alg).verify(token.signed_text, key, token.signature):
        raise build_refusal(kind.wrong_signature)
