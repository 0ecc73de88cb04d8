"""Sessions: a random secret in the browser, of which the store holds the digest, so that whoever reads the database can
use none.

A session ends after half an hour without use, after ten hours, on signing out, and when the person's roles change.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from secrets import token_urlsafe

from gateway.access.people import LOCAL
from gateway.context import Gateway
from gateway.core import access_rules, lockout
from gateway.core.permissions import Role
from gateway.errors import NotAllowed, StoreUnavailable
from gateway.store import audit_log, people
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.people import Person, StoredSession

IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=10)
# Between the first step and the last.
ON_THE_WAY = timedelta(minutes=10)
# When it was used last is kept no finer, which spares a write for each page.
TOUCH_EVERY = timedelta(minutes=1)


class SignInStage(StrEnum):
    """How far somebody has come."""

    # The password was right; the second factor is missing.
    CODE = "code"
    NEW_PASSWORD = "new-password"  # noqa: S105 - a stage, not a secret
    # They must have a second factor, and set it up now.
    SET_CODE = "set-code"
    # They are at the council's directory, and will be back.
    DIRECTORY = "directory"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, or on the way."""

    person: Person
    stage: SignInStage
    digest: str
    form_token: str = field(repr=False)
    begun_at: datetime

    @property
    def roles(self) -> frozenset[Role]:
        """Return what they may do; nothing before they are in."""
        return self.person.roles if self.stage is SignInStage.IN else frozenset()


def compute_secret_digest(secret: str) -> str:
    """Return the digest under which the store keeps a session."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_second_factor_missing(gw: Gateway, person: Person) -> bool:
    """Tell whether somebody must have an authenticator app, by their roles, and has none."""
    required = access_rules.needs_second_factor(person.roles, gw.config.second_factor_roles)
    return required and person.through == LOCAL and person.code_secret is None


def begin_session(tx: Tx, gw: Gateway, person: Person, stage: SignInStage) -> str:
    """Begin a session, and return its secret; whoever is in by it has signed in."""
    secret, now = token_urlsafe(32), gw.now()
    people.delete_old_sessions(tx, now - ABSOLUTE)
    if stage is SignInStage.IN:
        # a lock that holds now holds on for other browsers than this one
        locked = person.locked_until if lockout.is_locked(person.locked_until, now) else None
        person = replace(person, seen_at=now, failed=0, locked_until=locked)
        audit_log.append_entries(
            tx, now, [AuditEntry("person.signed-in", person.name, person.name, detail={"through": person.through})]
        )
    people.update_person(tx, person)
    people.add_session(
        tx, StoredSession(compute_secret_digest(secret), person.name, stage, token_urlsafe(32), now, now)
    )
    return secret


def use_session(gw: Gateway, secret: str) -> Session | None:
    """Return the session of this secret, if it counts still, and mark it as used."""
    live = gw.store.look(lambda tx: _find_live_session(tx, gw, secret))
    if live is None:
        return None
    session, seen_at = live
    if gw.now() - seen_at >= TOUCH_EVERY:
        # Whoever only reads may, while another process holds the database or the disk is full.
        with suppress(StoreUnavailable):
            gw.store.run(lambda tx: people.touch_session(tx, session.digest, gw.now()))
    return session


def peek_session(gw: Gateway, secret: str) -> Session | None:
    """Return the session of this secret, if it counts still, without marking it as used."""
    live = gw.store.look(lambda tx: _find_live_session(tx, gw, secret))
    return live[0] if live else None


def list_sessions(gw: Gateway, person: str) -> Sequence[StoredSession]:
    """List where somebody is signed in."""
    return gw.store.look(lambda tx: people.list_sessions(tx, person))


def is_ended_idle(gw: Gateway, secret: str) -> bool:
    """Tell whether a session is there still, and counts no more because nobody used it."""
    stored = gw.store.look(lambda tx: people.find_session(tx, compute_secret_digest(secret))) if secret else None
    return stored is not None and gw.now() - stored.seen_at >= IDLE


def _find_live_session(tx: Tx, gw: Gateway, secret: str) -> tuple[Session, datetime] | None:
    stored, now = people.find_session(tx, compute_secret_digest(secret)), gw.now()
    if stored is None:
        return None
    stage = SignInStage(stored.stage)
    longest = ABSOLUTE if stage is SignInStage.IN else ON_THE_WAY
    if now - stored.seen_at >= IDLE or now - stored.begun_at >= longest:
        return None
    person = people.find_person(tx, stored.person)
    if person is None or not person.active:
        return None
    if stage is SignInStage.IN and is_second_factor_missing(gw, person):
        return None
    return Session(person, stage, stored.digest, stored.form_token, stored.begun_at), stored.seen_at


def get_session_at_stage(tx: Tx, gw: Gateway, secret: str, stage: SignInStage) -> Session:
    """Return the session of this secret, which must stand at this stage. Raises NotAllowed."""
    live = _find_live_session(tx, gw, secret)
    if live is None or live[0].stage is not stage:
        raise build_begin_again_error()
    return live[0]


def build_begin_again_error() -> NotAllowed:
    """Build the refusal of a step that came too late, or twice."""
    return NotAllowed("sign-in.begin-again")


def sign_out(gw: Gateway, session: Session, *, everywhere: bool = False) -> None:
    """End the session; or all of theirs."""
    name = session.person.name

    def write(tx: Tx) -> None:
        people.delete_session(tx, session.digest)
        if everywhere:
            people.delete_sessions(tx, name)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.signed-out", name, name)])

    gw.store.run(write)
