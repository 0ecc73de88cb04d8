"""The keeper of a scheme: members are confirmed by phone, then its directory is built, signed and published.

    home/directory/kept.json        the scheme, its members and their status
                   scheme.json      its keys (`keys.ring`)
                   next.json        what `build` made: the members and dates of the next version
                   next.jwt         the same, signed
                   directory.jwt    the newest that was published

Three steps, so that a person looks at what changes before it is signed, and so that it may be signed by another person,
or while no gateway runs. The keeper's own gateway is a member like any other: it takes what it publishes. So a keeper
that was restored from a backup goes on from the newest version that any member has, and never signs a number twice.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import compare_digest, token_hex, token_urlsafe

from gateway.context import Gateway
from gateway.core import labels
from gateway.directories.join import join_directory, read_offered_directory
from gateway.directories.succession import take_and_follow
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.store import audit_log, directories, partners
from gateway.store.audit_log import AuditEntry
from keys import card, directory
from keys.card import Card
from keys.directory import MAX_LIFE, Directory, DirectoryMember, HeldDirectory, MemberStatus
from keys.ring import create_scheme_key, open_scheme_keys, rotate_scheme_key

FOLDER, KEPT, NEXT, SIGNED, PUBLISHED = "directory", "kept.json", "next.json", "next.jwt", "directory.jwt"
# Of the folder, in which a private key lies.
PRIVATE = 0o700
SCHEME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,39}", re.ASCII)
# Random bytes in the address of what is published.
PLACE_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeptDirectory:
    """A directory that is kept here, before it is built."""

    scheme: str
    name: str
    # For how long a version is valid.
    days: int
    # The part of its address that cannot be guessed.
    place: str
    members: tuple[DirectoryMember, ...]


@dataclass(frozen=True, slots=True)
class OfferedMember:
    """A card for the directory, before it counts."""

    token: str
    card: Card
    fingerprint: str
    # Its identity key was confirmed before: by phone for the directory, or here as a partner.
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class KeeperView:
    """How the directory that is kept here stands."""

    draft: KeptDirectory
    fingerprint: str
    url: str
    published: Directory | None


def create_kept_directory(gw: Gateway, scheme: str, name: str, days: int, *, by: str) -> KeeperView:
    """Set up the directory of a scheme, with its key, and us as its first member.

    Raises NotAllowed, Unusable, a Refusal.
    """
    if not SCHEME.fullmatch(scheme):
        raise NotAllowed("directory.scheme-name")
    if not 0 < days <= MAX_LIFE.days:
        raise NotAllowed("directory.days", most=MAX_LIFE.days)
    folder = _get_keeper_folder(gw)
    if (folder / KEPT).exists():
        raise NotAllowed("directory.kept", scheme=_read_kept(gw).scheme)
    try:
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as why:
        raise _unwritable_error(folder, why) from None
    public = create_scheme_key(folder, scheme=scheme, passphrase=gw.config.read_passphrase(), now=gw.now())
    own = DirectoryMember(gw.code, "active", gw.own_card_text)
    _write_kept(gw, KeptDirectory(scheme, name, days, token_urlsafe(PLACE_BYTES), (own,)))
    detail: dict[str, str | int] = {"scheme": scheme, "fingerprint": card.compute_key_fingerprint(public)}
    _log_keeper_act(gw, AuditEntry("directory.created", by, detail=detail))
    return describe_kept(gw)


def describe_kept(gw: Gateway) -> KeeperView:
    """Return how the directory stands that is kept here. Raises NotFound, a Refusal."""
    draft = _read_kept(gw)
    key = open_scheme_keys(_get_keeper_folder(gw), passphrase=gw.config.read_passphrase())[-1]
    shown = card.compute_key_fingerprint(key.public_key().public_bytes_raw())
    text = _find_keeper_text(gw, PUBLISHED)
    url = f"{gw.config.exchange_url}/directory/{draft.place}.jwt"
    return KeeperView(draft, shown, url, directory.read(text) if text else None)


def find_published(gw: Gateway, place: str) -> str | None:
    """Return what is published here under this part of an address; None where nothing is."""
    try:
        draft = _read_kept(gw)
    except NotFound:
        return None
    is_right = compare_digest(place.encode(), draft.place.encode())
    return _find_keeper_text(gw, PUBLISHED) if is_right else None


def read_offered_member(gw: Gateway, text: str) -> OfferedMember:
    """Read a card that is to stand in the directory. Raises NotFound where none is kept here; a Refusal."""
    token = "".join(text.split())
    new = card.read(token)
    card.check_routes(new)
    card.check_dates(new, gw.now())
    listed = next((card.read(it.token) for it in _read_kept(gw).members if it.authority == new.authority), None)
    if listed is not None and listed.identity == new.identity and listed != new:
        card.check_replacement(new, listed, gw.now())
    fingerprint = card.compute_fingerprint(new)
    partner = gw.store.look(lambda tx: partners.find_partner(tx, new.authority))
    by_phone = partner is not None and partner.trusted_by is None and partner.fingerprint == fingerprint
    return OfferedMember(token, new, fingerprint, by_phone or (listed is not None and listed.identity == new.identity))


def add_kept_member(gw: Gateway, offered: OfferedMember, told: str, *, by: str) -> None:
    """Add a member, or a newer card of one; it is in the next version that is built.

    `told`: the digits that it read out; they are not needed where its identity key was confirmed before.

    Raises NotFound, NotAllowed.
    """
    is_told = bool(told.strip())
    if (is_told or not offered.is_confirmed) and not card.is_read_out(told, offered.fingerprint):
        raise NotAllowed("partner.fingerprint" if is_told else "partner.unconfirmed")
    draft = _read_kept(gw)
    code = offered.card.authority
    before = next((it for it in draft.members if it.authority == code), None)
    member = replace(before, token=offered.token) if before else DirectoryMember(code, "active", offered.token)
    _write_kept(gw, replace(draft, members=(*(it for it in draft.members if it.authority != code), member)))
    _log_keeper_act(gw, AuditEntry("directory.added", by, code, code, detail={"serial": offered.card.serial}))


def set_status(gw: Gateway, authority: str, status: MemberStatus, successor: str | None = None, *, by: str) -> None:
    """Suspend a member, end it, with who has its duties now, or let it go on; it counts with the next version.

    Raises NotFound; a Refusal where it would be its own successor.
    """
    draft = _read_kept(gw)
    if authority not in {it.authority for it in draft.members}:
        raise NotFound("directory.no-member", authority=labels.name_authority_in_full(authority))
    members = tuple(
        replace(it, status=status, successor=successor) if it.authority == authority else it for it in draft.members
    )
    directory.find_successor(members, authority)
    _write_kept(gw, replace(draft, members=members))
    detail: dict[str, str | int] = {"status": status, "successor": successor or "-"}
    _log_keeper_act(gw, AuditEntry("directory.status-changed", by, authority, authority, detail=detail))


def rotate_directory_key(gw: Gateway, *, by: str) -> str:
    """Make a new key of the scheme, to which the old one hands over; return its fingerprint. The next version has it.

    Raises NotFound, a Refusal.
    """
    _read_kept(gw)
    public = rotate_scheme_key(_get_keeper_folder(gw), passphrase=gw.config.read_passphrase(), now=gw.now())
    shown = card.compute_key_fingerprint(public)
    _log_keeper_act(gw, AuditEntry("directory.key-rotated", by, detail={"fingerprint": shown}))
    return shown


def build_directory(gw: Gateway, *, by: str) -> tuple[int, list[str]]:
    """Build the next version, with the newest card of each member that we hold; return its number, and what changes
    in it, a line each. Raises NotFound, Unusable, a Refusal.
    """
    draft = _read_kept(gw)
    base = _find_base(gw, draft.scheme)
    members = tuple(_renew_member(gw, it) for it in draft.members)
    _write_kept(gw, replace(draft, members=members))
    now = gw.now().replace(microsecond=0)
    text = {
        "earlier": list(base.history) if base else [],
        "created": now.isoformat(),
        "expires": (now + timedelta(days=draft.days)).isoformat(),
        "members": [asdict(it) for it in members],
    }
    _write_keeper_file(_get_keeper_folder(gw) / NEXT, json.dumps(text, indent=1).encode())
    version = len(text["earlier"]) + 1
    _log_keeper_act(gw, AuditEntry("directory.built", by, detail={"version": version, "members": len(members)}))
    published = _find_keeper_text(gw, PUBLISHED)
    return version, list(_list_member_changes(directory.read(published).members if published else (), members))


def sign_directory(gw: Gateway, *, by: str) -> tuple[int, str]:
    """Sign what was built; return its number, and its digest. Raises NotFound, NotAllowed, Unusable, a Refusal."""
    draft, folder = _read_kept(gw), _get_keeper_folder(gw)
    text = _find_keeper_text(gw, NEXT)
    if text is None:
        raise NotAllowed("directory.not-built")
    built = json.loads(text)
    keys = open_scheme_keys(folder, passphrase=gw.config.read_passphrase())
    new = Directory(
        scheme=draft.scheme,
        name=draft.name,
        created_at=datetime.fromisoformat(built["created"]),
        expires_at=datetime.fromisoformat(built["expires"]),
        key=keys[-1].public_key().public_bytes_raw(),
        handovers=directory.list_handovers(draft.scheme, keys),
        earlier=tuple(built["earlier"]),
        members=tuple(DirectoryMember(**row) for row in built["members"]),
        cards={},
    )
    token = directory.write(new, keys[-1])
    if base := _find_base(gw, draft.scheme):
        directory.check_replacement(directory.read(token), token, base, gw.now())
    _write_keeper_file(folder / SIGNED, token.encode("ascii"))
    digest = directory.compute_digest(token)
    _log_keeper_act(gw, AuditEntry("directory.signed", by, detail={"version": new.version, "digest": digest}))
    return new.version, digest


def publish_directory(gw: Gateway, place: Path | None = None, *, by: str) -> tuple[int, str]:
    """Publish what was signed: serve it at our exchange port, write it into a folder where one is named, and take it
    as a member; return its number, and its digest.

    `place`: a folder of a web server. Each version is there under its number, and the newest as `directory.jwt`.

    Raises NotFound, NotAllowed, Unusable, a Refusal.
    """
    draft, folder = _read_kept(gw), _get_keeper_folder(gw)
    token = _find_keeper_text(gw, SIGNED) or _find_keeper_text(gw, PUBLISHED)
    if token is None:
        raise NotAllowed("directory.not-signed")
    new = directory.read(token)
    if base := _find_base(gw, draft.scheme):
        directory.check_replacement(new, token, base, gw.now())
    # Ours first: what anybody may have seen is what the next version goes on from, also after a crash here.
    _write_keeper_file(folder / PUBLISHED, token.encode("ascii"))
    _take_own(gw, new, token, by)
    if place is not None:
        for name in (f"directory-{new.version}.jwt", PUBLISHED):
            _write_keeper_file(place / name, token.encode("ascii"), mode=0o644)
    for made in (NEXT, SIGNED):
        (folder / made).unlink(missing_ok=True)
    digest = directory.compute_digest(token)
    _log_keeper_act(gw, AuditEntry("directory.published", by, detail={"version": new.version, "digest": digest}))
    return new.version, digest


def _take_own(gw: Gateway, new: Directory, token: str, by: str) -> None:
    """Take what we publish as a member does, whose keeper sits beside them."""
    if gw.store.look(lambda tx: directories.find_directory(tx, new.scheme)) is None:
        offered = read_offered_directory(gw, token)
        join_directory(gw, offered, offered.fingerprint, None, by=by)
    else:
        take_and_follow(gw, token, new.scheme)


def _find_base(gw: Gateway, scheme: str) -> HeldDirectory | None:
    """Return the newest version that is known here: what we published, or what a member has shown us since."""
    text = _find_keeper_text(gw, PUBLISHED)
    published = None
    if text is not None:
        there = directory.read(text)
        published = HeldDirectory(scheme, there.key, directory.list_history(there, text))
    joined = gw.store.look(lambda tx: directories.find_directory(tx, scheme))
    known = [base for base in (published, joined.held if joined else None) if base is not None]
    return max(known, key=lambda base: len(base.history), default=None)


def _renew_member(gw: Gateway, member: DirectoryMember) -> DirectoryMember:
    """Return a member with the newest card of its identity that we hold: our own, or that of a partner."""
    listed = card.read(member.token)
    if member.authority == gw.code:
        # Members whom we know by this directory alone take our next identity key from it.
        return replace(member, token=gw.next_card_text or gw.own_card_text)
    held = gw.store.look(lambda tx: partners.find_partner(tx, member.authority))
    is_newer = held is not None and held.serial > listed.serial
    if held is None or not is_newer or held.fingerprint != card.compute_fingerprint(listed):
        return member
    return replace(member, token=held.card)


def _list_member_changes(before: Sequence[DirectoryMember], after: Sequence[DirectoryMember]) -> Iterator[str]:
    """Yield what is another in these members, for the person who is to sign them."""
    old = {it.authority: it for it in before}
    for member in after:
        whom = labels.name_authority_in_full(member.authority)
        was = old.pop(member.authority, None)
        if was is None:
            yield f"{whom}: new"
        elif was.token != member.token:
            is_same = card.read(was.token).identity == card.read(member.token).identity
            yield f"{whom}: newer card" if is_same else f"{whom}: new identity key"
        if (was.status, was.successor) != (member.status, member.successor) if was else member.status != "active":
            follows = f", followed by {labels.name_authority_in_full(member.successor)}" if member.successor else ""
            yield f"{whom}: {member.status}{follows}"


def _get_keeper_folder(gw: Gateway) -> Path:
    return gw.config.home / FOLDER


def _read_kept(gw: Gateway) -> KeptDirectory:
    text = _find_keeper_text(gw, KEPT)
    if text is None:
        raise NotFound("directory.not-kept")
    row = json.loads(text)
    return KeptDirectory(**{**row, "members": tuple(DirectoryMember(**it) for it in row["members"])})


def _write_kept(gw: Gateway, draft: KeptDirectory) -> None:
    members = sorted(draft.members, key=lambda it: it.authority)
    _write_keeper_file(
        _get_keeper_folder(gw) / KEPT, json.dumps(asdict(replace(draft, members=tuple(members))), indent=1).encode()
    )


def _find_keeper_text(gw: Gateway, name: str) -> str | None:
    try:
        return (_get_keeper_folder(gw) / name).read_text("ascii")
    except FileNotFoundError:
        return None
    except OSError as why:
        raise _unwritable_error(_get_keeper_folder(gw) / name, why) from None


def _write_keeper_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write it under another name, durably, then put it in place: who fetches it meets the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as why:
        temporary.unlink(missing_ok=True)
        raise _unwritable_error(path, why) from None


def _unwritable_error(path: Path, why: OSError) -> Unusable:
    return Unusable("directory.unwritable", place=path, why=why.strerror)


def _log_keeper_act(gw: Gateway, entry: AuditEntry) -> None:
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
