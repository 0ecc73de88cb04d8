"""A key of this gateway that is to count no more, or to be destroyed: which may be, and what has to come before.

signing, encryption   only one that was replaced. What it signed counts no more, for anybody who has the newer card
storage               only one that was replaced and under which nothing lies. It is destroyed
server certificate    another takes its place at once, and a card that names that one alone
"""

from functools import partial
from pathlib import Path

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.moments import format_moment
from gateway.core.own_keys import KeyKind, KeyState, ListedKey
from gateway.core.storage_rotation import KEPT_AT_LEAST, find_active, is_rotation_under_way
from gateway.errors import NotAllowed, NotFound
from gateway.own_keys.inventory import list_own_keys
from gateway.store import audit_log, storage_keys, wrapped_keys
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys.ring import Ring


def revoke_key(home: Path, kid: str, *, by: str) -> ListedKey:
    """Revoke a key of the gateway in this folder; return it as it stood before. A gateway that runs takes it up.

    Raises NotFound `keys.not-found`; NotAllowed `keys.in-use`, `keys.revoked-already`, `keys.not-revocable`,
    `keys.rotation-under-way`, `keys.too-soon`, `keys.still-needed`, `keys.no-next-certificate`.
    """
    gw = home_folder.open_gateway(home)
    try:
        key = next((each for each in list_own_keys(gw) if each.id == kid), None)
        if key is None:
            raise NotFound("keys.not-found", key=kid)
        with Ring.hold_files(home / home_folder.KEYS):
            _revoke(gw, key, by)
    finally:
        gw.store.close()
    if key.kind is not KeyKind.STORAGE:
        home_folder.renew_card(home, by=by)
    return key


def _revoke(gw: Gateway, key: ListedKey, by: str) -> None:
    folder, passphrase, hsm = gw.config.home / home_folder.KEYS, gw.config.read_passphrase(), gw.config.find_hsm()
    if key.state is KeyState.REVOKED:
        raise NotAllowed("keys.revoked-already", key=key.id)
    match key.kind:
        case KeyKind.CERTIFICATE:
            home_folder.replace_certificate_at_once(gw, is_next=key.state is KeyState.WAITING)
        case KeyKind.SIGNING | KeyKind.SEALING | KeyKind.STORAGE if key.state is not KeyState.RETIRED:
            raise NotAllowed("keys.in-use", key=key.id)
        case KeyKind.SIGNING | KeyKind.SEALING:
            Ring.revoke_key(folder, key.id, passphrase=passphrase, now=gw.now(), hsm=hsm)
        case KeyKind.STORAGE:
            _check_unused(gw, key.id)
            Ring.drop_storage_key(folder, key.id, passphrase=passphrase, hsm=hsm)
        case _:
            raise NotAllowed("keys.not-revocable", key=key.id)
    gw.store.run(partial(_log_revocation, gw=gw, key=key, by=by))


def _check_unused(gw: Gateway, kid: str) -> None:
    """Check that nothing lies under a storage key, and that no backup can lack it that needs it. Raises NotAllowed."""
    keys = gw.store.look(storage_keys.list_storage_keys)
    active = find_active(keys)
    if is_rotation_under_way(keys) or active is None or active.finished_at is None:
        raise NotAllowed("keys.rotation-under-way")
    if gw.now() - active.finished_at < KEPT_AT_LEAST:
        until = active.finished_at + KEPT_AT_LEAST
        raise NotAllowed("keys.too-soon", key=kid, until=format_moment(until))
    if left := gw.store.look(lambda tx: wrapped_keys.count_under(tx, kid)):
        # Of a process that was away while the rotation was finished: the job looks again.
        gw.store.run(lambda tx: storage_keys.set_finished(tx, active.kid, None))
        raise NotAllowed("keys.still-needed", key=kid, count=left)


def _log_revocation(tx: Tx, gw: Gateway, key: ListedKey, by: str) -> None:
    if key.kind is KeyKind.STORAGE:
        storage_keys.revoke_storage_key(tx, key.id)
    entry = AuditEntry("keys.revoked", by, key.id, detail={"kind": key.kind.value})
    audit_log.append_entries(tx, gw.now(), [entry])
