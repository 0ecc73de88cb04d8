"""Directories of schemes that we joined: what we hold of each, its members, and what others say of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.errors import NotFound
from gateway.store.rows import build_insert, build_record, get_values, list_columns
from gateway.store.tables import directories, directory_forks, directory_members, directory_words
from keys.directory import HeldDirectory, MemberStatus

_at = directories.c
# Of one scheme; each may have some megabytes.
MOST_FORKS = 4


@dataclass(frozen=True, slots=True)
class JoinedDirectory:
    """A directory that we joined, as we hold it."""

    scheme: str
    name: str
    url: str | None
    # The pinned public key, hex.
    key: str
    version: int
    # The digest of each version, a line each.
    history: str
    created_at: datetime
    expires_at: datetime
    joined_at: datetime
    joined_by: str
    taken_at: datetime
    due_at: datetime | None = None
    asked_at: datetime | None = None
    trouble: str | None = None
    refused: str | None = None
    refused_at: datetime | None = None

    @property
    def held(self) -> HeldDirectory:
        """Return what another is judged by."""
        return HeldDirectory(self.scheme, bytes.fromhex(self.key), tuple(self.history.split("\n")))


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member of a directory that we hold."""

    scheme: str
    authority: str
    status: MemberStatus
    successor: str | None
    # Of its identity key.
    fingerprint: str
    # Why it is not taken over as the directory has it.
    conflict: str | None = None
    left_out_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DirectoryFork:
    """Two directories of one version, each signed by the keeper."""

    scheme: str
    # Of the other one.
    digest: str
    version: int
    # Which member showed it; None: the keeper itself.
    source: str | None
    found_at: datetime
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class MemberWord:
    """Which version of a directory another member says that it holds."""

    scheme: str
    authority: str
    version: int
    digest: str
    said_at: datetime
    # It names another digest for a version that we know, and has not proved it.
    differs: bool


def list_directories(tx: Connection) -> list[JoinedDirectory]:
    """List those that we joined, by scheme, without their texts."""
    query = select(*list_columns(directories, JoinedDirectory)).order_by(_at.scheme)
    return [build_record(JoinedDirectory, row) for row in tx.execute(query)]


def find_directory(tx: Connection, scheme: str) -> JoinedDirectory | None:
    """Return one; None where we did not join it."""
    query = select(*list_columns(directories, JoinedDirectory)).where(_at.scheme == scheme)
    row = tx.execute(query).first()
    return build_record(JoinedDirectory, row) if row else None


def get_directory(tx: Connection, scheme: str) -> JoinedDirectory:
    """Return one. Raises NotFound."""
    if (joined := find_directory(tx, scheme)) is None:
        raise NotFound("directory.not-joined", scheme=scheme)
    return joined


def get_directory_text(tx: Connection, scheme: str) -> str:
    """Return the one that we hold as it is signed. Raises NotFound."""
    text = tx.scalar(select(directories.c.content).where(_at.scheme == scheme))
    if text is None:
        raise NotFound("directory.not-joined", scheme=scheme)
    return str(text)


def add_directory(tx: Connection, joined: JoinedDirectory, text: str) -> None:
    """Keep one that was joined, in place of one of the same scheme with another key."""
    tx.execute(delete(directories).where(_at.scheme == joined.scheme))
    tx.execute(insert(directories).values(get_values(joined) | {"content": text}))


def replace_directory(tx: Connection, new: JoinedDirectory, text: str, *, in_place_of: int) -> bool:
    """Keep a newer version, unless another process has just taken one; tell whether it is kept.

    `in_place_of`: the version by which it was judged.
    """
    mine = update(directories).where(_at.scheme == new.scheme, _at.version == in_place_of)
    return tx.execute(mine.values(get_values(new) | {"content": text})).rowcount == 1


def delete_directory(tx: Connection, scheme: str) -> None:
    """Forget a directory, its members, and what others say of it; what proves that its keeper signed two stays."""
    for table in (directories, directory_members, directory_words):
        tx.execute(delete(table).where(table.c.scheme == scheme))


def note_directory(tx: Connection, scheme: str, **values: Any) -> None:
    """Note these columns of one, and leave the others."""
    tx.execute(update(directories).where(_at.scheme == scheme).values(values))


def replace_members(tx: Connection, scheme: str, members: Collection[ListedMember]) -> None:
    """Keep these members in place of those before."""
    tx.execute(delete(directory_members).where(directory_members.c.scheme == scheme))
    if members:
        tx.execute(insert(directory_members), [get_values(member) for member in members])


def list_members(tx: Connection, scheme: str | None = None) -> list[ListedMember]:
    """List the members of one directory, or of all, by scheme and authority."""
    at = directory_members.c
    query = select(directory_members).order_by(at.scheme, at.authority)
    rows = tx.execute(query if scheme is None else query.where(at.scheme == scheme))
    return [ListedMember(**row._mapping) for row in rows]


def list_schemes_without(tx: Connection, authority: str, fingerprint: str) -> list[str]:
    """List the schemes that we joined and whose directory lists an authority with another identity key than this."""
    joined = {it.scheme for it in list_directories(tx)}
    listed = [it for it in list_members(tx) if it.authority == authority and it.scheme in joined]
    return [it.scheme for it in listed if it.fingerprint != fingerprint]


def leave_member_out(tx: Connection, authority: str, now: datetime) -> None:
    """Note that no directory brings this authority back: a person here removed it."""
    mine = update(directory_members).where(directory_members.c.authority == authority)
    tx.execute(mine.values(left_out_at=now))


def add_fork(tx: Connection, fork: DirectoryFork) -> bool:
    """Keep two directories of one version; tell whether they were not known yet. A few prove it as well as many."""
    mine = directory_forks.c.scheme == fork.scheme
    if (tx.scalar(select(func.count()).select_from(directory_forks).where(mine)) or 0) >= MOST_FORKS:
        return False
    new = build_insert(tx, directory_forks).values(get_values(fork)).on_conflict_do_nothing()
    return tx.execute(new.returning(directory_forks.c.digest)).first() is not None


def list_forks(tx: Connection) -> list[DirectoryFork]:
    """List what proves that a keeper signed two of one version, the oldest first."""
    query = select(directory_forks).order_by(directory_forks.c.found_at, directory_forks.c.digest)
    return [DirectoryFork(**row._mapping) for row in tx.execute(query)]


def list_fork_marks(tx: Connection) -> list[tuple[str, int, str | None, datetime]]:
    """List scheme, version, who showed it and when it was found, without the texts, the oldest first."""
    at = directory_forks.c
    query = select(at.scheme, at.version, at.source, at.found_at).order_by(at.found_at, at.digest)
    return [(row[0], row[1], row[2], row[3]) for row in tx.execute(query)]


def replace_word(tx: Connection, word: MemberWord) -> None:
    """Keep what a member says that it holds, in place of what it said before."""
    values = get_values(word)
    statement = build_insert(tx, directory_words).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["scheme", "authority"], set_=values))


def list_words(tx: Connection) -> list[MemberWord]:
    """List what members say that they hold, by scheme and authority."""
    at = directory_words.c
    return [MemberWord(**row._mapping) for row in tx.execute(select(directory_words).order_by(at.scheme, at.authority))]
