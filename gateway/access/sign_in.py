"""How a person comes in: name and password, a second factor where they have one, a new password where they must; then a
session.

At each step the session has another secret. What is refused is said in one sentence whatever the reason, so that nobody
learns who has an account; the audit log has the reason.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from secrets import token_urlsafe

from zxcvbn import zxcvbn

from gateway.access import backup_codes, devices
from gateway.access.people import DIRECTORY, LOCAL, MAX_CALLED, NAME
from gateway.access.sessions import (
    ON_THE_WAY,
    Session,
    SignInStage,
    begin_session,
    build_begin_again_error,
    compute_secret_digest,
    get_session_at_stage,
    is_second_factor_missing,
)
from gateway.access.single_sign_on import DirectoryPerson as Known
from gateway.access.single_sign_on import PendingSignIn
from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.core import lockout
from gateway.core.copy_names import name_second_factor
from gateway.errors import NotAllowed
from gateway.store import audit_log, people
from gateway.store import devices as browsers
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.devices import Device
from gateway.store.people import Person, StoredSession
from keys import at_rest, one_time_code, passwords
from keys.at_rest import Locked

# People who are at the directory at one moment; whoever went there first goes first.
MOST_ON_THE_WAY = 5_000
# Characters.
LEAST_PASSWORD = 12
# What locks an account.
WRONG = ("password", "code")
# Of 4, as zxcvbn reckons: more than ten thousand million guesses.
STRONG = 3


def begin_sign_in(gw: Gateway, name: str, password: str, device: str = "", address: str = "") -> str:
    """Return the first step: the secret of a session at the stage that comes next. Raises NotAllowed.

    `device` is what the browser keeps: from one that is known, wrong tries of others do not count. `address`: from
    where.
    """
    name = name.strip().casefold()
    before = gw.store.look(lambda tx: people.find_person(tx, name))
    right = passwords.is_right_password(password, before.password if before and before.through == LOCAL else None)

    def write(tx: Tx) -> str | None:
        person, browser = people.find_person(tx, name), devices.find_known_device(tx, gw, device, name)
        if person is None or (why := _refused(person, browser, right, before, gw.now())):
            _refuse(tx, gw, person, why if person else "unknown", browser, address)
            return None
        stage = SignInStage.CODE if person.code_secret else _choose_stage(gw, person)
        return begin_session(tx, gw, person, stage)

    secret = gw.store.run(write)
    if secret is None:
        raise _no()
    return secret


def _choose_stage(gw: Gateway, person: Person) -> SignInStage:
    """Return what comes next for whoever has shown all that they have."""
    if person.password_until:
        return SignInStage.NEW_PASSWORD
    return SignInStage.SET_CODE if is_second_factor_missing(gw, person) else SignInStage.IN


def _refused(person: Person, browser: Device | None, right: bool, before: Person | None, now: datetime) -> str:
    """Return why this person does not come in; empty where they do."""
    if not person.active:
        return "ended"
    if lockout.is_locked((browser or person).locked_until, now):
        return "locked"
    if not right or before is None or before.password != person.password:
        return "password"
    if person.password_until and person.password_until <= now:
        return "expired"
    return ""


def _refuse(
    tx: Tx,
    gw: Gateway,
    person: Person | None,
    why: str,
    browser: Device | None = None,
    address: str = "",
) -> None:
    """One try more; after some, none for a while. What was typed is written nowhere: it may be a password.

    Wrong secrets of an account that exists are an entry each, of which its lock allows few; all else is counted.
    """
    entry = AuditEntry("person.refused", SYSTEM, person.name if person else None, detail={"why": why})
    if person is not None and why in WRONG:
        failed, until = lockout.count_wrong_secret((browser or person).failed, gw.now())
        if browser is not None:
            browsers.replace_device(tx, replace(browser, failed=failed, locked_until=until))
        else:
            people.update_person(tx, replace(person, failed=failed, locked_until=until))
        if until:
            audit_log.append_entries(tx, gw.now(), [AuditEntry("person.locked", SYSTEM, person.name)])
        audit_log.append_entries(tx, gw.now(), [entry])
    else:
        bursts.write_burst_in(tx, gw, entry, address)
        _take_as_long(tx, gw)


def _take_as_long(tx: Tx, gw: Gateway) -> None:
    """Write something that is gone at once, so that nobody is told by the time who has an account."""
    row = StoredSession(compute_secret_digest(token_urlsafe(32)), "", SignInStage.DIRECTORY, "", gw.now(), gw.now())
    people.add_session(tx, row)
    people.delete_session(tx, row.digest)


def _no() -> NotAllowed:
    return NotAllowed("sign-in.refused")


def give_code(gw: Gateway, secret: str, code: str, device: str = "") -> str:
    """The second step, for who has a second factor: the secret of the session that goes on. Raises NotAllowed."""

    def write(tx: Tx) -> str | None:
        session = get_session_at_stage(tx, gw, secret, SignInStage.CODE)
        person = session.person
        browser = devices.find_known_device(tx, gw, device, person.name)
        if lockout.is_locked((browser or person).locked_until, gw.now()):
            _refuse(tx, gw, person, "locked")
            return None
        step = one_time_code.find_step(_secret_of(gw, person), code, gw.now(), after=person.code_step)
        if step is None and backup_codes.take_code(tx, gw, person.name, code):
            # No code of the app was used.
            step = person.code_step
        if step is None:
            _refuse(tx, gw, person, "code", browser)
            return None
        people.delete_session(tx, session.digest)
        fresh = replace(person, code_step=step)
        return begin_session(tx, gw, fresh, _choose_stage(gw, fresh))

    next_secret = gw.store.run(write)
    if next_secret is None:
        raise NotAllowed("sign-in.one-time-code")
    return next_secret


def give_new_password(gw: Gateway, secret: str, password: str) -> str:
    """Return the last step, for who signs in with a one-time password. Raises NotAllowed."""
    person = gw.store.look(lambda tx: get_session_at_stage(tx, gw, secret, SignInStage.NEW_PASSWORD)).person
    _check_password(gw, person, password)
    hashed = passwords.hash_password(password)

    def write(tx: Tx) -> str:
        session = get_session_at_stage(tx, gw, secret, SignInStage.NEW_PASSWORD)
        fresh = replace(session.person, password=hashed, password_until=None)
        people.delete_sessions(tx, fresh.name)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.password", fresh.name, fresh.name)])
        return begin_session(tx, gw, fresh, _choose_stage(gw, fresh))

    return gw.store.run(write)


def set_first_code(gw: Gateway, secret: str, shared: bytes, code: str) -> str:
    """Return the last step, for who must have a second factor and sets it up while signing in. Raises NotAllowed."""
    person = gw.store.look(lambda tx: get_session_at_stage(tx, gw, secret, SignInStage.SET_CODE)).person
    step = _find_first_step(gw, shared, code)
    locked = at_rest.lock(shared, about=name_second_factor(person.name), ring=gw.ring)

    def write(tx: Tx) -> str:
        session = get_session_at_stage(tx, gw, secret, SignInStage.SET_CODE)
        fresh = replace(session.person, code_key=locked.data_key, code_secret=locked.content, code_step=step)
        people.delete_sessions(tx, fresh.name)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.second-factor", fresh.name, fresh.name)])
        return begin_session(tx, gw, fresh, SignInStage.IN)

    return gw.store.run(write)


def _find_first_step(gw: Gateway, shared: bytes, code: str) -> int:
    """Return the step of a first code, which shows that the app has the secret. Raises NotAllowed."""
    step = one_time_code.find_step(shared, code, gw.now())
    if step is None:
        raise NotAllowed("sign-in.one-time-code")
    return step


def change_password(gw: Gateway, session: Session, old: str, new: str) -> None:
    """Another password; every other session of theirs ends. Raises NotAllowed."""
    person = gw.store.look(lambda tx: people.get_person(tx, session.person.name))
    if lockout.is_locked(person.locked_until, gw.now()):
        raise NotAllowed("sign-in.old-password", "locked")
    if person.through != LOCAL or not passwords.is_right_password(old, person.password):
        gw.store.run(lambda tx: _refuse(tx, gw, people.get_person(tx, person.name), "password"))
        raise NotAllowed("sign-in.old-password")
    _check_password(gw, person, new)
    hashed = passwords.hash_password(new)

    def write(tx: Tx) -> None:
        people.update_person(tx, replace(people.get_person(tx, person.name), password=hashed, password_until=None))
        people.delete_sessions(tx, person.name, but=session.digest)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.password", person.name, person.name)])

    gw.store.run(write)


def _check_password(gw: Gateway, person: Person, password: str) -> None:
    if not LEAST_PASSWORD <= len(password) <= passwords.MAX_PASSWORD:
        raise NotAllowed("password.length", least=LEAST_PASSWORD, most=passwords.MAX_PASSWORD)
    if passwords.is_right_password(password, person.password):
        raise NotAllowed("password.same")
    ours = gw.config.authority
    known = [person.name, person.called, *person.called.split(), ours.name, "cme", "gateway", "council"]
    guesses = zxcvbn(_without(password, known), max_length=passwords.MAX_PASSWORD)
    if guesses["score"] < STRONG:
        raise NotAllowed("password.weak")


def _without(password: str, known: Sequence[str]) -> str:
    """Return the password without the words that anybody here would try first."""
    left = password.casefold()
    for word in sorted(known, key=len, reverse=True):
        left = left.replace(word.casefold(), "")
    return left


def set_code(gw: Gateway, session: Session, secret: bytes, code: str) -> None:
    """From now on they sign in with a second factor too: the code shows that their app has the secret.

    Raises NotAllowed.
    """
    step = _find_first_step(gw, secret, code)
    locked = at_rest.lock(secret, about=name_second_factor(session.person.name), ring=gw.ring)

    def write(tx: Tx) -> None:
        person = people.get_person(tx, session.person.name)
        people.update_person(tx, replace(person, code_key=locked.data_key, code_secret=locked.content, code_step=step))
        people.delete_sessions(tx, person.name, but=session.digest)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.second-factor", person.name, person.name)])

    gw.store.run(write)


def _secret_of(gw: Gateway, person: Person) -> bytes:
    assert person.code_secret is not None  # noqa: S101 - only who has one comes to this stage
    return at_rest.unlock(
        Locked(person.code_key, person.code_secret), about=name_second_factor(person.name), ring=gw.ring
    )


def to_directory(gw: Gateway, pending: PendingSignIn) -> str:
    """Somebody goes to the council's directory: the secret of a session that holds what must come back."""
    secret, now = token_urlsafe(32), gw.now()
    awaited = json.dumps({"state": pending.state, "nonce": pending.nonce, "verifier": pending.verifier})
    session = StoredSession(
        compute_secret_digest(secret), "", SignInStage.DIRECTORY, token_urlsafe(32), now, now, awaited
    )

    def write(tx: Tx) -> None:
        people.delete_pending_sessions(tx, SignInStage.DIRECTORY, begun_before=now - ON_THE_WAY, most=MOST_ON_THE_WAY)
        people.add_session(tx, session)

    gw.store.run(write)
    return secret


def take_pending(gw: Gateway, secret: str) -> PendingSignIn:
    """What must have come back; an answer counts once.

    Raises NotAllowed, and then nothing has changed: no session ends.
    """

    def write(tx: Tx) -> StoredSession | None:
        session = people.find_session(tx, compute_secret_digest(secret))
        if session is not None and session.pending is not None:
            people.delete_session(tx, session.digest)
        return session

    is_under_way = gw.store.look(lambda tx: people.find_session(tx, compute_secret_digest(secret))) if secret else None
    session = gw.store.run(write) if is_under_way is not None and is_under_way.pending is not None else None
    if session is None or session.pending is None:
        raise build_begin_again_error()
    return PendingSignIn(**json.loads(session.pending), begun_at=session.begun_at)


def from_directory(gw: Gateway, known: Known) -> str:
    """Somebody whom the council's directory vouches for, with the roles that it gives them now. Raises NotAllowed.

    They are known by their subject for ever; the mail address by which the audit log calls them is that of the first
    time.
    """

    def write(tx: Tx) -> str | None:
        person = people.find_person_by_subject(tx, known.subject)
        if person is None:
            person = _newcomer(gw, known)
            if other := people.find_person(tx, person.name):
                _refuse(tx, gw, other, "another")
                return None
            people.add_person(tx, person)
            roles = " ".join(sorted(known.roles))
            audit_log.append_entries(
                tx, gw.now(), [AuditEntry("person.added", SYSTEM, person.name, detail={"roles": roles})]
            )
        if not person.active:
            _refuse(tx, gw, person, "ended")
            return None
        if person.roles != known.roles:
            people.delete_sessions(tx, person.name)
            detail = {"from": " ".join(sorted(person.roles)), "to": " ".join(sorted(known.roles))}
            audit_log.append_entries(tx, gw.now(), [AuditEntry("person.roles", SYSTEM, person.name, detail=detail)])
        called = known.name[:MAX_CALLED]
        if person.called != called:
            detail = {"from": person.called, "to": called}
            audit_log.append_entries(tx, gw.now(), [AuditEntry("person.called", SYSTEM, person.name, detail=detail)])
        return begin_session(tx, gw, replace(person, called=called, roles=known.roles), SignInStage.IN)

    secret = gw.store.run(write)
    if secret is None:
        raise NotAllowed("sign-in.not-here")
    return secret


def note_refused(gw: Gateway, code: str, address: str = "") -> None:
    """Somebody came back from the directory, and does not come in: an entry of the audit log, or counted for one."""
    entry = AuditEntry("person.refused", SYSTEM, detail={"why": code})
    gw.store.run(lambda tx: bursts.write_burst_in(tx, gw, entry, address))


def _newcomer(gw: Gateway, known: Known) -> Person:
    name = (
        known.email.casefold()
        if NAME.fullmatch(known.email.casefold())
        else f"directory-{compute_secret_digest(known.subject)[:12]}"
    )
    return Person(name, known.name[:MAX_CALLED], known.roles, True, DIRECTORY, gw.now(), SYSTEM, subject=known.subject)
