"""What we keep for other authorities: sealed bundles that are not ours to open, and receipts on their way back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from gateway.store.tables import mailboxes

Kind = Literal["messages", "receipts"]


@dataclass(frozen=True, slots=True)
class Held:
    """One bundle in the mailbox of `owner`: messages from `sender`, or receipts for it."""

    owner: str
    kind: Kind
    name: str
    sender: str
    content: bytes
    kept_at: datetime


def put(tx: Connection, held: Held) -> bool:
    """Keep a bundle; False where one of this name is there."""
    if tx.execute(select(mailboxes.c.name).where(_is(held.owner, held.kind, held.name))).first():
        return False
    tx.execute(insert(mailboxes).values({name: getattr(held, name) for name in Held.__dataclass_fields__}))
    return True


def get(tx: Connection, owner: str, kind: Kind, name: str) -> Held | None:
    """One bundle."""
    row = tx.execute(select(mailboxes).where(_is(owner, kind, name))).first()
    return None if row is None else Held(**{**row._mapping, "content": bytes(row.content)})


def oldest(tx: Connection, owner: str, kind: Kind, most: int, sender: str | None = None) -> list[str]:
    """What the bundles are called that have lain longest; of receipts, those for one sender."""
    query = select(mailboxes.c.name).where(mailboxes.c.owner == owner, mailboxes.c.kind == kind)
    if sender is not None:
        query = query.where(mailboxes.c.sender == sender)
    return list(tx.scalars(query.order_by(mailboxes.c.kept_at, mailboxes.c.name).limit(most)))


def names(tx: Connection, owner: str, kind: Kind) -> list[str]:
    """What the bundles in a mailbox are called."""
    return list(tx.scalars(select(mailboxes.c.name).where(mailboxes.c.owner == owner, mailboxes.c.kind == kind)))


def remove(tx: Connection, owner: str, kind: Kind, name: str) -> None:
    """Forget a bundle."""
    tx.execute(delete(mailboxes).where(_is(owner, kind, name)))


def size(tx: Connection, owner: str, sender: str | None = None) -> int:
    """How many bytes lie in this mailbox; of one sender, where one is named."""
    query = select(func.sum(func.length(mailboxes.c.content))).where(mailboxes.c.owner == owner)
    return tx.scalar(query if sender is None else query.where(mailboxes.c.sender == sender)) or 0


def fill(tx: Connection, owners: Collection[str]) -> dict[str, tuple[int, int, datetime]]:
    """Of each of these mailboxes in which something lies: how many bundles, how many bytes, and since when the oldest."""
    bytes_in, oldest = func.sum(func.length(mailboxes.c.content)), func.min(mailboxes.c.kept_at)
    query = select(mailboxes.c.owner, func.count(), bytes_in, oldest).where(mailboxes.c.owner.in_(owners))
    return {owner: (count, size, since) for owner, count, size, since in tx.execute(query.group_by(mailboxes.c.owner))}


def expire(tx: Connection, before: datetime) -> list[tuple[str, str]]:
    """Forget what has lain since before then: of each, owner and sender."""
    gone = [(row.owner, row.sender) for row in tx.execute(
        select(mailboxes.c.owner, mailboxes.c.sender).where(mailboxes.c.kept_at < before)
    )]  # fmt: skip
    if gone:
        tx.execute(delete(mailboxes).where(mailboxes.c.kept_at < before))
    return gone


def _is(owner: str, kind: Kind, name: str) -> ColumnElement[bool]:
    return and_(mailboxes.c.owner == owner, mailboxes.c.kind == kind, mailboxes.c.name == name)
