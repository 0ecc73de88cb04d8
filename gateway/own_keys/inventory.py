"""Every key of this gateway in one list: identity, signing, encryption, storage, and server certificates."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.own_keys import KeyKind, KeyState, ListedKey
from gateway.core.storage_rotation import StorageKey, find_unfinished
from gateway.errors import ConfigProblem
from gateway.exchange import letters
from gateway.store import storage_keys
from keys import tls
from keys.algorithms import SIGNING, key_id
from keys.errors import Refusal
from keys.ring import Ring

KINDS = {"sig": KeyKind.SIGNING, "enc": KeyKind.SEALING, "rest": KeyKind.STORAGE, "root": KeyKind.RECOGNITION}


def list_own_keys(gw: Gateway) -> list[ListedKey]:
    """List every key of this gateway, the newest of a kind first. Raises ConfigProblem, StoreUnavailable."""
    ring = [
        ListedKey(
            key.kid,
            KINDS[key.use],
            KeyState(key.status),
            key.not_before,
            # It never changes, so it has no end.
            None if key.use == "root" else key.not_after,
        )
        for key in gw.ring.list_keys()
    ]
    stored = {key.kid: key for key in gw.store.look(storage_keys.list_storage_keys)}
    unfinished = find_unfinished(stored.values())
    ring = [_add_progress(key, stored[key.id], unfinished) if key.id in stored else key for key in ring]
    by_kind = [key for kind in KINDS.values() for key in ring if key.kind is kind]
    return [*_describe_identities(gw), *by_kind, *_list_certificates(gw)]


def _add_progress(key: ListedKey, stored: StorageKey, unfinished: StorageKey | None) -> ListedKey:
    """Return a storage key as all processes use it, whatever the key file here says."""
    if stored != unfinished:
        return replace(key, state=stored.state)
    return replace(
        key,
        state=stored.state,
        rewrapped=stored.rewrapped,
        remaining=stored.remaining,
        unopened=stored.unopened,
    )


def _describe_identities(gw: Gateway) -> Iterator[ListedKey]:
    """Describe each identity key by the card that it signed; the key itself stays locked, and may be kept elsewhere."""
    for whose, state in ((gw.next_card, KeyState.WAITING), (gw.own_card, KeyState.ACTIVE)):
        if whose is not None:
            kid = key_id(gw.code, "id", SIGNING, whose.identity)
            folder, is_next = gw.config.home / home_folder.KEYS, state is KeyState.WAITING
            yield ListedKey(kid, KeyKind.IDENTITY, state, Ring.find_identity_start(folder, is_next=is_next), None)


def _list_certificates(gw: Gateway) -> Iterator[ListedKey]:
    shown = home_folder.read_certificate(gw.config.home)
    if (waits := home_folder.read_next_certificate(gw.config.home)) is not None:
        yield _describe_certificate(waits, KeyKind.CERTIFICATE, KeyState.WAITING)
    yield _describe_certificate(shown, KeyKind.CERTIFICATE, KeyState.ACTIVE)
    # Health says what is wrong with it.
    with suppress(Refusal, ConfigProblem):
        if gw.mail is not None and gw.config.email.smime_certificate_file:
            yield _describe_certificate(letters.get_signer(gw).certificate_pem, KeyKind.LETTERS, KeyState.ACTIVE)


def _describe_certificate(pem: bytes, kind: KeyKind, state: KeyState) -> ListedKey:
    return ListedKey(tls.name_certificate(pem), kind, state, tls.read_start(pem), tls.read_expiry(pem))
