"""The reader of cards as it was before cards had `extensions`: `keys.card.read` of commit 32189af0, with what it used of
`keys.jose` and `keys.shape`. It is a copy, and stays as it is: gateways with this reader run at other authorities.
"""

import binascii
import json
import re
from typing import Any, NoReturn

import pybase64
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keys.algorithms import KEMS

MAX_CARD_BYTES, MAX_ROWS, MAX_DIGITS, MAX_SECONDS = 65_536, 32, 12, 253_402_300_799
NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,79})", re.ASCII)


class Refused(ValueError):  # noqa: N818 - as it was
    """The card was refused."""


def read_card(token: str) -> dict[str, Any]:
    """Return the claims of a card, or raise Refused, exactly where the reader of then did."""
    raw = token.encode("utf-8", "replace")
    if len(raw) > MAX_CARD_BYTES:
        raise Refused("too large")
    try:
        head, body, tail = raw.split(b".")
        header = read_object(decode(head))
        claims = read_object(decode(body))
        signature = decode(tail)
        if header.keys() != {"alg", "kid", "typ"} or (header["alg"], header["typ"]) != ("EdDSA", "cme-card+jwt"):
            raise Refused("header")
        check_claims(claims)
        identity = Ed25519PublicKey.from_public_bytes(decode(claims["identity"]["x"]))
        identity.verify(signature, raw[: len(head) + 1 + len(body)])
    except (ValueError, InvalidSignature) as why:
        raise Refused(str(why)) from None
    return claims


def check_claims(claims: dict[str, Any]) -> None:
    """Raise where a claim has not the form that it had to have."""
    read_members(claims, "iss name serial iat exp identity keys routes contacts mash schema_versions")
    keys = [check_key(row) for row in read_rows(claims["keys"], MAX_ROWS)]
    if len(set(keys)) != len(keys):
        raise Refused("two keys with one id")
    read_name(claims["iss"])
    read_line(claims["name"])
    read_count(claims["serial"])
    read_moment(claims["iat"])
    read_moment(claims["exp"])
    identity = read_members(claims["identity"], "kty crv x")
    if (identity["kty"], identity["crv"]) != ("OKP", "Ed25519"):
        raise Refused("identity")
    for row in read_rows(claims["routes"], MAX_ROWS):
        check_route(row)
    for row in read_rows(claims["contacts"], MAX_ROWS):
        check_contact(row)
    if claims["mash"] is not None:
        check_contact(claims["mash"])
    for row in read_rows(claims["schema_versions"], MAX_ROWS):
        read_line(row)


def check_key(claims: object) -> str:
    """Return the key's id."""
    row = read_members(claims, "kid use alg public nbf exp status")
    use = read_one_of(row["use"], "sig enc")
    alg, public = read_line(row["alg"]), decode(read_line(row["public"], at_most=8_192))
    if use == "sig":
        if alg != "EdDSA":
            raise Refused("algorithm")
        Ed25519PublicKey.from_public_bytes(public)
    else:
        check_sealing(alg, public)
    read_one_of(row["status"], "active retired revoked")
    read_moment(row["nbf"])
    read_moment(row["exp"])
    return read_line(row["kid"])


def check_sealing(alg: str, public: bytes) -> None:
    """Seal nothing to the key, as the reader did."""
    if alg not in ("MLKEM768_X25519", "X25519"):
        raise Refused("algorithm")
    KEMS[alg].suite.encrypt(b"", KEMS[alg].public(public))


def check_route(claims: object) -> None:
    """Raise where a route has not its form."""
    row = read_members(claims, "kind url protection certificate")
    read_name(row["kind"])
    read_line(row["url"], at_most=2_048)
    read_one_of(row["protection"], "sealed person-smime person-tls notify-only")
    if row["certificate"] is not None:
        read_line(row["certificate"], at_most=8_192)


def check_contact(claims: object) -> None:
    """Raise where a contact has not its form."""
    row = read_members(claims, "role name telephone email")
    for member in ("role", "name", "telephone", "email"):
        read_line(row[member], or_empty=True)


def decode(text: bytes | str) -> bytes:
    """Read base64url strictly."""
    ascii_text = text.encode("ascii", "replace") if isinstance(text, str) else text
    if b"+" in ascii_text or b"/" in ascii_text or b"=" in ascii_text:
        raise Refused("base64url")
    try:
        raw = pybase64.b64decode(ascii_text + b"=" * (-len(ascii_text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise Refused("base64url") from None
    if pybase64.urlsafe_b64encode(raw).rstrip(b"=") != ascii_text:
        raise Refused("base64url")
    return raw


def read_object(text: bytes) -> dict[str, Any]:
    """Read one JSON object strictly."""
    try:
        value = STRICT_JSON.decode(text.decode("utf-8"))
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refused("JSON") from None
    if not isinstance(value, dict):
        raise Refused("JSON")
    return value


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of members, none of which is there twice."""
    if len(dict(pairs)) != len(pairs):
        raise Refused("duplicate member")
    return dict(pairs)


def read_integer(digits: str) -> int:
    """Read a whole number of few digits."""
    if len(digits) > MAX_DIGITS:
        raise Refused("number")
    return int(digits)


def refuse_number(_: str) -> NoReturn:
    """Refuse any other number."""
    raise Refused("number")


STRICT_JSON = json.JSONDecoder(
    object_pairs_hook=refuse_duplicates,
    parse_int=read_integer,
    parse_float=refuse_number,
    parse_constant=refuse_number,
)


def read_members(value: object, names: str) -> dict[str, Any]:
    """Return an object with these members and no other."""
    if not isinstance(value, dict) or value.keys() != set(names.split()):
        raise Refused("members")
    return value


def read_name(value: object) -> str:
    """Return an id."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Refused("name")
    return value


def read_line(value: object, *, at_most: int = 200, or_empty: bool = False) -> str:
    """Return a line."""
    if not isinstance(value, str) or len(value) > at_most or not value.isprintable() or not (value or or_empty):
        raise Refused("text")
    return value


def read_count(value: object) -> int:
    """Return a number."""
    if type(value) is not int or value < 0:
        raise Refused("number")
    return value


def read_rows(value: object, at_most: int) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list) or len(value) > at_most:
        raise Refused("list")
    return value


def read_one_of(value: object, words: str) -> str:
    """Return a word."""
    if not isinstance(value, str) or value not in words.split():
        raise Refused("word")
    return value


def read_moment(seconds: object) -> None:
    """Check a date."""
    if type(seconds) is not int or not 0 <= seconds <= MAX_SECONDS:
        raise Refused("date")
