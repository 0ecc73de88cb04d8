"""Authorities with known keys, made without scrypt, so that a test costs nothing. Their secrets are no secret."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys import card
from keys.algorithms import DEFAULT_KEM, SIGNING
from keys.card import Card, CardContact, CardKey, Route
from keys.key_file import AT_REST, ROOT, OwnKey
from keys.ring import Ring
from keys.trust import Trust

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NAMES = {"330": "Birmingham", "333": "Sandwell", "334": "Solihull", "885": "Worcestershire"}


def seed(label: str) -> bytes:
    """Thirty-two bytes that anybody can make again: SHA-256 of "cme-gateway test only: " and the label."""
    return sha256(f"cme-gateway test only: {label}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Party:
    """An authority, with everything that only it should hold."""

    ring: Ring
    identity: Ed25519PrivateKey
    card: Card

    def token(self) -> str:
        """Its card, signed."""
        return card.write(self.card, self.identity)


def party(authority: str, *, kem: str = DEFAULT_KEM, now: datetime = NOW) -> Party:
    """An authority whose keys start half a year before `now`, and whose card is a month old."""
    rows = (("sig", SIGNING), ("enc", kem), ("rest", AT_REST), ("root", ROOT))
    start = now - timedelta(days=182)
    keys = tuple(
        OwnKey.create(authority, use, alg, secret=seed(f"{authority} {use}"), now=start)  # type: ignore[arg-type]
        for use, alg in rows
    )
    ring = Ring(authority, keys)
    identity = Ed25519PrivateKey.from_private_bytes(seed(f"{authority} id"))
    return Party(ring, identity, _card(authority, ring.public_keys(), identity, now))


def _card(authority: str, keys: tuple[CardKey, ...], identity: Ed25519PrivateKey, now: datetime) -> Card:
    return Card(
        authority=authority,
        name=f"{NAMES[authority]} (test)",
        serial=7,
        issued_at=now - timedelta(days=30),
        expires_at=now + timedelta(days=335),
        identity=identity.public_key().public_bytes_raw(),
        keys=keys,
        routes=(Route("https", f"https://cme.{authority}.example/exchange/v1", "sealed"),),
        contacts=(CardContact("cme-officer", "Test Officer", "020 7946 0000", f"cme@{authority}.example"),),
        mash=CardContact("mash", "Test MASH", "020 7946 0999", ""),
        schema_versions=("1",),
    )


def with_key(owner: Party, secret: bytes, status: str, start: datetime, end: datetime) -> tuple[Party, Ring]:
    """The party with one more signing key on its card, and a ring that signs with that key."""
    extra = OwnKey.create(owner.ring.authority, "sig", SIGNING, secret=secret, now=start)
    listed = CardKey(extra.kid, "sig", SIGNING, extra.public, start, end, status)  # type: ignore[arg-type]
    rest = OwnKey.create(owner.ring.authority, "rest", AT_REST, secret=seed("rest"), now=start)
    root = OwnKey.create(owner.ring.authority, "root", ROOT, secret=seed("root"), now=start)
    ring = Ring(owner.ring.authority, (extra, rest, root))
    return replace(owner, card=replace(owner.card, keys=(*owner.card.keys, listed))), ring


def trust_in(*parties: Party) -> Trust:
    """Trust in these, and nobody else."""
    return Trust({owner.card.authority: owner.card for owner in parties})
