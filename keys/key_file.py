"""The text of a key file: our keys as rows of JSON, each private key encrypted by itself.

The key that encrypts is made from the passphrase by scrypt (RFC 7914), with its costs stored beside it; each row is
locked with AES-256-GCM and bound to its id and use, so that no key can be put in another's place. No file is
touched here. Of a key in an HSM (`hsm.py`) the row holds what finds it there, and its public half, locked in the same
way.

Version 1 of the form is that of version 0.1 of the gateway. Version 2 may hold the root of our digests and several
wrapping keys, version 3 keys in an HSM. A file is written in the lowest version that can hold it, so that version 0.1
can read what it can; it refuses version 2 as `ring.unreadable`.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes, token_hex
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from keys import jose, shape
from keys.algorithms import KEMS, SIGNING, key_id
from keys.card import Status
from keys.errors import RefusalCode, build_refusal
from keys.hsm import HANDLE_BYTES
from keys.signatures import ES256, SIGNATURE_ALGORITHMS

# 32 MiB and about a tenth of a second, once at the start of the process.
SCRYPT = {"n": 2**15, "r": 8, "p": 1}
# 1 GiB: a file must not make us ask for more.
MAX_SCRYPT_N = 2**20
# Two years; operators rotate yearly, so no partner meets a key on its last day.
KEY_LIFE = timedelta(days=730)
AT_REST = "AES-256-GCM"
ROOT = "HKDF-SHA256"
# The root in a home that version 0.1 made: four purposes use it as it is (`keys/digests.py`).
ROOT_OF_0_1 = "HMAC-SHA256"
NONCE_BYTES = 12
WRAPPING_ID_BYTES = 8
# Where a key is that is not in the file.
IN_HSM = "hsm"
VERSION = 3

RingUse = Literal["sig", "enc", "rest", "root", "id"]
# What a key of each use may be a key of.
FITS: Mapping[RingUse, Collection[str]] = {
    "sig": SIGNATURE_ALGORITHMS,
    "id": (SIGNING,),
    "enc": KEMS.keys(),
    "rest": (AT_REST,),
    "root": (ROOT, ROOT_OF_0_1),
}


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of our keys, unlocked, as a row of a key file holds it."""

    kid: str
    use: RingUse
    alg: str
    not_before: datetime
    not_after: datetime
    status: Status
    # Of a key in an HSM: by what it is found there (16 bytes), then its public half, if it has one.
    secret: bytes = field(repr=False)
    in_hsm: bool = False

    @property
    def public(self) -> bytes:
        """Return the raw public key, which is derived, so that no file can say otherwise; of a key in an HSM, what lies
        locked in the file.

        Keys of use "rest" or "root" have none, and must not be asked.
        """
        return self.secret[HANDLE_BYTES:] if self.in_hsm else _public_bytes(self.alg, self.secret)

    @property
    def handle(self) -> bytes:
        """Return by what the key is found in the HSM. Only keys there have one."""
        return self.secret[:HANDLE_BYTES]

    @classmethod
    def create(cls, authority: str, use: RingUse, alg: str, *, secret: bytes, now: datetime) -> "OwnKey":
        """Build a key that starts now, in whole seconds, and lasts two years.

        Args:
            authority: our DfE code.
            use: "sig" signs, "enc" is sealed to, "rest" wraps, "root" makes digests, "id" signs the card.
            alg: "EdDSA", the name of a KEM, `AT_REST` or `ROOT`, as fits the use.
            secret: 32 random bytes, or those of a test vector.
            now: the time, in any zone.
        """
        start = whole_second(now)
        kid = _make_wrapping_kid(authority) if use == "rest" else _derive_kid(authority, use, alg, secret)
        return cls(kid, use, alg, start, start + KEY_LIFE, "active", secret)

    @classmethod
    def create_in_hsm(cls, authority: str, alg: str, *, handle: bytes, public: bytes, now: datetime) -> "OwnKey":
        """Build a key that was made in an HSM. It starts now, in whole seconds, and lasts two years.

        Args:
            authority: our DfE code.
            alg: "EdDSA" or "ES256" of a key that signs, `AT_REST` of one that wraps.
            handle: by what it is found there (16 bytes).
            public: its public half; empty of one that wraps.
            now: the time, in any zone.
        """
        start = whole_second(now)
        use: RingUse = "rest" if alg == AT_REST else "sig"
        kid = _make_wrapping_kid(authority) if use == "rest" else key_id(authority, use, alg, public)
        return cls(kid, use, alg, start, start + KEY_LIFE, "active", handle + public, in_hsm=True)


def write(authority: str, keys: tuple[OwnKey, ...], passphrase: bytes) -> bytes:
    """Return the text of a key file (JSON): these keys, locked under the passphrase with scrypt (RFC 7914).

    Args:
        authority: our DfE code.
        keys: one of use "root" among them makes it a file of version 2, one in an HSM a file of version 3.
        passphrase: any bytes.
    """
    salt = token_bytes(16)
    kek = derive_cipher(passphrase, salt, SCRYPT)
    kdf = write_cost(salt, SCRYPT)
    version = 3 if any(key.in_hsm for key in keys) else 2 if any(key.use == "root" for key in keys) else 1
    document = {"v": version, "authority": authority, "kdf": kdf, "keys": [_write_row(key, kek) for key in keys]}
    return json.dumps(document, indent=1).encode()


def read(text: bytes, passphrase: bytes) -> tuple[str, tuple[OwnKey, ...]]:
    """Unlock what `write` wrote, or version 0.1: return whose keys they are, and the keys.

    Args:
        text: the whole file.
        passphrase: the one that `write` was given.

    Raises:
        RingRefused: `ring.passphrase` where it is another, or a locked key was changed; `ring.newer` where a newer
            version of the gateway wrote it; `ring.unreadable`.
    """
    try:
        whole = jose.read_object(text)
        version = shape.read_count(whole.get("v"))
        if version > VERSION:
            raise build_refusal(RefusalCode.RING_NEWER)
        if version < 1:
            raise jose.UnreadableToken("version")
        document = shape.read_members(whole, "v authority kdf keys")
        kek = derive_cipher(passphrase, *read_cost(document["kdf"]))
        authority = shape.read_name(document["authority"])
        return authority, tuple(_unlock_rows(document["keys"], authority, kek))
    except ValueError:
        raise build_refusal(RefusalCode.RING_UNREADABLE) from None


def read_start(text: bytes) -> datetime:
    """Return from when on the first key of a file is valid. Nothing is unlocked, so nothing says that it is true.

    Args:
        text: the whole file.

    Raises:
        RingRefused: `ring.unreadable`.
    """
    try:
        row, *_ = shape.read_rows(jose.read_object(text).get("keys"), 1_000)
        return jose.read_moment(shape.read_members(row, "kid use alg nbf exp status private")["nbf"])
    except ValueError:
        raise build_refusal(RefusalCode.RING_UNREADABLE) from None


def whole_second(now: datetime) -> datetime:
    """Return the time in UTC, without a part of a second, as a card carries it."""
    return jose.read_moment(jose.write_seconds(now))


def write_cost(salt: bytes, cost: Mapping[str, int]) -> dict[str, str | int]:
    """Return the salt and the costs of scrypt (RFC 7914) as a JSON object of a file has them."""
    return {"name": "scrypt", "salt": b64encode(salt).decode(), **cost}


def read_cost(claims: object) -> tuple[bytes, dict[str, int]]:
    """Read what `write_cost` wrote: the salt and the costs.

    Args:
        claims: as JSON gave it.

    Raises:
        UnreadableToken: it is anything else, or would take more than 1 GiB.
    """
    kdf = shape.read_members(claims, "name salt n r p")
    cost = {name: shape.read_count(kdf[name]) for name in ("n", "r", "p")}
    # RFC 7914, 2: n is a power of two above 1; the others are positive.
    is_cost = 1 < cost["n"] <= MAX_SCRYPT_N and cost["n"].bit_count() == 1 and 0 < cost["r"] * cost["p"] <= 16
    if kdf["name"] != "scrypt" or not is_cost:
        raise jose.UnreadableToken("cost")
    return b64decode(shape.read_line(kdf["salt"]), validate=True), cost


def read_wrapping_id(kid: str) -> bytes:
    """Return the 8 bytes by which a wrapped data key names the key of this id; empty for the one of version 0.1."""
    return bytes.fromhex(kid.partition("-rest-")[2])


def _make_wrapping_kid(authority: str) -> str:
    # Drawn, and not derived from the key, so that nothing but wrapping is done with it.
    return f"{authority}-rest-{token_hex(WRAPPING_ID_BYTES)}"


def _derive_kid(authority: str, use: str, alg: str, secret: bytes) -> str:
    if use == "root":
        return f"{authority}-root-{alg}"
    return key_id(authority, use, alg, _public_bytes(alg, secret))


def _is_own_kid(key: OwnKey, authority: str) -> bool:
    if key.use == "rest":
        return re.fullmatch(rf"{re.escape(authority)}-rest(-[0-9a-f]{{16}})?", key.kid) is not None
    if key.in_hsm:
        return key.kid == key_id(authority, key.use, key.alg, key.public)
    return key.kid == _derive_kid(authority, key.use, key.alg, key.secret)


def _public_bytes(alg: str, secret: bytes) -> bytes:
    if alg == SIGNING:
        return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return KEMS[alg].public_bytes(secret)


def derive_cipher(passphrase: bytes, salt: bytes, cost: Mapping[str, int]) -> AESGCM:
    """Derive the key of AES-256-GCM from a passphrase with scrypt (RFC 7914).

    Args:
        passphrase: any bytes.
        salt: 16 random bytes.
        cost: n, r and p.
    """
    return AESGCM(Scrypt(salt=salt, length=32, **cost).derive(passphrase))


def _bound_to(kid: str, use: str, in_hsm: bool) -> bytes:
    # So that no file can say that a key is where it is not.
    return "\0".join((kid, use, IN_HSM) if in_hsm else (kid, use)).encode()


def _write_row(key: OwnKey, kek: AESGCM) -> dict[str, Any]:
    nonce = token_bytes(NONCE_BYTES)
    locked = nonce + kek.encrypt(nonce, key.secret, _bound_to(key.kid, key.use, key.in_hsm))
    place = {"place": IN_HSM} if key.in_hsm else {}
    return place | {
        "kid": key.kid,
        "use": key.use,
        "alg": key.alg,
        "nbf": jose.write_seconds(key.not_before),
        "exp": jose.write_seconds(key.not_after),
        "status": key.status,
        "private": b64encode(locked).decode(),
    }


def _unlock_rows(rows: object, authority: str, kek: AESGCM) -> Iterator[OwnKey]:
    for claims in shape.read_rows(rows, 1_000):
        row = shape.read_members(claims, "kid use alg nbf exp status private", optional="place")
        in_hsm = "place" in row and bool(shape.read_one_of(row["place"], IN_HSM))
        kid, alg = shape.read_name(row["kid"]), shape.read_line(row["alg"])
        use = cast("RingUse", shape.read_one_of(row["use"], "sig enc rest root id"))
        # A key of ES256 is nowhere else.
        if alg not in FITS[use] or (in_hsm and use not in ("sig", "rest")) or (alg == ES256 and not in_hsm):
            raise jose.UnreadableToken("algorithm")
        locked = b64decode(shape.read_line(row["private"]), validate=True)
        try:
            secret = kek.decrypt(locked[:NONCE_BYTES], locked[NONCE_BYTES:], _bound_to(kid, use, in_hsm))
        except InvalidTag:
            raise build_refusal(RefusalCode.RING_PASSPHRASE) from None
        status = cast("Status", shape.read_one_of(row["status"], "active retired revoked"))
        start, end = jose.read_moment(row["nbf"]), jose.read_moment(row["exp"])
        key = OwnKey(kid, use, alg, start, end, status, secret, in_hsm)
        if not _is_own_kid(key, authority):
            raise jose.UnreadableToken("key id")
        yield key
