"""Who may sign in, and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.core.permissions import Role
from gateway.errors import NotAllowed, NotFound
from gateway.store.rows import get_values
from gateway.store.tables import people, sessions


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in, as the store knows them."""

    # As they sign in.
    name: str
    # As others know them.
    called: str
    roles: frozenset[Role]
    active: bool
    # "local", or "directory".
    through: str
    made_at: datetime
    made_by: str
    # Theirs for ever in the directory.
    subject: str | None = None
    password: str | None = field(default=None, repr=False)
    # A one-time password counts until then.
    password_until: datetime | None = None
    failed: int = 0
    locked_until: datetime | None = None
    code_key: bytes | None = field(default=None, repr=False)
    code_secret: bytes | None = field(default=None, repr=False)
    code_step: int = 0
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, as the store knows it."""

    digest: str
    person: str
    stage: str
    form_token: str = field(repr=False)
    begun_at: datetime
    seen_at: datetime
    # What must come back from the directory.
    pending: str | None = field(default=None, repr=False)


def add_person(tx: Connection, person: Person) -> None:
    """Add somebody new. Raises NotAllowed where the name is taken."""
    if tx.scalar(select(people.c.name).where(people.c.name == person.name)) is not None:
        raise NotAllowed("people.exists", name=person.name)
    tx.execute(insert(people).values(_person_values(person)))


def update_person(tx: Connection, person: Person) -> None:
    """Store somebody who is there, as they are now."""
    tx.execute(update(people).where(people.c.name == person.name).values(_person_values(person)))


def find_person(tx: Connection, name: str) -> Person | None:
    """Return who signs in under this name, or None. An act that changes them reads them in its own transaction."""
    row = tx.execute(select(people).where(people.c.name == name)).first()
    return _read_person(row) if row else None


def get_person(tx: Connection, name: str) -> Person:
    """Return who signs in under this name. Raises NotFound."""
    person = find_person(tx, name)
    if person is None:
        raise NotFound("people.not-found")
    return person


def find_person_by_subject(tx: Connection, subject: str) -> Person | None:
    """Return whom the directory knows so; None where there is nobody."""
    row = tx.execute(select(people).where(people.c.subject == subject)).first()
    return _read_person(row) if row else None


def list_people(tx: Connection) -> list[Person]:
    """List everybody, by name."""
    return [_read_person(row) for row in tx.execute(select(people).order_by(people.c.name))]


def add_session(tx: Connection, session: StoredSession) -> None:
    """Add a session that begins."""
    tx.execute(insert(sessions).values(**get_values(session)))


def find_session(tx: Connection, digest: str) -> StoredSession | None:
    """Return the session of which this is the digest; None where there is none."""
    row = tx.execute(select(sessions).where(sessions.c.digest == digest)).first()
    return StoredSession(**row._mapping) if row else None


def list_sessions(tx: Connection, name: str) -> Sequence[StoredSession]:
    """List every session of a person, the newest first."""
    rows = tx.execute(select(sessions).where(sessions.c.person == name).order_by(sessions.c.begun_at.desc()))
    return [StoredSession(**row._mapping) for row in rows]


def touch_session(tx: Connection, digest: str, now: datetime) -> None:
    """Note that a session was used just now."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))


def delete_session(tx: Connection, digest: str) -> None:
    """Delete a session: it counts no more."""
    tx.execute(delete(sessions).where(sessions.c.digest == digest))


def delete_sessions(tx: Connection, name: str, *, but: str = "") -> int:
    """Delete all of a person's sessions, but for one perhaps; return how many."""
    mine = (sessions.c.person == name) & (sessions.c.digest != but)
    return tx.execute(delete(sessions).where(mine)).rowcount


def delete_old_sessions(tx: Connection, begun_before: datetime) -> None:
    """Delete the sessions that began before this."""
    tx.execute(delete(sessions).where(sessions.c.begun_at < begun_before))


def delete_pending_sessions(tx: Connection, stage: str, *, begun_before: datetime, most: int) -> None:
    """Delete the sessions at this stage that began before then, and the oldest where there were more than `most`."""
    mine, at = sessions.c.stage == stage, sessions.c.begun_at
    tx.execute(delete(sessions).where(mine, at < begun_before))
    too_old = tx.scalar(select(at).where(mine).order_by(at.desc()).offset(most - 1).limit(1))
    if too_old is not None:
        tx.execute(delete(sessions).where(mine, at <= too_old))


def _person_values(person: Person) -> dict[str, Any]:
    return get_values(person) | {"roles": " ".join(sorted(person.roles))}


def _read_person(row: Row[Any]) -> Person:
    values = dict(row._mapping)
    known = frozenset(Role(role) for role in values["roles"].split())
    parts = {name: bytes(values[name]) if values[name] is not None else None for name in ("code_key", "code_secret")}
    return Person(**{**values, **parts, "roles": known})
