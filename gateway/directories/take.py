"""A directory is taken: judged by the pinned key and by what we hold, then written with all that follows, at once.

What two people compared by phone goes before what a keeper says. So a directory adds partners, and brings newer cards
of identities that are trusted; it suspends, and gives another identity to, only those whom we trust by it alone. All
else in which it differs from us is a conflict, which Health names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.core.access_rules import AccessGrant
from gateway.errors import NotAllowed
from gateway.exchange.newer_cards import check_own_gateway, list_own_gateways
from gateway.store import access_changes, audit_log, directories, outbox, partner_cards, partners, revoked_identities
from gateway.store.access_changes import AccessChange
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.directories import DirectoryFork, JoinedDirectory, ListedMember
from gateway.store.partners import Partner
from keys import card, directory
from keys.card import Card
from keys.directory import Directory, DirectoryMember
from keys.errors import Refusal, RefusalCode

# Characters of what an access change is about.
MOST_PERSON = 80
# What a directory says of a member, and we do not follow.
OTHER_IDENTITY, OTHER_GATEWAY, REVOKED_IDENTITY = "identity", "gateway", "revoked"


@dataclass(slots=True)
class DirectoryChanges:
    """What a directory changed here, by the codes of the authorities."""

    version: int
    # False: it is the one that we hold.
    is_taken: bool = False
    added: list[str] = field(default_factory=list)
    # They have a newer card.
    renewed: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    # With why.
    conflicts: dict[str, str] = field(default_factory=dict)

    def count_changes(self) -> dict[str, str | int]:
        """Count them, for the audit log."""
        return {
            "added": len(self.added),
            "renewed": len(self.renewed),
            "suspended": len(self.suspended),
            "resumed": len(self.resumed),
            "conflicts": len(self.conflicts),
        }


@dataclass(frozen=True, slots=True)
class CheckedDirectory:
    """A directory that is whole, and continues the one that we hold where we joined its scheme."""

    directory: Directory
    fingerprint: str
    digest: str
    is_joined: bool


def check_directory(gw: Gateway, text: str) -> CheckedDirectory:
    """Check a directory, and take nothing of it. Raises a Refusal."""
    token = text.strip()
    new = directory.read(token)
    joined = gw.store.look(lambda tx: directories.find_directory(tx, new.scheme))
    if joined is None:
        directory.check_dates(new, gw.now())
    else:
        directory.check_replacement(new, token, joined.held, gw.now())
    shown = card.compute_key_fingerprint(new.key)
    return CheckedDirectory(new, shown, directory.compute_digest(token), joined is not None)


def take_directory(gw: Gateway, text: str, scheme: str, *, source: str | None = None) -> DirectoryChanges:
    """Take a directory that came as the one of this scheme, if it is newer; return what it changed here.

    What is refused is noted with the scheme and in the audit log; of two of one version, both texts are kept.
    `source`: the member that showed it; None where it came from the keeper, or as a file.

    Raises NotFound where we did not join the scheme; a Refusal.
    """
    token = text.strip()
    joined = gw.store.look(lambda tx: directories.get_directory(tx, scheme))
    if directory.compute_digest(token) == joined.held.history[-1]:
        # It costs a second to read, and comes every six hours.
        gw.store.run(lambda tx: directories.note_directory(tx, scheme, refused=None, refused_at=None))
        return DirectoryChanges(joined.version)
    try:
        new = directory.read(token, joined.held)
        directory.check_replacement(new, token, joined.held, gw.now())
    except Refusal as why:
        refused = _RefusedDirectory(joined, token, why.code, source)
        gw.store.run(lambda tx: _note_refused_directory(tx, gw, refused))
        raise
    changes = gw.store.run(lambda tx: _write_newer(tx, gw, joined, new, token))
    gw.refresh_trust()
    gw.due.set()
    return changes


def _write_newer(tx: Tx, gw: Gateway, joined: JoinedDirectory, new: Directory, token: str) -> DirectoryChanges:
    newer = replace(
        describe_joined(new, token, joined.url, gw.now(), joined.joined_by),
        joined_at=joined.joined_at,
        due_at=joined.due_at,
        asked_at=joined.asked_at,
    )
    if not directories.replace_directory(tx, newer, token, in_place_of=joined.version):
        # Another process was quicker; what it took is looked at anew at the next turn.
        return DirectoryChanges(directories.get_directory(tx, new.scheme).version)
    return apply_directory(tx, gw, new)


def describe_joined(new: Directory, token: str, url: str | None, now: datetime, by: str) -> JoinedDirectory:
    """Return what is kept of a directory that is joined and taken now. `url`: where it is fetched from."""
    return JoinedDirectory(
        scheme=new.scheme,
        name=new.name,
        url=url,
        key=new.key.hex(),
        version=new.version,
        history="\n".join(directory.list_history(new, token)),
        created_at=new.created_at,
        expires_at=new.expires_at,
        joined_at=now,
        joined_by=by,
        taken_at=now,
    )


@dataclass(frozen=True, slots=True)
class _Application:
    """A directory that is being applied, and what it has changed so far."""

    gw: Gateway
    directory: Directory
    changes: DirectoryChanges
    # Identity keys that count no more, whoever lists them: authority and fingerprint.
    revoked: Collection[tuple[str, str]]


def apply_directory(tx: Tx, gw: Gateway, new: Directory) -> DirectoryChanges:
    """Write what follows of a directory that is kept: partners, their cards, who is suspended, and the audit entries.

    One transaction, so that another process sees all of it, or nothing.
    """
    changes, now = DirectoryChanges(new.version, is_taken=True), gw.now()
    known = {partner.authority: partner for partner in partners.list_partners(tx)}
    left_out = {it.authority: it.left_out_at for it in directories.list_members(tx, new.scheme) if it.left_out_at}
    at = _Application(gw, new, changes, revoked_identities.list_revoked_pairs(tx))
    entries: list[AuditEntry] = []
    for member in new.members:
        if member.authority == gw.code:
            ours = {its.identity for its in (gw.own_card, gw.next_card) if its is not None}
            if new.cards[gw.code].identity not in ours:
                changes.conflicts[gw.code] = OTHER_IDENTITY
            continue
        held = known.get(member.authority)
        if held is None and (member.status != "active" or member.authority in left_out):
            continue
        entries += _apply_member(tx, at, member, held)
    listed = {member.authority for member in new.members}
    for partner in known.values():
        if partner.trusted_by == new.scheme and partner.authority not in listed:
            entries += _apply_status(tx, at, partner, is_active=False)
    directories.replace_members(tx, new.scheme, [_list_member(new, it, changes, left_out) for it in new.members])
    detail: dict[str, str | int] = {"scheme": new.scheme, "version": new.version, **changes.count_changes()}
    audit_log.append_entries(tx, now, [AuditEntry("directory.taken", SYSTEM, detail=detail), *entries])
    if changes.added:
        whom = f"{len(changes.added)}: {new.scheme}"[:MOST_PERSON]
        change = AccessChange(str(uuid4()), now, AccessGrant.DIRECTORY_TAKEN, whom, SYSTEM, frozenset())
        access_changes.add_access_change(tx, change)
    return changes


def _list_member(
    new: Directory, member: DirectoryMember, changes: DirectoryChanges, left_out: Mapping[str, datetime]
) -> ListedMember:
    code = member.authority
    shown = card.compute_fingerprint(new.cards[code])
    successor = directory.find_successor(new.members, code)
    return ListedMember(
        new.scheme, code, member.status, successor, shown, changes.conflicts.get(code), left_out.get(code)
    )


def _apply_member(tx: Tx, at: _Application, member: DirectoryMember, held: Partner | None) -> list[AuditEntry]:
    """Write what a directory says of one member, as far as it is to be followed; return the entries."""
    code, theirs = member.authority, at.directory.cards[member.authority]
    fingerprint = card.compute_fingerprint(theirs)
    if (code, fingerprint) in at.revoked:
        at.changes.conflicts[code] = REVOKED_IDENTITY
        return []
    is_other = held is not None and held.fingerprint != fingerprint
    if held is not None and is_other and held.trusted_by != at.directory.scheme:
        at.changes.conflicts[code] = OTHER_IDENTITY
        return []
    if (held is None or is_other or theirs.serial > held.serial) and _is_anothers_gateway(at, theirs):
        at.changes.conflicts[code] = OTHER_GATEWAY
        return []
    if held is None:
        return _add_member(tx, at, member, theirs)
    entries = []
    if is_other:
        changed = replace(held, serial=theirs.serial, fingerprint=fingerprint, card=member.token)
        partners.replace_partner(tx, replace(changed, confirmed_at=at.gw.now()))
        partner_cards.note_card_exchange(tx, code, waiting_card=None)
        detail: dict[str, str | int] = {
            "before": held.fingerprint,
            "now": fingerprint,
            "scheme": at.directory.scheme,
        }
        entries.append(AuditEntry("directory.identity-changed", SYSTEM, code, code, detail=detail))
        at.changes.renewed.append(code)
    elif partners.replace_card(tx, code, fingerprint=fingerprint, serial=theirs.serial, token=member.token):
        entries.append(
            AuditEntry("card.taken", SYSTEM, code, code, detail={"serial": theirs.serial, "by": "directory"})
        )
        at.changes.renewed.append(code)
    if held.trusted_by == at.directory.scheme:
        entries += _apply_status(tx, at, held, is_active=member.status == "active")
    return entries


def _add_member(tx: Tx, at: _Application, member: DirectoryMember, theirs: Card) -> list[AuditEntry]:
    now, scheme, code = at.gw.now(), at.directory.scheme, theirs.authority
    fingerprint = card.compute_fingerprint(theirs)
    partners.replace_partner(
        tx, Partner(code, theirs.serial, fingerprint, member.token, now, SYSTEM, trusted_by=scheme)
    )
    partner_cards.set_card_due(tx, code, now)
    at.changes.added.append(code)
    detail: dict[str, str | int] = {"scheme": scheme, "serial": theirs.serial}
    return [AuditEntry("directory.member-added", SYSTEM, code, code, detail=detail)]


def _apply_status(tx: Tx, at: _Application, partner: Partner, *, is_active: bool) -> list[AuditEntry]:
    """Suspend a partner whom we trust by this directory alone, or end that."""
    if is_active == (partner.switched_off_at is None):
        return []
    code, scheme, now = partner.authority, at.directory.scheme, at.gw.now()
    partners.note_partner(tx, code, switched_off_at=None if is_active else now)
    if is_active:
        at.changes.resumed.append(code)
        outbox.make_partner_due(tx, now, code)
        return [AuditEntry("directory.member-resumed", SYSTEM, code, code, detail={"scheme": scheme})]
    at.changes.suspended.append(code)
    waiting = outbox.count_under_way(tx, code)
    return [AuditEntry("directory.member-suspended", SYSTEM, code, code, detail={"scheme": scheme, "waiting": waiting})]


def _is_anothers_gateway(at: _Application, theirs: Card) -> bool:
    """Tell whether a card names as its own the gateway of a partner of ours, or of another member."""
    ours = list_own_gateways(theirs)
    others = (it for it in at.directory.cards.values() if it.authority != theirs.authority)
    if any(ours & list_own_gateways(other) for other in others):
        return True
    try:
        check_own_gateway(at.gw, theirs)
    except NotAllowed:
        return True
    return False


@dataclass(frozen=True, slots=True)
class _RefusedDirectory:
    """A directory that came, and is refused."""

    joined: JoinedDirectory
    token: str
    code: str
    # The member that showed it; None: it came from the keeper, or as a file.
    source: str | None


def _note_refused_directory(tx: Tx, gw: Gateway, refused: _RefusedDirectory) -> None:
    """Note a refusal, and write it once for each cause. What another member showed says nothing of the keeper, unless
    it proves that there are two of one version.
    """
    scheme, code = refused.joined.scheme, refused.code
    if code == RefusalCode.DIRECTORY_FORK:
        _keep_fork(tx, gw, refused)
    elif refused.source is not None:
        return
    directories.note_directory(tx, scheme, refused=code, refused_at=gw.now())
    if refused.joined.refused != code:
        bursts.write_burst_in(
            tx, gw, AuditEntry("directory.refused", SYSTEM, scheme, refused.source, detail={"code": code})
        )


def _keep_fork(tx: Tx, gw: Gateway, refused: _RefusedDirectory) -> None:
    """Keep the two texts that prove it, once."""
    joined, now = refused.joined, gw.now()
    other = directory.read(refused.token)
    version = directory.find_fork(directory.list_history(other, refused.token), joined.held.history) or 0
    ours = directories.get_directory_text(tx, joined.scheme)
    digest = directory.compute_digest(refused.token)
    fork = DirectoryFork(joined.scheme, digest, version, refused.source, now, ours, refused.token)
    if directories.add_fork(tx, fork):
        detail: dict[str, str | int] = {
            "version": version,
            "ours": directory.compute_digest(ours),
            "theirs": digest,
        }
        audit_log.append_entries(
            tx, now, [AuditEntry("directory.fork", SYSTEM, joined.scheme, refused.source, detail=detail)]
        )
