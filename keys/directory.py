"""The directory of a scheme: which authorities belong to it, and which cards are theirs, signed by its keeper.

A scheme is a region, or the nation. Its directory is one JWT (RFC 7519) that the scheme's key signs; that key lies
within. So, as with a card, it proves that it is whole, not whose it is: a member reads the fingerprint of the key with
the keeper, once, by phone. From then on only a directory of the same scheme takes its place, signed with the same key
or with one that the old key handed over to.

Each version names the digests of all before it. So any two versions of one directory can be compared: the history of
the one begins with the history of the other, or the keeper has made two directories, and the two texts prove it
(`find_fork`). A version that is missing in between changes nothing in that.

    {"scheme": "west-midlands", "name": "West Midlands", "version": 3, "iat": ..., "exp": ..., "key": "...",
     "handovers": [], "earlier": ["digest of version 1", "digest of version 2"],
     "members": [{"authority": "333", "status": "active", "successor": null, "card": "eyJ..."}]}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys import card, jose, shape
from keys.algorithms import SIGNING, key_id
from keys.card import Card
from keys.errors import CardRefused, DirectoryRefused, RefusalCode, build_refusal

# Twice what 400 cards take that name three certificates and the keys of some years.
MAX_DIRECTORY_BYTES = 8 * 2**20
# England has 153 authorities and Wales 22; the rest is room for those that ended.
MAX_MEMBERS = 400
# One a week for 38 years.
MAX_VERSIONS = 2_000
MAX_HANDOVERS = 32
# Longer, and a keeper that is held back is noticed too late.
MAX_LIFE = timedelta(days=400)
_AUTHORITY = re.compile(r"[0-9]{3}", re.ASCII)

KIND = jose.Kind(
    "cme-directory+jwt",
    MAX_DIRECTORY_BYTES,
    RefusalCode.DIRECTORY_MALFORMED,
    RefusalCode.DIRECTORY_ALGORITHM,
    RefusalCode.DIRECTORY_TYPE,
    RefusalCode.DIRECTORY_SIGNATURE,
)
_HANDOVER = jose.Kind(
    "cme-directory-key+jwt",
    2_048,
    RefusalCode.DIRECTORY_MALFORMED,
    RefusalCode.DIRECTORY_ALGORITHM,
    RefusalCode.DIRECTORY_TYPE,
    RefusalCode.DIRECTORY_SIGNATURE,
)

# `suspended`: nothing is exchanged for now. `ended`: the authority is no more.
MemberStatus = Literal["active", "suspended", "ended"]


@dataclass(frozen=True, slots=True)
class DirectoryMember:
    """An authority of the scheme."""

    authority: str
    status: MemberStatus
    # Its card as it is signed.
    token: str
    # Of one that ended: who has its duties now; None where nobody has.
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """What a keeper says of a scheme."""

    scheme: str
    name: str
    created_at: datetime
    expires_at: datetime
    # Ed25519 public key, which signs.
    key: bytes
    # Each signed with the key before: from the first to the one of now.
    handovers: tuple[str, ...]
    # SHA-256 of each version before, the first first.
    earlier: tuple[str, ...]
    members: tuple[DirectoryMember, ...]
    # By authority, as their tokens say.
    cards: Mapping[str, Card]

    @property
    def version(self) -> int:
        """Return its number, from 1."""
        return len(self.earlier) + 1


@dataclass(frozen=True, slots=True)
class HeldDirectory:
    """What is known of the directory that we hold, to judge another by."""

    scheme: str
    # The pinned one.
    key: bytes
    # SHA-256 of each version, also of the one that we hold, which is the last.
    history: tuple[str, ...]


def write(directory: Directory, private: Ed25519PrivateKey) -> str:
    """Return the directory as a JWT (RFC 7519), signed with the scheme's key.

    It is read back first, so that none goes out that a member would refuse.

    Args:
        directory: what it shall say. `cards` is not looked at: the members' tokens count.
        private: the key of which `directory.key` is the public half.

    Raises:
        DirectoryRefused: `directory.signature` where the key is not the one that the directory names; or as `read`.
    """
    if private.public_key().public_bytes_raw() != directory.key:
        raise build_refusal(RefusalCode.DIRECTORY_SIGNATURE)
    claims = {
        "scheme": directory.scheme,
        "name": directory.name,
        "version": directory.version,
        "iat": jose.write_seconds(directory.created_at),
        "exp": jose.write_seconds(directory.expires_at),
        "key": jose.encode(directory.key),
        "handovers": list(directory.handovers),
        "earlier": list(directory.earlier),
        "members": [
            {"authority": it.authority, "status": it.status, "successor": it.successor, "card": it.token}
            for it in directory.members
        ],
    }
    kid = key_id(directory.scheme, "dir", SIGNING, directory.key)
    token = jose.sign(KIND, jose.write_object(claims), kid=kid, alg=SIGNING, key=private)
    read(token)
    return token


def read(token: str, held: HeldDirectory | None = None) -> Directory:
    """Read a directory and verify that its own key signed it, and each member's card, in this order:

    1. its form, size and type
    2. its signature, with the key that it names; where we hold one, that it is of its scheme, and that key counts
    3. each member once, each with a card of its own, which its own identity key signed
    4. no successor of itself, also not by way of others

    Cards cost most, so a stranger's are not read.

    Whether that key is the scheme's, people compare by `card.compute_key_fingerprint`, and `check_replacement` later;
    dates are judged by `check_dates`.

    Args:
        token: unchecked.
        held: the one in whose place it would come; None where there is none.

    Raises:
        DirectoryRefused: (1) `directory.malformed`, `directory.algorithm`, `directory.type`; (2) `directory.signature`,
            `directory.other-scheme`, `directory.other-key`; (3) `directory.members`; (4) `directory.successor`.
    """
    # (1).
    unverified = jose.read(KIND, token)
    try:
        claims = jose.read_object(unverified.payload)
        names = "scheme name version iat exp key handovers earlier members"
        shape.read_members(claims, names, optional="extensions")
        scheme, public = shape.read_name(claims["scheme"]), jose.decode(shape.read_line(claims["key"]))
        key = Ed25519PublicKey.from_public_bytes(public)
        if unverified.kid != key_id(scheme, "dir", SIGNING, public):
            raise jose.UnreadableToken("key id")
        handovers = tuple(
            shape.read_line(row, at_most=2_048) for row in shape.read_rows(claims["handovers"], MAX_HANDOVERS)
        )
    except ValueError:
        raise build_refusal(RefusalCode.DIRECTORY_MALFORMED) from None
    # (2).
    jose.verify(KIND, unverified, alg=SIGNING, key=key)
    if held is not None:
        _check_signer(scheme, public, handovers, held)
    try:
        members = tuple(_read_member(row) for row in shape.read_rows(claims["members"], MAX_MEMBERS))
        directory = Directory(
            scheme,
            shape.read_line(claims["name"]),
            jose.read_moment(claims["iat"]),
            jose.read_moment(claims["exp"]),
            public,
            handovers,
            tuple(shape.read_digest(row) for row in shape.read_rows(claims["earlier"], MAX_VERSIONS)),
            members,
            # (3).
            _read_cards(members),
        )
        if shape.read_count(claims["version"]) != directory.version:
            raise jose.UnreadableToken("version")
        if not timedelta(0) < directory.expires_at - directory.created_at <= MAX_LIFE:
            raise jose.UnreadableToken("dates")
    except ValueError:
        raise build_refusal(RefusalCode.DIRECTORY_MALFORMED) from None
    # (4).
    for member in members:
        find_successor(members, member.authority)
    return directory


def compute_digest(token: str) -> str:
    """Return the SHA-256 of a directory as it is signed, in hex: what later versions and other members call it by."""
    return sha256(token.encode("ascii", "replace")).hexdigest()


def list_history(directory: Directory, token: str) -> tuple[str, ...]:
    """List the digest of each version down to this one.

    Args:
        directory: as `read` returned it.
        token: what was read.
    """
    return (*directory.earlier, compute_digest(token))


def find_fork(history: Sequence[str], other: Sequence[str]) -> int | None:
    """Return the first version of which two histories name different digests; None: the longer continues the other."""
    return next(
        (number for number, pair in enumerate(zip(history, other, strict=False), 1) if pair[0] != pair[1]), None
    )


def find_successor(members: Sequence[DirectoryMember], authority: str) -> str | None:
    """Return who has the duties of an authority that ended now, by way of as many as there are; None where nobody has.

    Args:
        members: of one directory.
        authority: the DfE code of the one that ended.

    Raises:
        DirectoryRefused: they are in a loop (`directory.successor`).
    """
    after = {member.authority: member.successor for member in members if member.successor}
    seen, now = {authority}, after.get(authority)
    last = now
    while now is not None:
        if now in seen:
            raise build_refusal(RefusalCode.DIRECTORY_SUCCESSOR)
        seen.add(now)
        last, now = now, after.get(now)
    return last


def check_dates(directory: Directory, now: datetime) -> None:
    """Check that a directory may be taken now. It may have been made 5 minutes ahead, as clocks differ.

    Raises:
        DirectoryRefused: `directory.expired`, `directory.from-the-future`.
    """
    if now >= directory.expires_at:
        raise build_refusal(RefusalCode.DIRECTORY_EXPIRED)
    if directory.created_at > now + jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.DIRECTORY_FROM_THE_FUTURE)


def check_replacement(new: Directory, token: str, held: HeldDirectory, now: datetime) -> None:
    """Check that a directory may take the place of the one that we hold:

    1. of the same scheme
    2. signed with the pinned key, or with one to which that was handed over, step by step
    3. its history and ours are one
    4. not older
    5. its dates

    The one that we hold may come again, whatever its dates.

    Args:
        new: as `read` returned it.
        token: what was read.
        held: what we hold.
        now: the time, in any zone.

    Raises:
        DirectoryRefused: (1) `directory.other-scheme`; (2) `directory.other-key`; (3) `directory.fork`;
            (4) `directory.older`; (5) as `check_dates`.
    """
    # (1), (2).
    _check_signer(new.scheme, new.key, new.handovers, held)
    # (3). Before (4), for an older one with another history is proof too.
    history = list_history(new, token)
    if find_fork(history, held.history) is not None:
        raise build_refusal(RefusalCode.DIRECTORY_FORK)
    if history == held.history:
        return
    # (4).
    if len(history) < len(held.history):
        raise build_refusal(RefusalCode.DIRECTORY_OLDER)
    # (5).
    check_dates(new, now)


def write_handover(scheme: str, old: Ed25519PrivateKey, new: bytes) -> str:
    """Return the word of the old key that another is the scheme's from now on, as a JWT (RFC 7519).

    Args:
        scheme: its name.
        old: the key of now, which signs.
        new: the Ed25519 public key that follows.
    """
    ours = old.public_key().public_bytes_raw()
    claims = {"scheme": scheme, "from": jose.encode(ours), "to": jose.encode(new)}
    kid = key_id(scheme, "dir", SIGNING, ours)
    return jose.sign(_HANDOVER, jose.write_object(claims), kid=kid, alg=SIGNING, key=old)


def list_handovers(scheme: str, keys: Sequence[Ed25519PrivateKey]) -> tuple[str, ...]:
    """List the word of each key of a scheme that the next one follows it.

    Args:
        scheme: its name.
        keys: the oldest first.
    """
    return tuple(write_handover(scheme, old, new.public_key().public_bytes_raw()) for old, new in pairwise(keys))


def _check_signer(scheme: str, key: bytes, handovers: Sequence[str], held: HeldDirectory) -> None:
    """Check that the pinned key signed it, or handed over, step by step, to the key that did.

    One of before a handover is not told from a forged one: the old key counts no more.

    Raises DirectoryRefused.
    """
    if scheme != held.scheme:
        raise build_refusal(RefusalCode.DIRECTORY_OTHER_SCHEME)
    counts = held.key
    for token in handovers:
        if counts == key:
            break
        try:
            counts = _follow_handover(scheme, token, counts)
        except DirectoryRefused:
            break
    if counts != key:
        raise build_refusal(RefusalCode.DIRECTORY_OTHER_KEY)


def _follow_handover(scheme: str, token: str, key: bytes) -> bytes:
    """Return the key to which this one was handed over; this one where that handover is of another.

    Raises DirectoryRefused where it is this one's, and not signed with it.
    """
    unverified = jose.read(_HANDOVER, token)
    try:
        row = shape.read_members(jose.read_object(unverified.payload), "scheme from to")
        old, new = (jose.decode(shape.read_line(row[name])) for name in ("from", "to"))
        Ed25519PublicKey.from_public_bytes(new)
    except ValueError:
        raise build_refusal(RefusalCode.DIRECTORY_MALFORMED) from None
    if (row["scheme"], old) != (scheme, key):
        return key
    jose.verify(_HANDOVER, unverified, alg=SIGNING, key=Ed25519PublicKey.from_public_bytes(key))
    return new


def _read_member(claims: object) -> DirectoryMember:
    row = shape.read_members(claims, "authority status successor card")
    status = cast("MemberStatus", shape.read_one_of(row["status"], "active suspended ended"))
    successor = None if row["successor"] is None else _read_authority(row["successor"])
    if successor and status != "ended":
        raise jose.UnreadableToken("successor of one that goes on")
    token: Any = row["card"]
    if not isinstance(token, str):
        raise jose.UnreadableToken("card")
    return DirectoryMember(_read_authority(row["authority"]), status, token, successor)


def _read_authority(value: object) -> str:
    code = shape.read_name(value)
    if not _AUTHORITY.fullmatch(code):
        raise jose.UnreadableToken("authority")
    return code


def _read_cards(members: Sequence[DirectoryMember]) -> dict[str, Card]:
    """Read the card of each; no authority and no identity key stands there twice."""
    cards: dict[str, Card] = {}
    for member in members:
        try:
            theirs = card.read(member.token)
            card.check_routes(theirs)
        except CardRefused as why:
            raise build_refusal(RefusalCode.DIRECTORY_MEMBERS, f"{member.authority}: {why.code}") from None
        if theirs.authority != member.authority or member.authority in cards:
            raise build_refusal(RefusalCode.DIRECTORY_MEMBERS, member.authority)
        cards[member.authority] = theirs
    if len({theirs.identity for theirs in cards.values()}) != len(cards):
        raise build_refusal(RefusalCode.DIRECTORY_MEMBERS, "one identity key twice")
    return cards
