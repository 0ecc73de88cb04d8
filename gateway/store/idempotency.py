"""What clients of the API were answered to requests that they may repeat, each under the client's own key."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.tables import api_answers

_AT = api_answers.c


@dataclass(frozen=True, slots=True)
class Kept:
    """One request, and its answer; `status` is None while it is under way."""

    client: str
    key: str
    said: str
    claim: str
    begun_at: datetime
    status: int | None = None
    place: str | None = None
    data_key: bytes | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)


def find(tx: Connection, client: str, key: str) -> Kept | None:
    """The request under this key."""
    row = tx.execute(select(api_answers).where(_mine(client, key))).first()
    if row is None:
        return None
    parts = {
        name: None if row._mapping[name] is None else bytes(row._mapping[name]) for name in ("data_key", "content")
    }
    return Kept(**{**row._mapping, **parts})


def begin(tx: Connection, kept: Kept) -> bool:
    """A request begins; False where another with its key began in this very moment."""
    try:
        with tx.begin_nested():
            tx.execute(insert(api_answers).values({name: getattr(kept, name) for name in Kept.__dataclass_fields__}))
    except IntegrityError:
        return False
    return True


def take_over(tx: Connection, old: Kept, claim: str, now: datetime) -> bool:
    """Another try of a request whose first never ended; False where somebody else was quicker."""
    mine = and_(_mine(old.client, old.key), _AT.claim == old.claim, _AT.status.is_(None))
    return tx.execute(update(api_answers).where(mine).values(claim=claim, begun_at=now)).rowcount == 1


def end(tx: Connection, kept: Kept) -> bool:
    """It has its answer; False where this try no longer counts."""
    mine = and_(_mine(kept.client, kept.key), _AT.claim == kept.claim, _AT.status.is_(None))
    answer = {"status": kept.status, "place": kept.place, "data_key": kept.data_key, "content": kept.content}
    return tx.execute(update(api_answers).where(mine).values(answer)).rowcount == 1


def drop(tx: Connection, client: str, key: str, claim: str) -> None:
    """A try that came to nothing: the key is free again."""
    mine = and_(_mine(client, key), _AT.claim == claim, _AT.status.is_(None))
    tx.execute(delete(api_answers).where(mine))


def forget(tx: Connection, before: datetime) -> None:
    """What began before this is remembered no more."""
    tx.execute(delete(api_answers).where(_AT.begun_at < before))


def _mine(client: str, key: str) -> ColumnElement[bool]:
    return and_(_AT.client == client, _AT.key == key)
