"""What clients of the API were answered to requests that they may repeat, each under the client's own key."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.rows import get_values
from gateway.store.tables import api_answers

_AT = api_answers.c


@dataclass(frozen=True, slots=True)
class RepeatableRequest:
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


def find_request(tx: Connection, client: str, key: str) -> RepeatableRequest | None:
    """Return the request under this key; None where there is none."""
    row = tx.execute(select(api_answers).where(_is_request(client, key))).first()
    if row is None:
        return None
    parts = {
        name: None if row._mapping[name] is None else bytes(row._mapping[name]) for name in ("data_key", "content")
    }
    return RepeatableRequest(**{**row._mapping, **parts})


def add_request(tx: Connection, request: RepeatableRequest) -> bool:
    """Add a request that begins; return False where another with its key began in this very moment."""
    try:
        with tx.begin_nested():
            tx.execute(insert(api_answers).values(get_values(request)))
    except IntegrityError:
        return False
    return True


def take_over_request(tx: Connection, old: RepeatableRequest, claim: str, now: datetime) -> bool:
    """Take over a request whose first try never ended; return False where somebody else was quicker."""
    mine = and_(_is_request(old.client, old.key), _AT.claim == old.claim, _AT.status.is_(None))
    return tx.execute(update(api_answers).where(mine).values(claim=claim, begun_at=now)).rowcount == 1


def set_request_answer(tx: Connection, request: RepeatableRequest) -> bool:
    """Store its answer; return False where this try no longer counts."""
    mine = and_(_is_request(request.client, request.key), _AT.claim == request.claim, _AT.status.is_(None))
    answer = {
        "status": request.status,
        "place": request.place,
        "data_key": request.data_key,
        "content": request.content,
    }
    return tx.execute(update(api_answers).where(mine).values(answer)).rowcount == 1


def delete_claim(tx: Connection, client: str, key: str, claim: str) -> None:
    """Delete a try that came to nothing: the key is free again."""
    mine = and_(_is_request(client, key), _AT.claim == claim, _AT.status.is_(None))
    tx.execute(delete(api_answers).where(mine))


def delete_old_requests(tx: Connection, before: datetime) -> None:
    """Delete what began before this."""
    tx.execute(delete(api_answers).where(_AT.begun_at < before))


def _is_request(client: str, key: str) -> ColumnElement[bool]:
    return and_(_AT.client == client, _AT.key == key)
