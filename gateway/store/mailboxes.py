"""What we keep for other authorities: sealed bundles that are not ours to open, and receipts on their way back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from gateway.store.rows import get_values
from gateway.store.tables import mailboxes

Kind = Literal["messages", "receipts"]


@dataclass(frozen=True, slots=True)
class MailboxBundle:
    """One bundle in the mailbox of `owner`: messages from `sender`, or receipts for it."""

    owner: str
    kind: Kind
    name: str
    sender: str
    content: bytes
    kept_at: datetime


def add_bundle(tx: Connection, held: MailboxBundle) -> bool:
    """Add a bundle; return False where one of this name is there."""
    if tx.execute(select(mailboxes.c.name).where(_is_bundle(held.owner, held.kind, held.name))).first():
        return False
    tx.execute(insert(mailboxes).values(get_values(held)))
    return True


def find_bundle(tx: Connection, owner: str, kind: Kind, name: str) -> MailboxBundle | None:
    """Return a bundle; None where it is not there."""
    row = tx.execute(select(mailboxes).where(_is_bundle(owner, kind, name))).first()
    return None if row is None else MailboxBundle(**{**row._mapping, "content": bytes(row.content)})


def list_oldest_bundles(tx: Connection, owner: str, kind: Kind, most: int, sender: str | None = None) -> list[str]:
    """List the names of the bundles that have lain longest; of receipts, those for one sender."""
    query = select(mailboxes.c.name).where(mailboxes.c.owner == owner, mailboxes.c.kind == kind)
    if sender is not None:
        query = query.where(mailboxes.c.sender == sender)
    return list(tx.scalars(query.order_by(mailboxes.c.kept_at, mailboxes.c.name).limit(most)))


def list_bundle_names(tx: Connection, owner: str, kind: Kind) -> list[str]:
    """List the names of the bundles in a mailbox."""
    return list(tx.scalars(select(mailboxes.c.name).where(mailboxes.c.owner == owner, mailboxes.c.kind == kind)))


def delete_bundle(tx: Connection, owner: str, kind: Kind, name: str) -> None:
    """Delete a bundle."""
    tx.execute(delete(mailboxes).where(_is_bundle(owner, kind, name)))


def sum_mailbox_bytes(tx: Connection, owner: str, sender: str | None = None) -> int:
    """Return how many bytes lie in this mailbox; of one sender, where one is named."""
    query = select(func.sum(func.length(mailboxes.c.content))).where(mailboxes.c.owner == owner)
    return tx.scalar(query if sender is None else query.where(mailboxes.c.sender == sender)) or 0


def list_mailbox_fill(tx: Connection, owners: Collection[str]) -> dict[str, tuple[int, int, datetime]]:
    """Count the bundles and bytes of each of these mailboxes that is not empty, and tell since when the oldest lies."""
    bytes_in, oldest = func.sum(func.length(mailboxes.c.content)), func.min(mailboxes.c.kept_at)
    query = select(mailboxes.c.owner, func.count(), bytes_in, oldest).where(mailboxes.c.owner.in_(owners))
    return {owner: (count, size, since) for owner, count, size, since in tx.execute(query.group_by(mailboxes.c.owner))}


def delete_expired_bundles(tx: Connection, before: datetime) -> list[tuple[str, str]]:
    """Delete what has lain since before then; list of each its owner and sender."""
    gone = [(row.owner, row.sender) for row in tx.execute(
        select(mailboxes.c.owner, mailboxes.c.sender).where(mailboxes.c.kept_at < before)
    )]  # fmt: skip
    if gone:
        tx.execute(delete(mailboxes).where(mailboxes.c.kept_at < before))
    return gone


def _is_bundle(owner: str, kind: Kind, name: str) -> ColumnElement[bool]:
    return and_(mailboxes.c.owner == owner, mailboxes.c.kind == kind, mailboxes.c.name == name)
