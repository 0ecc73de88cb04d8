"""An authority's card: who it is, which keys count, which routes lead to it, whom to ring.

A card is a JWT (RFC 7519) that its own identity key signs; that key lies within. So a card proves that it is whole,
not whose it is: that is settled once, by two people who read its fingerprint to each other over the telephone. From
then on only a card of the same identity key, with a higher serial, takes its place.

What is to come has a member of its own, `extensions`: an object whose members a reader ignores where it does not know
them, and of which none may change what the other members mean. It is written only where something stands in it, so a
card that says nothing new is one that every reader since version 0.1 reads.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys import jose, shape
from keys.algorithms import KEMS, SIGNING, key_id
from keys.errors import CardRefused, RefusalCode, build_refusal
from keys.signatures import EDDSA, SIGNATURE_ALGORITHMS, load_verifying_key

# Thirty-two keys with their certificates fit; a card is read before anything is trusted.
MAX_CARD_BYTES = 65_536
# Of keys, routes, contacts, versions or extensions.
MAX_ROWS = 32
# 132 bits: nobody finds a second key with the same.
FINGERPRINT_DIGITS = 40

# An extension: when a person of the authority last checked each contact, by role (NumericDate).
CONTACTS_CHECKED = "contacts_checked"
# An extension: the algorithms whose signatures the authority's gateway verifies; without it, EdDSA alone.
SIGNATURES_READ = "signatures_read"
# An extension: the public key, base64url, that is to be the authority's identity key once people have confirmed it.
NEXT_IDENTITY = "next_identity"

KIND = jose.Kind(
    "cme-card+jwt",
    MAX_CARD_BYTES,
    RefusalCode.CARD_MALFORMED,
    RefusalCode.CARD_ALGORITHM,
    RefusalCode.CARD_TYPE,
    RefusalCode.CARD_SIGNATURE,
)

Use = Literal["sig", "enc"]
Status = Literal["active", "retired", "revoked"]
Protection = Literal["sealed", "person-smime", "person-tls", "notify-only"]


@dataclass(frozen=True, slots=True)
class CardKey:
    """A public key of an authority. `retired` still verifies what it signed in its time; `revoked` never counts."""

    kid: str
    use: Use
    # Of a signing key "EdDSA" or "ES256"; of a sealing key its KEM.
    alg: str
    public: bytes
    not_before: datetime
    not_after: datetime
    status: Status


# A host: a name, or an address of IPv6 in brackets.
_PLACE = r"[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\]"
_PATH = r"(?:/[A-Za-z0-9._~!$'()*+,;=:@%-]*)*"
ROUTE_FORMS = {
    "https": re.compile(rf"https://(?:{_PLACE})(?::[0-9]{{1,5}})?{_PATH}"),
    "mailbox": re.compile(rf"https://(?:{_PLACE})(?::[0-9]{{1,5}})?{_PATH}"),
    "sftp": re.compile(rf"sftp://(?:{_PLACE})(?::[0-9]{{1,5}})?{_PATH}"),
    "email": re.compile(r"mailto:[A-Za-z0-9.!#$'*+/=^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"),
}
# Of kinds that are to come.
OTHER_FORM = re.compile(rf"[a-z][a-z0-9+.-]*://(?:{_PLACE})(?::[0-9]{{1,5}})?{_PATH}")


@dataclass(frozen=True, slots=True)
class Route:
    """A way in, and the class of protection that it gives. `certificate` is base64 of its DER, to be pinned."""

    kind: str
    url: str
    protection: Protection
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class CardContact:
    """Somebody to ring."""

    role: str
    name: str
    telephone: str
    email: str


@dataclass(frozen=True, slots=True)
class Card:
    """What an authority says about itself."""

    authority: str
    name: str
    serial: int
    issued_at: datetime
    expires_at: datetime
    # Ed25519 public key.
    identity: bytes
    keys: tuple[CardKey, ...]
    routes: tuple[Route, ...]
    contacts: tuple[CardContact, ...]
    mash: CardContact | None
    schema_versions: tuple[str, ...]
    # What this version does not know, by name: whatever JSON can say.
    extensions: Mapping[str, Any] = field(default_factory=dict)


def withdraw_keys(card: Card) -> Card:
    """Return the card of an authority whose identity key was revoked: none of its keys counts any more.

    Args:
        card: as it was confirmed.
    """
    return replace(card, keys=tuple(replace(key, status="revoked") for key in card.keys))


def write(card: Card, identity_private: Ed25519PrivateKey) -> str:
    """Return the card as a JWT (RFC 7519), signed with the identity key.

    It is read back first, so that no card goes out that a partner would refuse.

    Args:
        card: what it shall say.
        identity_private: the key of which `card.identity` is the public half.

    Raises:
        CardRefused: `card.signature` where the key is not the one that the card names; `card.malformed` where `read`
            would refuse what it says.
    """
    if identity_private.public_key().public_bytes_raw() != card.identity:
        raise build_refusal(RefusalCode.CARD_SIGNATURE)
    claims = {
        "iss": card.authority,
        "name": card.name,
        "serial": card.serial,
        "iat": jose.write_seconds(card.issued_at),
        "exp": jose.write_seconds(card.expires_at),
        "identity": {"kty": "OKP", "crv": "Ed25519", "x": jose.encode(card.identity)},
        "keys": [_key_claims(key) for key in card.keys],
        "routes": [asdict(route) for route in card.routes],
        "contacts": [asdict(contact) for contact in card.contacts],
        "mash": asdict(card.mash) if card.mash else None,
        "schema_versions": list(card.schema_versions),
    } | ({"extensions": dict(card.extensions)} if card.extensions else {})
    kid = key_id(card.authority, "id", SIGNING, card.identity)
    token = jose.sign(KIND, json.dumps(claims).encode(), kid=kid, alg=SIGNING, key=identity_private)
    read(token)
    return token


def read(token: str) -> Card:
    """Read a card and verify that its own identity key signed it (RFC 7515, 5.2).

    Whether that is the authority's, people compare by `compute_fingerprint`; dates are judged by `check_replacement`
    and `trust`, routes by `check_routes`.

    Raises:
        CardRefused: `card.malformed`, `card.algorithm`, `card.type`, `card.signature`.
    """
    unverified = jose.read(KIND, token)
    try:
        card = _read_card(jose.read_object(unverified.payload))
        expected = key_id(card.authority, "id", SIGNING, card.identity)
        identity = Ed25519PublicKey.from_public_bytes(card.identity)
    except ValueError:
        raise build_refusal(RefusalCode.CARD_MALFORMED) from None
    jose.verify(KIND, unverified, alg=SIGNING, key=identity)
    if unverified.kid != expected:
        raise build_refusal(RefusalCode.CARD_MALFORMED, "key id")
    return card


def find_claimed_authority(line: bytes) -> str | None:
    """Return whose card this says it is; None where it is no card. It proves nothing.

    Args:
        line: anything, such as a line of a bundle that somebody left.
    """
    try:
        return shape.read_name(jose.read_object(jose.read(KIND, line).payload).get("iss"))
    except (CardRefused, jose.UnreadableToken):
        return None


def list_signatures_read(card: Card) -> frozenset[str]:
    """Return the algorithms whose signatures an authority verifies, as its card says it; EdDSA in any case.

    Args:
        card: as `read` returned it.
    """
    claims = card.extensions.get(SIGNATURES_READ)
    return frozenset({EDDSA, *(it for it in (claims if isinstance(claims, list) else ()) if isinstance(it, str))})


def write_next_identity(public: bytes) -> dict[str, Any]:
    """Return the extension in which the identity key of now announces the one that is to follow it.

    Args:
        public: the raw Ed25519 key.
    """
    return {NEXT_IDENTITY: jose.encode(public)}


def is_announced(new: Card, held: Card) -> bool:
    """Tell whether a card with another identity key has the one that the card we hold announces.

    It does not count for that: people must compare its fingerprint first. It only comes from who had the key before.

    Args:
        new: as `read` returned it.
        held: the confirmed card that we hold.
    """
    announced = held.extensions.get(NEXT_IDENTITY)
    return new.authority == held.authority and new.identity != held.identity and announced == jose.encode(new.identity)


def write_contact_dates(dates: Mapping[str, datetime]) -> dict[str, Any]:
    """Return the extension that says when each contact was last checked; no extension where none was.

    Args:
        dates: by role, in any zone.
    """
    return {CONTACTS_CHECKED: {role: jose.write_seconds(at) for role, at in dates.items()}} if dates else {}


def read_contact_dates(card: Card) -> dict[str, datetime]:
    """Return when each contact was last checked, by role, as a card says it.

    What has another form, or lies after the card's own date, is passed over: an extension never spoils a card.

    Args:
        card: as `read` returned it.
    """
    claims = card.extensions.get(CONTACTS_CHECKED)
    dates = {}
    for role, seconds in claims.items() if isinstance(claims, dict) else ():
        with suppress(jose.UnreadableToken):
            if (at := jose.read_moment(seconds)) <= card.issued_at + jose.CLOCK_SKEW:
                dates[role] = at
    return dates


def check_replacement(new: Card, old: Card, now: datetime) -> None:
    """Check that a card may take the place of the one that we hold.

    Args:
        new: as `read` returned it.
        old: the confirmed card that we hold.
        now: the time, in any zone.

    Raises:
        CardOlder: its serial is not higher (`card.older`).
        CardRefused: `card.other-authority`, `card.other-identity`; `card.serial-reused` where it has the serial of the
            other and says something else; or as `check_dates` does.
    """
    if new.authority != old.authority:
        raise build_refusal(RefusalCode.CARD_OTHER_AUTHORITY)
    if new.identity != old.identity:
        raise build_refusal(RefusalCode.CARD_OTHER_IDENTITY)
    if new.serial == old.serial and new != old:
        raise build_refusal(RefusalCode.CARD_SERIAL_REUSED)
    if new.serial <= old.serial:
        raise build_refusal(RefusalCode.CARD_OLDER)
    check_dates(new, now)


def check_routes(card: Card) -> None:
    """Check that each route leads to a gateway's port, a folder or a mailbox (RFC 3986, 3), and nowhere else.

    No user, query or fragment; https only for gateways and mailboxes.

    Raises:
        CardRoute: one of them does not (`card.route`).
    """
    for route in card.routes:
        if not _is_plain(route):
            raise build_refusal(RefusalCode.CARD_ROUTE)


def _is_plain(route: Route) -> bool:
    if not ROUTE_FORMS.get(route.kind, OTHER_FORM).fullmatch(route.url):
        return False
    if route.kind == "email":
        return True
    try:
        parts = urlsplit(route.url)
        port = parts.port  # noqa: F841 - to read it is to check it
    except ValueError:
        return False
    return bool(parts.hostname) and not any(part in (".", "..") for part in unquote(parts.path).split("/"))


def list_ways(card: Card) -> list[Route]:
    """List the routes of a card in order, each address once, also where it may show either of two certificates."""
    ways: dict[tuple[str, str], Route] = {}
    for route in card.routes:
        ways.setdefault((route.kind, route.url), route)
    return list(ways.values())


def check_dates(card: Card, now: datetime) -> None:
    """Check that the card is of use now. Its date of issue may be 5 minutes ahead, as clocks differ.

    Raises:
        CardRefused: `card.expired`, `card.from-the-future`.
    """
    if now >= card.expires_at:
        raise build_refusal(RefusalCode.CARD_EXPIRED)
    if card.issued_at > now + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.CARD_FROM_THE_FUTURE)


def compute_fingerprint(card: Card) -> str:
    """Return the fingerprint of an authority's identity key, as `compute_key_fingerprint` has it."""
    return compute_key_fingerprint(card.identity)


def is_read_out(told: str, fingerprint: str) -> bool:
    """Are these the digits of a fingerprint, however they were grouped?

    Args:
        told: as somebody typed what was read out.
        fingerprint: as `compute_key_fingerprint` returned it.
    """
    return "".join(told.split()) == fingerprint.replace(" ", "")


def compute_key_fingerprint(public: bytes) -> str:
    """Return forty decimal digits in eight groups of five, to be read aloud: no letters, so none that sound alike.

    They are the SHA-256 of the public key as a big-endian number, modulo 10^40, with leading noughts.

    Args:
        public: the raw Ed25519 key, of an authority's identity or of a scheme.
    """
    number = int.from_bytes(sha256(public).digest()) % 10**FINGERPRINT_DIGITS
    digits = str(number).zfill(FINGERPRINT_DIGITS)
    return " ".join(digits[at : at + 5] for at in range(0, FINGERPRINT_DIGITS, 5))


def _key_claims(key: CardKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "use": key.use,
        "alg": key.alg,
        "public": jose.encode(key.public),
        "nbf": jose.write_seconds(key.not_before),
        "exp": jose.write_seconds(key.not_after),
        "status": key.status,
    }


def _read_card(claims: dict[str, Any]) -> Card:
    members = "iss name serial iat exp identity keys routes contacts mash schema_versions"
    shape.read_members(claims, members, optional="extensions")
    keys = tuple(_read_key(row) for row in shape.read_rows(claims["keys"], MAX_ROWS))
    if len({key.kid for key in keys}) != len(keys):
        raise jose.UnreadableToken("two keys with one id")
    mash = claims["mash"]
    return Card(
        shape.read_name(claims["iss"]),
        shape.read_line(claims["name"]),
        shape.read_count(claims["serial"]),
        jose.read_moment(claims["iat"]),
        jose.read_moment(claims["exp"]),
        _read_identity(claims["identity"]),
        keys,
        tuple(_read_route(row) for row in shape.read_rows(claims["routes"], MAX_ROWS)),
        tuple(_read_contact(row) for row in shape.read_rows(claims["contacts"], MAX_ROWS)),
        None if mash is None else _read_contact(mash),
        tuple(shape.read_line(row) for row in shape.read_rows(claims["schema_versions"], MAX_ROWS)),
        _read_extensions(claims.get("extensions", {})),
    )


def _read_extensions(claims: object) -> dict[str, Any]:
    """Take what stands there as it is: none is known yet, so none is looked into."""
    if not isinstance(claims, dict) or len(claims) > MAX_ROWS:
        raise jose.UnreadableToken("extensions")
    return {shape.read_name(name): value for name, value in claims.items()}


def _read_identity(jwk: object) -> bytes:
    row = shape.read_members(jwk, "kty crv x")
    # RFC 8037, 2.
    if (row["kty"], row["crv"]) != ("OKP", "Ed25519"):
        raise jose.UnreadableToken("identity")
    return jose.decode(shape.read_line(row["x"]))


def _read_key(claims: object) -> CardKey:
    row = shape.read_members(claims, "kid use alg public nbf exp status")
    use = cast("Use", shape.read_one_of(row["use"], "sig enc"))
    alg, public = shape.read_line(row["alg"]), jose.decode(shape.read_line(row["public"], at_most=8_192))
    if use == "sig":
        _check_signing(alg, public)
    else:
        _check_sealing(alg, public)
    status = cast("Status", shape.read_one_of(row["status"], "active retired revoked"))
    return CardKey(
        shape.read_line(row["kid"]),
        use,
        alg,
        public,
        jose.read_moment(row["nbf"]),
        jose.read_moment(row["exp"]),
        status,
    )


def _check_signing(alg: str, public: bytes) -> None:
    if alg not in SIGNATURE_ALGORITHMS:
        raise jose.UnreadableToken("algorithm")
    load_verifying_key(alg, public)


def _check_sealing(alg: str, public: bytes) -> None:
    if alg not in KEMS:
        raise jose.UnreadableToken("algorithm")
    kem = KEMS[alg]
    # A key of low order only shows itself in use (RFC 7748, 6.1).
    kem.suite.encrypt(b"", kem.public(public))


def _read_route(claims: object) -> Route:
    row = shape.read_members(claims, "kind url protection certificate")
    certificate = row["certificate"]
    return Route(
        shape.read_name(row["kind"]),
        shape.read_line(row["url"], at_most=2_048),
        cast("Protection", shape.read_one_of(row["protection"], "sealed person-smime person-tls notify-only")),
        None if certificate is None else shape.read_line(certificate, at_most=8_192),
    )


def _read_contact(claims: object) -> CardContact:
    row = shape.read_members(claims, "role name telephone email")
    return CardContact(
        *(shape.read_line(row[member], or_empty=True) for member in ("role", "name", "telephone", "email"))
    )
