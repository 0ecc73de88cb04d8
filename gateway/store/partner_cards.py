"""How partners' cards travel, one row for each: when it was asked, what was refused, and which of ours it holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, select

from gateway.store.rows import build_insert
from gateway.store.tables import partner_cards

_at = partner_cards.c


@dataclass(frozen=True, slots=True)
class CardExchange:
    """How it stands with the cards of one partner, and with ours there."""

    authority: str
    due_at: datetime | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    trouble: str | None = None
    taken_at: datetime | None = None
    taken_by: str | None = None
    refused: str | None = None
    refused_at: datetime | None = None
    offered_at: datetime | None = None
    offered: int | None = None
    held: int | None = None
    held_identity: str | None = None
    waiting_card: str | None = None


def list_card_exchanges(tx: Connection) -> dict[str, CardExchange]:
    """Return all of them, by authority."""
    return {row.authority: CardExchange(**row._mapping) for row in tx.execute(select(partner_cards))}


def get_card_exchange(tx: Connection, authority: str) -> CardExchange:
    """Return how it stands with one partner; where nothing was noted yet, a row of nothing."""
    row = tx.execute(select(partner_cards).where(_at.authority == authority)).first()
    return CardExchange(**row._mapping) if row else CardExchange(authority)


def note_card_exchange(tx: Connection, authority: str, **values: Any) -> None:
    """Note these columns of a partner's row, and leave the others."""
    statement = build_insert(tx, partner_cards).values(authority=authority, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["authority"], set_=values))


def set_card_due(tx: Connection, authority: str, at: datetime) -> None:
    """Have a partner asked then, or sooner where it was due sooner."""
    statement = build_insert(tx, partner_cards).values(authority=authority, due_at=at)
    sooner = case((_at.due_at < at, _at.due_at), else_=statement.excluded.due_at)
    tx.execute(statement.on_conflict_do_update(index_elements=["authority"], set_={"due_at": sooner}))
