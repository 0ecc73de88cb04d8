"""Who may sign in, and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.core.permissions import Role
from gateway.errors import NotAllowed, NotFound
from gateway.store.tables import people, sessions


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in, as the store knows them."""

    name: str  # as they sign in
    called: str  # as others know them
    roles: frozenset[Role]
    active: bool
    through: str  # "local", or "directory"
    made_at: datetime
    made_by: str
    subject: str | None = None  # theirs for ever in the directory
    password: str | None = field(default=None, repr=False)
    password_until: datetime | None = None  # a one-time password counts until then
    failed: int = 0
    locked_until: datetime | None = None
    code_key: bytes | None = field(default=None, repr=False)
    code_secret: bytes | None = field(default=None, repr=False)
    code_step: int = 0
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A session, as the store knows it."""

    digest: str
    person: str
    stage: str
    form_token: str = field(repr=False)
    begun_at: datetime
    seen_at: datetime
    pending: str | None = field(default=None, repr=False)  # what must come back from the directory


def add(tx: Connection, person: Person) -> None:
    """Somebody new. Raises NotAllowed where the name is taken."""
    if tx.scalar(select(people.c.name).where(people.c.name == person.name)) is not None:
        raise NotAllowed("people.exists", name=person.name)
    tx.execute(insert(people).values(_columns(person)))


def put(tx: Connection, person: Person) -> None:
    """Somebody who is there, as they are now."""
    tx.execute(update(people).where(people.c.name == person.name).values(_columns(person)))


def find(tx: Connection, name: str) -> Person | None:
    """Who signs in under this name. An act that changes them reads them in its own transaction."""
    row = tx.execute(select(people).where(people.c.name == name)).first()
    return _person(row) if row else None


def get(tx: Connection, name: str) -> Person:
    """The same. Raises NotFound."""
    found = find(tx, name)
    if found is None:
        raise NotFound("people.not-found")
    return found


def by_subject(tx: Connection, subject: str) -> Person | None:
    """Whom the directory knows so."""
    row = tx.execute(select(people).where(people.c.subject == subject)).first()
    return _person(row) if row else None


def every(tx: Connection) -> list[Person]:
    """Everybody, by name."""
    return [_person(row) for row in tx.execute(select(people).order_by(people.c.name))]


def begin(tx: Connection, session: Kept) -> None:
    """A session begins."""
    tx.execute(insert(sessions).values(**{name: getattr(session, name) for name in Kept.__dataclass_fields__}))


def session(tx: Connection, digest: str) -> Kept | None:
    """The session of which this is the digest."""
    row = tx.execute(select(sessions).where(sessions.c.digest == digest)).first()
    return Kept(**row._mapping) if row else None


def sessions_of(tx: Connection, name: str) -> Sequence[Kept]:
    """Every session of a person, the newest first."""
    found = tx.execute(select(sessions).where(sessions.c.person == name).order_by(sessions.c.begun_at.desc()))
    return [Kept(**row._mapping) for row in found]


def touch(tx: Connection, digest: str, now: datetime) -> None:
    """It was used just now."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))


def end(tx: Connection, digest: str) -> None:
    """It counts no more."""
    tx.execute(delete(sessions).where(sessions.c.digest == digest))


def end_all(tx: Connection, name: str, *, but: str = "") -> int:
    """None of a person's sessions counts any more, but for one perhaps: how many ended."""
    mine = (sessions.c.person == name) & (sessions.c.digest != but)
    return tx.execute(delete(sessions).where(mine)).rowcount


def forget(tx: Connection, begun_before: datetime) -> None:
    """Sessions that began before this are over, and their rows go."""
    tx.execute(delete(sessions).where(sessions.c.begun_at < begun_before))


def forget_on_the_way(tx: Connection, stage: str, *, begun_before: datetime, most: int) -> None:
    """Sessions at this stage that began before then go, and the oldest where there would be more than `most`."""
    mine, at = sessions.c.stage == stage, sessions.c.begun_at
    tx.execute(delete(sessions).where(mine, at < begun_before))
    too_old = tx.scalar(select(at).where(mine).order_by(at.desc()).offset(most - 1).limit(1))
    if too_old is not None:
        tx.execute(delete(sessions).where(mine, at <= too_old))


def _columns(person: Person) -> dict[str, Any]:
    said = {name: getattr(person, name) for name in Person.__dataclass_fields__}
    return said | {"roles": " ".join(sorted(person.roles))}


def _person(row: Row[Any]) -> Person:
    said = dict(row._mapping)
    known = frozenset(Role(one) for one in said["roles"].split())
    parts = {name: bytes(said[name]) if said[name] is not None else None for name in ("code_key", "code_secret")}
    return Person(**{**said, **parts, "roles": known})
