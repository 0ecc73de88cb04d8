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

from gateway.core.entry_filter import EntryFilter
from gateway.core.merkle import Frontier, hash_leaf, list_consistency_subtrees, list_inclusion_subtrees, root
from gateway.store.tables import audit_blocks, audit_checkpoints, audit_entries, audit_head, audit_mentions

# Entries of which the root is kept, so that a proof reads a thousand leaves and not a million.
BLOCK = 1024
_one_line = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: what was done, by whom ("cme-gateway" or a person), about which message or partner."""

    act: str
    actor: str
    about: str | None = None
    partner: str | None = None
    digest: str | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    # Of an entry that is about several notices, their ids.
    mentions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """An entry as it stands in the log."""

    number: int
    at: datetime
    act: str
    actor: str
    about: str | None
    partner: str | None
    entry: str
    leaf: bytes


def lock_log(tx: Connection) -> None:
    """Hold the log until the commit: whoever decides by what others do with an entry sees all that they have done."""
    _read_head(tx, lock=True)


def append_entries(tx: Connection, at: datetime, entries: Sequence[AuditEntry]) -> None:
    """Append the entries, in order. The row of the head is the lock: whoever appends holds it until the commit."""
    if not entries:
        return
    head = _read_head(tx, lock=True)
    texts = [format_entry(head.size + offset, at, entry) for offset, entry in enumerate(entries)]
    leaves = [hash_leaf(text.encode()) for text in texts]
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
        {"about": message_id, "number": row["number"]}
        for entry, row in zip(entries, rows, strict=True)
        for message_id in entry.mentions
    ]
    if named:
        tx.execute(insert(audit_mentions), named)
    after = head.append(leaves)
    tx.execute(update(audit_head).where(audit_head.c.number == 1).values(size=after.size, peaks=after.to_bytes()))
    for block in range(head.size // BLOCK, after.size // BLOCK):
        block_root = root(_read_leaves(tx, block * BLOCK, (block + 1) * BLOCK))
        tx.execute(insert(audit_blocks).values(block=block, root=block_root))


def _read_leaves(tx: Connection, start: int, end: int) -> Iterator[bytes]:
    at = audit_entries.c
    query = select(at.leaf).where(at.number >= start, at.number < end).order_by(at.number)
    for row in tx.execute(query):
        yield bytes(row.leaf)


def _subtree_root(tx: Connection, start: int, end: int) -> bytes:
    """Return the root of the subtree over these entries: of its complete blocks, and of the leaves after them."""
    whole = (end - start) // BLOCK
    first, at = start // BLOCK, audit_blocks.c
    query = select(at.root).where(at.block >= first, at.block < first + whole).order_by(at.block)
    blocks = Frontier().append(bytes(row.root) for row in tx.execute(query)) if whole else Frontier()
    # A complete block is a leaf of the tree above it.
    tree = Frontier(blocks.size * BLOCK, blocks.peaks)
    return tree.append(_read_leaves(tx, start + whole * BLOCK, end)).root()


def format_entry(number: int, at: datetime, entry: AuditEntry) -> str:
    """Return the leaf: one line of JSON, members in alphabetical order, absent ones left out."""
    members = {
        "about": entry.about,
        "act": entry.act,
        "actor": entry.actor,
        "at": format_entry_time(at),
        "detail": dict(entry.detail) or None,
        "digest": entry.digest,
        "mentions": list(entry.mentions) or None,
        "number": number,
        "partner": entry.partner,
    }
    return _one_line.encode({name: value for name, value in members.items() if value is not None})


def digest_text(text: str) -> str:
    """Return the digest by which an entry names a signed text."""
    return sha256(text.encode()).hexdigest()


def format_entry_time(at: datetime) -> str:
    """Format a time as an entry has it."""
    return at.isoformat(timespec="microseconds")


def get_tree_head(tx: Connection) -> Frontier:
    """Return the tree as it stands."""
    return _read_head(tx, lock=False)


def _read_head(tx: Connection, *, lock: bool) -> Frontier:
    query = select(audit_head.c.size, audit_head.c.peaks).where(audit_head.c.number == 1)
    row = tx.execute(query.with_for_update() if lock else query).one()
    return Frontier.from_bytes(row.size, bytes(row.peaks))


def add_checkpoint(tx: Connection, at: datetime, size: int, note: str) -> None:
    """Keep a signed checkpoint; one that is there for this size already stands."""
    if tx.execute(select(audit_checkpoints.c.size).where(audit_checkpoints.c.size == size)).first() is None:
        tx.execute(insert(audit_checkpoints).values(size=size, at=at, note=note))


def find_newest_checkpoint(tx: Connection) -> str | None:
    """Return the newest signed checkpoint; None where there is none."""
    return tx.scalar(select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size.desc()).limit(1))


def find_checkpoint_size(tx: Connection) -> tuple[int, datetime] | None:
    """Return how many entries the newest signed checkpoint covers, and when it was signed; None where there is none."""
    newest = select(audit_checkpoints.c.size, audit_checkpoints.c.at).order_by(audit_checkpoints.c.size.desc()).limit(1)
    row = tx.execute(newest).first()
    return None if row is None else (row.size, row.at)


def list_checkpoints(tx: Connection) -> Iterator[str]:
    """Yield every signed checkpoint, oldest first."""
    yield from tx.scalars(select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size))


def prove_consistency(tx: Connection, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """Return the proof that our log of `old_size` entries begins that of `new_size` (RFC 9162, 2.1.4.1)."""
    return tuple(_subtree_root(tx, *subtree) for subtree in list_consistency_subtrees(old_size, new_size))


def prove_inclusion(tx: Connection, number: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that an entry stands in our log of `size` entries (RFC 9162, 2.1.3.1)."""
    return tuple(_subtree_root(tx, *subtree) for subtree in list_inclusion_subtrees(number, size)[1:])


def list_entries(tx: Connection) -> Iterator[LoggedEntry]:
    """Yield every entry in order, without holding them all in memory."""
    query = select(audit_entries).order_by(audit_entries.c.number).execution_options(yield_per=1000)
    for row in tx.execute(query):
        yield read_entry_row(row._mapping)


def list_block_roots(tx: Connection) -> Iterator[tuple[int, bytes]]:
    """Yield the root that is kept of every complete block, in order."""
    query = select(audit_blocks.c.block, audit_blocks.c.root).order_by(audit_blocks.c.block)
    for row in tx.execute(query.execution_options(yield_per=1000)):
        yield row.block, bytes(row.root)


def list_mentions(tx: Connection) -> Iterator[tuple[int, set[str]]]:
    """Yield for each entry that mentions notices, in order, its number and their ids, as they are found by."""
    at = audit_mentions.c
    query = select(at.number, at.about).order_by(at.number).execution_options(yield_per=1000)
    for number, rows in groupby(tx.execute(query), key=lambda row: row.number):
        yield number, {row.about for row in rows}


def list_entries_from(tx: Connection, number: int, limit: int) -> list[LoggedEntry]:
    """List so many entries from this one on. Whoever appends holds the head, so none is seen before those before it."""
    query = select(audit_entries).where(audit_entries.c.number >= number).order_by(audit_entries.c.number).limit(limit)
    return [read_entry_row(row._mapping) for row in tx.execute(query)]


def list_newest_entries(
    tx: Connection, *, about: str | None = None, act: str | None = None, limit: int = 100
) -> list[LoggedEntry]:
    """List the newest entries about this, or of this act; newest first."""
    return list_filtered_entries(tx, EntryFilter(about=about, act=act), limit)


def list_filtered_entries(tx: Connection, wanted: EntryFilter, limit: int) -> list[LoggedEntry]:
    """List the newest entries that pass the filter, newest first."""
    at = audit_entries.c
    query = select(audit_entries).order_by(at.number.desc()).limit(limit)
    for column, value in ((at.about, wanted.about), (at.actor, wanted.actor), (at.partner, wanted.partner)):
        if value is not None:
            query = query.where(column == value)
    if (act := wanted.act) is not None:
        query = query.where(at.act.startswith(act, autoescape=True) if act.endswith(".") else at.act == act)
    if wanted.since is not None:
        query = query.where(at.at >= wanted.since)
    return [read_entry_row(row._mapping) for row in tx.execute(query)]


def read_entry_row(row: RowMapping) -> LoggedEntry:
    """Build an entry from a row of the table."""
    # PostgreSQL's driver may hand out other kinds of bytes.
    return LoggedEntry(**{**row, "leaf": bytes(row["leaf"])})
