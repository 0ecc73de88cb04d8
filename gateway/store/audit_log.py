"""The audit log's table: append in the caller's transaction, and read. Nothing here updates an entry or deletes one.

An entry is one line of JSON with its keys in order; that text, byte for byte, is the leaf (RFC 9162, 2.1.1). The other
columns only help to find it, and `audit verify` holds them against the text. An entry carries ids, digests, actors and
reasons; never anything about a child.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from sqlalchemy import Connection, RowMapping, insert, select, update

from gateway.core.merkle import Frontier, consistency_subtrees, inclusion_subtrees, leaf_hash, root
from gateway.store.tables import audit_blocks, audit_checkpoints, audit_entries, audit_head, audit_mentions

BLOCK = 1024  # entries of which the root is kept, so that a proof reads a thousand leaves and not a million
_one_line = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One act: what was done, by whom ("cme-gateway" or a person), about which message or partner."""

    act: str
    actor: str
    about: str | None = None
    partner: str | None = None
    digest: str | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    mentions: Sequence[str] = ()  # of an entry that is about several notices, their ids


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it stands in the log."""

    number: int
    at: datetime
    act: str
    actor: str
    about: str | None
    partner: str | None
    entry: str
    leaf: bytes


def append(tx: Connection, at: datetime, entries: Sequence[Entry]) -> None:
    """Append the entries, in order. The row of the head is the lock: whoever appends holds it until the commit."""
    if not entries:
        return
    head = _head(tx, lock=True)
    texts = [entry_text(head.size + offset, at, entry) for offset, entry in enumerate(entries)]
    leaves = [leaf_hash(text.encode()) for text in texts]
    rows = [
        {
            "number": head.size + offset,
            "at": at,
            "act": entry.act,
            "actor": entry.actor,
            "about": entry.about,
            "partner": entry.partner,
            "entry": text,
            "leaf": leaf,
        }
        for offset, (entry, text, leaf) in enumerate(zip(entries, texts, leaves, strict=True))
    ]
    tx.execute(insert(audit_entries), rows)
    named = [
        {"about": one, "number": row["number"]}
        for entry, row in zip(entries, rows, strict=True)
        for one in entry.mentions
    ]
    if named:
        tx.execute(insert(audit_mentions), named)
    after = head.append(leaves)
    tx.execute(update(audit_head).where(audit_head.c.number == 1).values(size=after.size, peaks=after.to_bytes()))
    for block in range(head.size // BLOCK, after.size // BLOCK):
        its = root(_leaves(tx, block * BLOCK, (block + 1) * BLOCK))
        tx.execute(insert(audit_blocks).values(block=block, root=its))


def _leaves(tx: Connection, start: int, end: int) -> Iterator[bytes]:
    at = audit_entries.c
    query = select(at.leaf).where(at.number >= start, at.number < end).order_by(at.number)
    for row in tx.execute(query):
        yield bytes(row.leaf)


def _root_of(tx: Connection, start: int, end: int) -> bytes:
    """The root of the subtree over these entries: of its complete blocks, which are kept, and of the leaves after them."""
    whole = (end - start) // BLOCK
    first, at = start // BLOCK, audit_blocks.c
    query = select(at.root).where(at.block >= first, at.block < first + whole).order_by(at.block)
    blocks = Frontier().append(bytes(row.root) for row in tx.execute(query)) if whole else Frontier()
    tree = Frontier(blocks.size * BLOCK, blocks.peaks)  # a complete block is a leaf of the tree above it
    return tree.append(_leaves(tx, start + whole * BLOCK, end)).root()


def entry_text(number: int, at: datetime, entry: Entry) -> str:
    """The leaf: one line of JSON, members in alphabetical order, absent ones left out."""
    members = {
        "about": entry.about,
        "act": entry.act,
        "actor": entry.actor,
        "at": moment(at),
        "detail": dict(entry.detail) or None,
        "digest": entry.digest,
        "mentions": list(entry.mentions) or None,
        "number": number,
        "partner": entry.partner,
    }
    return _one_line.encode({name: value for name, value in members.items() if value is not None})


def digest_of(text: str) -> str:
    """The digest by which an entry names a signed text."""
    return sha256(text.encode()).hexdigest()


def moment(at: datetime) -> str:
    """A time as an entry has it."""
    return at.isoformat(timespec="microseconds")


def head(tx: Connection) -> Frontier:
    """The tree as it stands."""
    return _head(tx, lock=False)


def _head(tx: Connection, *, lock: bool) -> Frontier:
    query = select(audit_head.c.size, audit_head.c.peaks).where(audit_head.c.number == 1)
    row = tx.execute(query.with_for_update() if lock else query).one()
    return Frontier.from_bytes(row.size, bytes(row.peaks))


def add_checkpoint(tx: Connection, at: datetime, size: int, note: str) -> None:
    """Keep a signed checkpoint; one that is there for this size already stands."""
    if tx.execute(select(audit_checkpoints.c.size).where(audit_checkpoints.c.size == size)).first() is None:
        tx.execute(insert(audit_checkpoints).values(size=size, at=at, note=note))


def newest_checkpoint(tx: Connection) -> str | None:
    """The newest signed checkpoint."""
    return tx.scalar(select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size.desc()).limit(1))


def covered(tx: Connection) -> tuple[int, datetime] | None:
    """How many entries the newest signed checkpoint covers, and when it was signed."""
    newest = select(audit_checkpoints.c.size, audit_checkpoints.c.at).order_by(audit_checkpoints.c.size.desc()).limit(1)
    row = tx.execute(newest).first()
    return None if row is None else (row.size, row.at)


def checkpoints(tx: Connection) -> Iterator[str]:
    """Every signed checkpoint, oldest first."""
    yield from tx.scalars(select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size))


def consistency(tx: Connection, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """RFC 9162, 2.1.4.1: the proof that our log of `old_size` entries is the beginning of that of `new_size`."""
    return tuple(_root_of(tx, *subtree) for subtree in consistency_subtrees(old_size, new_size))


def inclusion(tx: Connection, number: int, size: int) -> tuple[bytes, ...]:
    """RFC 9162, 2.1.3.1: the proof that an entry stands in our log of `size` entries."""
    return tuple(_root_of(tx, *subtree) for subtree in inclusion_subtrees(number, size)[1:])


def entries(tx: Connection) -> Iterator[Kept]:
    """Every entry in order, without holding them all in memory."""
    query = select(audit_entries).order_by(audit_entries.c.number).execution_options(yield_per=1000)
    for row in tx.execute(query):
        yield as_kept(row._mapping)


def blocks(tx: Connection) -> Iterator[tuple[int, bytes]]:
    """The root that is kept of every complete block, in order."""
    query = select(audit_blocks.c.block, audit_blocks.c.root).order_by(audit_blocks.c.block)
    for row in tx.execute(query.execution_options(yield_per=1000)):
        yield row.block, bytes(row.root)


def mentions(tx: Connection) -> Iterator[tuple[int, set[str]]]:
    """The notices that entries mention, as they are found by: for each such entry in order, its number and their ids."""
    at = audit_mentions.c
    query = select(at.number, at.about).order_by(at.number).execution_options(yield_per=1000)
    for number, rows in groupby(tx.execute(query), key=lambda row: row.number):
        yield number, {row.about for row in rows}


def after(tx: Connection, number: int, limit: int) -> list[Kept]:
    """So many entries from this one on, in order. Whoever appends holds the head, so none is ever seen before those before it."""
    query = select(audit_entries).where(audit_entries.c.number >= number).order_by(audit_entries.c.number).limit(limit)
    return [as_kept(row._mapping) for row in tx.execute(query)]


def search(
    tx: Connection,
    *,
    about: str | None = None,
    act: str | None = None,
    actor: str | None = None,
    partner: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> list[Kept]:
    """The newest entries that meet every condition given, newest first. `act` may end in a dot: all acts of that kind."""
    at = audit_entries.c
    query = select(audit_entries).order_by(at.number.desc()).limit(limit)
    for column, value in ((at.about, about), (at.actor, actor), (at.partner, partner)):
        if value is not None:
            query = query.where(column == value)
    if act is not None:
        query = query.where(at.act.startswith(act, autoescape=True) if act.endswith(".") else at.act == act)
    if since is not None:
        query = query.where(at.at >= since)
    if until is not None:
        query = query.where(at.at < until)
    return [as_kept(row._mapping) for row in tx.execute(query)]


def as_kept(row: RowMapping) -> Kept:
    """A row of the table."""
    return Kept(**{**row, "leaf": bytes(row["leaf"])})  # PostgreSQL's driver may hand out other kinds of bytes
