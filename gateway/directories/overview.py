"""How the directories that we joined stand, and with whom exchange is suspended, as Health and `status` show it."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.context import Gateway
from gateway.core.health import DirectoryHealth, ForkHealth, MemberHealth, SuspendedHealth
from gateway.directories.take import OTHER_IDENTITY
from gateway.store import directories, outbox, partners
from gateway.store.database import Tx
from gateway.store.directories import DirectoryFork, JoinedDirectory, ListedMember
from gateway.store.partners import Partner
from keys import card
from keys.errors import read_texts


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """One directory that we joined, in full."""

    joined: JoinedDirectory
    fingerprint: str
    members: tuple[ListedMember, ...]
    forks: tuple[DirectoryFork, ...]


def list_directory_statuses(gw: Gateway) -> list[DirectoryStatus]:
    """List the directories that we joined, by scheme."""

    def read_statuses(tx: Tx) -> list[DirectoryStatus]:
        forks = directories.list_forks(tx)
        return [
            DirectoryStatus(
                joined,
                card.compute_key_fingerprint(bytes.fromhex(joined.key)),
                tuple(directories.list_members(tx, joined.scheme)),
                tuple(fork for fork in forks if fork.scheme == joined.scheme),
            )
            for joined in directories.list_directories(tx)
        ]

    return gw.store.look(read_statuses)


def measure_directories(tx: Tx, gw: Gateway) -> Iterator[DirectoryHealth]:
    """Yield how each directory stands that we joined."""
    known = {partner.authority: partner for partner in partners.list_partners(tx)}
    members, words, forks = directories.list_members(tx), directories.list_words(tx), directories.list_fork_marks(tx)
    following = card.compute_fingerprint(gw.next_card) if gw.next_card else ""
    without = directories.list_schemes_without(tx, gw.code, following) if following else []
    for joined in directories.list_directories(tx):
        mine = [member for member in members if member.scheme == joined.scheme]
        told_here = [word for word in words if word.scheme == joined.scheme and word.authority in known]
        yield DirectoryHealth(
            scheme=joined.scheme,
            name=joined.name,
            version=joined.version,
            created_at=joined.created_at,
            expires_at=joined.expires_at,
            members=len(mine),
            is_fetched=joined.url is not None,
            asked_at=joined.asked_at,
            trouble=joined.trouble or "",
            refused=read_texts()[joined.refused].sentence if joined.refused else "",
            unlike=tuple(_list_unlike(gw, mine, known)),
            forks=tuple(ForkHealth(version, by, at) for scheme, version, by, at in forks if scheme == joined.scheme),
            doubted_by=tuple(word.authority for word in told_here if word.differs),
            agreeing=sum(
                (word.version, word.digest) == (joined.version, joined.held.history[-1]) for word in told_here
            ),
            lacks_our_identity=joined.scheme in without,
        )


def _list_unlike(gw: Gateway, members: list[ListedMember], known: dict[str, Partner]) -> Iterator[MemberHealth]:
    """Yield the members that are not here as the directory has them."""
    for member in members:
        partner = known.get(member.authority)
        goes_on = partner is not None and partner.trusted_by != member.scheme and not partner.is_suspended
        unlike = member.status != "active" and (goes_on or member.authority == gw.code)
        # People may have confirmed since what the directory has.
        is_settled = partner is not None and partner.fingerprint == member.fingerprint
        conflict = "" if member.conflict == OTHER_IDENTITY and is_settled else member.conflict or ""
        if conflict or unlike:
            yield MemberHealth(member.authority, member.status, conflict, member.successor)


def measure_suspended(tx: Tx) -> Iterator[SuspendedHealth]:
    """Yield with whom exchange is suspended."""
    successors = {it.authority: it.successor for it in directories.list_members(tx) if it.successor}
    for partner in partners.list_partners(tx):
        since, code = partner.suspended_at or partner.switched_off_at, partner.authority
        if since is not None:
            yield SuspendedHealth(
                code,
                since,
                partner.suspended_by or "",
                partner.trusted_by or "",
                outbox.count_under_way(tx, code),
                successors.get(code),
                outbox.count_following(tx, code),
            )
