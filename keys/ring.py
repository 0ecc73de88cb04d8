"""Our own private keys: made, unlocked, rotated. The only file of `keys` that reads and writes files.

    identity.json   the identity key. It signs only our card, is not needed to run, and may be kept elsewhere
    identity-next.json  the one that is to follow it, until every partner has confirmed that
    scheme.json     of the keeper of a directory: the keys of the scheme, the newest of which signs the directory
    ring.json       signing keys, sealing keys, wrapping keys (`wrapping.py`), and the root of the keys with which
                    digests are made (`digests.py`); of signing and wrapping keys in an HSM (`hsm.py`), where they are

How they are locked under the passphrase is `key_file`'s. A rotated ring keeps the old keys: they go on opening what
was sealed to them or wrapped under them, and verifying what they signed; the newest sign. Which one
wraps, whoever unlocks the ring may say: all who share a database must be able to open what one of them wraps. The root
never rotates.

A ring that version 0.1 made has no root: its one wrapping key is the root too. It is used so until the first rotation,
which writes that key down as the root, and makes a new one that only wraps.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys import key_file
from keys.algorithms import DEFAULT_KEM, KEMS, SEED_BYTES, SIGNING, Kem, SealingPrivateKey
from keys.card import MAX_ROWS, CardKey, Status
from keys.digests import DigestKeys
from keys.errors import RefusalCode, RingRefused, build_refusal
from keys.hsm import EndedSigner, Hsm, HsmSigner, SigningPrivateKey
from keys.key_file import AT_REST, ROOT, ROOT_OF_0_1, OwnKey, RingUse, read_wrapping_id, whole_second
from keys.wrapping import DATA_KEY_BYTES, WrappingKeys

RING_FILE, IDENTITY_FILE, SCHEME_FILE = "ring.json", "identity.json", "scheme.json"
NEXT_IDENTITY_FILE = "identity-next.json"
# How long a key that was replaced still signs: a process that runs takes up the new ones within seconds, or at its next
# start. A stolen key ends at once.
OVERLAP = timedelta(hours=6)
# How long what a signing key signed is kept after it ended: the audit log, and receipts, for at least six years.
EVIDENCE = timedelta(days=6 * 366)
# The uses of keys that are replaced by new ones.
ROTATED: Collection[str] = ("sig", "enc", "rest")
# Thousands of keys; a larger file is not ours.
MAX_FILE_BYTES = 1_048_576

KeyPlace = Literal["hsm", "file"]


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """The HSM in which keys may be, and where new signing and wrapping keys are made; None: where the old ones are.

    Sealing keys and the root are in the file in any case.
    """

    hsm: Hsm | None = None
    into: KeyPlace | None = None
    # What a signing key in the HSM signs with: "EdDSA", or "ES256" where it has no other.
    signs_with: str = SIGNING


NO_HSM = KeyPlaces()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs now."""

    kid: str
    alg: str
    private: SigningPrivateKey = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class SealingPrivate:
    """A key that opens what was sealed to us."""

    kid: str
    kem: Kem
    private: SealingPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class RingKey:
    """What is known of a key of ours that is no secret."""

    kid: str
    # "sig", "enc", "rest", "root" or "id".
    use: RingUse
    alg: str
    not_before: datetime
    not_after: datetime
    status: Status


class Ring:
    """Our unlocked keys. Nothing of them is ever shown: not in `repr`, not in an error.

    What is outside `keys` may ask it to make digests (`digests`); no secret key can be read out of it.
    """

    __slots__ = ("_hsm", "_keys", "_sealing", "authority", "digests", "signing", "wrapping")

    def __init__(
        self, authority: str, keys: tuple[OwnKey, ...], hsm: Hsm | None = None, *, storage_kid: str = ""
    ) -> None:
        """Take the keys of an authority, which `create`, `unlock` and `rotate` give, the newest first.

        Args:
            authority: our DfE code.
            keys: of uses "sig", "enc" and "rest" at least one each is active.
            hsm: where those are of which the file says so.
            storage_kid: the id of the key that wraps; empty: the active one of use "rest", which is the newest.

        Raises:
            RingRefused: some of them are in an HSM, and there is none (`ring.no-hsm`).
        """
        if hsm is None and any(key.in_hsm for key in keys):
            raise build_refusal(RefusalCode.RING_NO_HSM)
        self.authority = authority
        self._keys = keys
        signer = _get_active(keys, "sig")
        self.signing = SigningKey(signer.kid, signer.alg, _signing_private(signer, hsm), signer.public)
        self._sealing = {key.kid: _sealing_private(key) for key in keys if key.use == "enc"}
        self._hsm = hsm
        rest = [key for key in keys if key.use == "rest"]
        self.wrapping = WrappingKeys(rest, storage_kid or _get_active(keys, "rest").kid, hsm)
        root = _find_root(keys) or _root_of_0_1(authority, keys)
        self.digests = DigestKeys(root.secret, made_by_0_1=root.alg == ROOT_OF_0_1)

    @property
    def has_one_key_for_two(self) -> bool:
        """Is the wrapping key the root too, as in a home of version 0.1 whose keys were not rotated since?"""
        return _find_root(self._keys) is None

    @property
    def is_in_hsm(self) -> bool:
        """Is the key that signs now, or the one that wraps, in an HSM?"""
        return any(key.in_hsm for key in self._keys if key.status == "active")

    def try_keys(self) -> None:
        """Sign and wrap something with the keys of now, so that what is wrong with the HSM shows; nothing is kept.

        Raises what whoever opened the HSM said (`hsm.Hsm`).
        """
        self.signing.private.sign(b"cme-gateway: a trial of our own keys")
        self.wrapping.unwrap_key(self.wrapping.wrap_key(bytes(DATA_KEY_BYTES), b"trial"), b"trial")

    @property
    def newest_id(self) -> str:
        """Return the id of the key that signs now."""
        return self.signing.kid

    @property
    def newest_since(self) -> datetime:
        """Return since when the key that signs now is valid, in UTC."""
        return _get_active(self._keys, "sig").not_before

    def __repr__(self) -> str:
        return f"Ring({self.authority!r}, {len(self._keys)} keys)"

    @classmethod
    def create(
        cls, folder: Path, *, authority: str, passphrase: bytes, now: datetime, kem: str = DEFAULT_KEM
    ) -> "Ring":
        """Make all the keys of an authority, write them into two files, and return them.

        Args:
            folder: where the files are made; it is made too, for its owner alone (mode 700).
            authority: our DfE code.
            passphrase: any bytes but none.
            now: the time, in any zone, from which the keys are valid.
            kem: the name of the algorithm to which others seal (`algorithms.KEMS`).

        Raises:
            RingRefused: `ring.exists` where there are keys already, for they are never overwritten; `ring.passphrase`
                where the passphrase is empty.
        """
        if (folder / RING_FILE).exists() or (folder / IDENTITY_FILE).exists():
            raise build_refusal(RefusalCode.RING_EXISTS)
        if not passphrase:
            raise build_refusal(RefusalCode.RING_PASSPHRASE, "empty")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        uses: tuple[tuple[RingUse, str], ...] = (("sig", SIGNING), ("enc", kem), ("rest", AT_REST), ("root", ROOT))
        keys = tuple(_new_key(authority, use, alg, now) for use, alg in uses)
        identity = (_new_key(authority, "id", SIGNING, now),)
        _write_durably(folder / IDENTITY_FILE, key_file.write(authority, identity, passphrase))
        _write_durably(folder / RING_FILE, key_file.write(authority, keys, passphrase))
        return cls(authority, keys)

    @classmethod
    def unlock(cls, folder: Path, *, passphrase: bytes, hsm: Hsm | None = None) -> "Ring":
        """Open the ring. The identity key is not read, and need not be there; nor is the HSM asked for anything yet.

        Args:
            folder: where `create` made the files.
            passphrase: the one that they have.
            hsm: where some of the keys may be.

        Raises:
            RingRefused: `ring.missing`, `ring.exposed` where others can read the file, `ring.passphrase`, `ring.newer`
                where a newer version of the gateway wrote it, `ring.unreadable`; `ring.no-hsm` where keys are in an
                HSM, and none was given.
        """
        return cls(*_read_ring(folder, passphrase), hsm)

    @classmethod
    def rotate(
        cls,
        folder: Path,
        *,
        passphrase: bytes,
        now: datetime,
        revoke: bool = False,
        places: KeyPlaces = NO_HSM,
        uses: Collection[str] = ROTATED,
    ) -> "Ring":
        """Make new signing, sealing and wrapping keys beside the old, which keep verifying and opening.

        A new card must be signed then, unless only the wrapping key is new. Version 0.1 cannot read the file after
        this. Whoever else may write the file must be kept away (`hold_files`).

        Args:
            folder: where `create` made the files.
            passphrase: the one that they have, and keep.
            now: the time, in any zone, from which the new keys are valid.
            revoke: after a theft: nothing that any older key signed counts any more. What was sealed to them, or
                wrapped under them, still opens.
            places: where keys are, and are made.
            uses: of which uses there shall be new keys.

        Raises:
            RingRefused: as `unlock` does.
        """
        authority, old = _read_ring(folder, passphrase)
        # Before any key is made.
        cls(authority, old, places.hsm)
        replaced = [key for key in old if key.use in uses and key.status == "active"]
        fresh = tuple(_renew_key(authority, key, now, places) for key in replaced)
        root = () if _find_root(old) else (_root_of_0_1(authority, old),)
        ended = tuple(
            _end_key(key, now, revoke) if key in replaced or (revoke and key.use in uses) else key for key in old
        )
        return cls._write(folder, authority, fresh + ended + root, passphrase, places.hsm)

    @classmethod
    def revoke_key(cls, folder: Path, kid: str, *, passphrase: bytes, now: datetime, hsm: Hsm | None = None) -> "Ring":
        """Revoke a key that was replaced: nothing that it signed counts any more. A new card must be signed then.

        Args:
            folder: where `create` made the files.
            kid: the id of a signing or sealing key that was replaced.
            passphrase: the one that the files have.
            now: the time, in any zone.
            hsm: where some of the keys may be.

        Raises:
            KeyRefused: there is no such key in the ring (`key.unknown`).
            RingRefused: as `unlock` does.
        """
        authority, old = _read_ring(folder, passphrase)
        if not any(key.kid == kid and key.use in ("sig", "enc") and key.status == "retired" for key in old):
            raise build_refusal(RefusalCode.KEY_UNKNOWN)
        keys = tuple(_end_key(key, now, True) if key.kid == kid else key for key in old)
        return cls._write(folder, authority, keys, passphrase, hsm)

    @classmethod
    def drop_storage_key(cls, folder: Path, kid: str, *, passphrase: bytes, hsm: Hsm | None = None) -> "Ring":
        """Destroy a wrapping key: what is still wrapped under it can never be opened again.

        Where it was the newest, the next newest is active again.

        Args:
            folder: where `create` made the files.
            kid: the id of a key of use "rest"; another one must be left.
            passphrase: the one that the files have.
            hsm: where some of the keys may be. One that was there is not destroyed there.

        Raises:
            KeyRefused: there is no such key, or no other (`key.unknown`).
            RingRefused: as `unlock` does.
        """
        authority, old = _read_ring(folder, passphrase)
        left = tuple(key for key in old if not (key.use == "rest" and key.kid == kid))
        # The newest stands first.
        newest = next((key for key in left if key.use == "rest"), None)
        if len(left) == len(old) or newest is None:
            raise build_refusal(RefusalCode.KEY_UNKNOWN)
        keys = tuple(replace(key, status="active") if key is newest else key for key in left)
        return cls._write(folder, authority, keys, passphrase, hsm)

    @classmethod
    def _write(
        cls, folder: Path, authority: str, keys: tuple[OwnKey, ...], passphrase: bytes, hsm: Hsm | None
    ) -> "Ring":
        _write_durably(folder / RING_FILE, key_file.write(authority, keys, passphrase))
        return cls(authority, keys, hsm)

    @staticmethod
    @contextmanager
    def hold_files(folder: Path) -> Iterator[None]:
        """Let no other process change the key files meanwhile; wait until none does. The lock ends with the process.

        Args:
            folder: where `create` made the files.

        Raises:
            RingRefused: there is no such folder (`ring.missing`).
        """
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise build_refusal(RefusalCode.RING_MISSING) from None
        try:
            # Some network file systems know no locks.
            with suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def wrap_with(self, kid: str) -> "Ring":
        """Return the same keys, of which this one wraps.

        Args:
            kid: the id of a key of use "rest" of this ring.

        Raises:
            KeyRefused: there is none (`key.unknown`).
        """
        if kid not in self.storage_kids:
            raise build_refusal(RefusalCode.KEY_UNKNOWN)
        ring = Ring(self.authority, self._keys, self._hsm, storage_kid=kid)
        ring.signing = self.signing
        return ring

    def stop_signing(self, outage: Callable[[], Exception]) -> "Ring":
        """Return the same keys, of which none signs: the newest here has ended, and a newer one is elsewhere.

        Args:
            outage: makes what is raised where a signature is wanted.
        """
        ring = self.wrap_with(self.wrapping.active_kid)
        ended = EndedSigner(self.signing.private.public_key(), outage)
        ring.signing = replace(self.signing, private=ended)
        return ring

    @property
    def signs(self) -> bool:
        """Tell whether the newest signing key signs (`stop_signing`)."""
        return not isinstance(self.signing.private, EndedSigner)

    @property
    def storage_kids(self) -> tuple[str, ...]:
        """Return the ids of our wrapping keys, the newest first."""
        return tuple(key.kid for key in self._keys if key.use == "rest")

    @staticmethod
    def find_identity_start(folder: Path, *, is_next: bool = False) -> datetime | None:
        """Return since when the identity key is valid; None where it is kept elsewhere, or cannot be read.

        The key itself stays locked. `is_next`: ask about the one that is to follow it.
        """
        try:
            return key_file.read_start(_read_private(folder / (NEXT_IDENTITY_FILE if is_next else IDENTITY_FILE)))
        except RingRefused:
            return None

    @staticmethod
    def open_identity(folder: Path, *, passphrase: bytes, is_next: bool = False) -> Ed25519PrivateKey:
        """Return the identity key, for as long as it takes to sign a card. A running gateway never holds it.

        Args:
            folder: where `identity.json` lies.
            passphrase: the one that the file has.
            is_next: the one that is to follow it.

        Raises:
            RingRefused: `ring.identity-away` where it is not on this machine, or as `unlock` does.
        """
        path = folder / (NEXT_IDENTITY_FILE if is_next else IDENTITY_FILE)
        if not path.exists():
            raise build_refusal(RefusalCode.RING_IDENTITY_AWAY)
        _, keys = key_file.read(_read_private(path), passphrase)
        if [key.use for key in keys] != ["id"]:
            raise build_refusal(RefusalCode.RING_UNREADABLE, "no identity key")
        return Ed25519PrivateKey.from_private_bytes(keys[0].secret)

    def get_sealing_key(self, kid: str) -> SealingPrivate:
        """Return the key of this id. What we still hold opens, retired or not: the sender may have had an older card.

        Raises:
            KeyRefused: we hold none of this id (`key.unknown`).
        """
        if kid not in self._sealing:
            raise build_refusal(RefusalCode.KEY_UNKNOWN)
        return self._sealing[kid]

    def list_keys(self) -> tuple[RingKey, ...]:
        """List every key of the ring, the newest of a use first, without its secret."""
        return tuple(
            RingKey(key.kid, key.use, key.alg, key.not_before, key.not_after, key.status) for key in self._keys
        )

    @property
    def storage_key(self) -> RingKey:
        """Return the key under which data keys are wrapped now."""
        return next(key for key in self.list_keys() if key.kid == self.wrapping.active_kid)

    def list_card_keys(self, at: datetime) -> tuple[CardKey, ...]:
        """List what belongs on our card, newest first: with more than fit, the newest.

        Nobody seals to a sealing key that was replaced, so only those in use stand there. A signing key that was
        replaced stands there for as long as what it signed is kept as evidence.

        Args:
            at: the time, in any zone, at which the card is signed.
        """
        wanted = (
            key
            for key in self.public_keys()
            if key.status == "active" or (key.use == "sig" and at < key.not_after + EVIDENCE)
        )
        # The newest of each use stand first, and those in use before those that were replaced.
        return tuple(sorted(wanted, key=lambda key: key.status != "active"))[:MAX_ROWS]

    def find_card_room(self, at: datetime) -> datetime | None:
        """Return when a card has room for a signing key more; None where it has now.

        Args:
            at: the time, in any zone.
        """
        on_card = self.list_card_keys(at)
        if len(on_card) < MAX_ROWS:
            return None
        return min(key.not_after for key in on_card if key.use == "sig") + EVIDENCE

    @property
    def active_kids(self) -> frozenset[str]:
        """Return the ids of the keys that sign, and are sealed to, now: the card must have them before we use them."""
        return frozenset(key.kid for key in self.public_keys() if key.status == "active")

    def public_keys(self) -> tuple[CardKey, ...]:
        """List the public half of every signing and sealing key, the newest of a use first."""
        return tuple(
            CardKey(key.kid, key.use, key.alg, key.public, key.not_before, key.not_after, key.status)
            for key in self._keys
            if key.use == "sig" or key.use == "enc"
        )


def create_next_identity(folder: Path, *, authority: str, passphrase: bytes, now: datetime) -> bytes:
    """Make the identity key that is to follow the one of now, write it beside that, and return its public half.

    Args:
        folder: where the key files are.
        authority: our DfE code.
        passphrase: the one that the files have.
        now: the time, in any zone.

    Raises:
        RingRefused: `ring.exists` where there is one already; `ring.identity-away` where the present one is not there.
    """
    if (folder / NEXT_IDENTITY_FILE).exists():
        raise build_refusal(RefusalCode.RING_EXISTS)
    Ring.open_identity(folder, passphrase=passphrase)
    key = _new_key(authority, "id", SIGNING, now)
    _write_durably(folder / NEXT_IDENTITY_FILE, key_file.write(authority, (key,), passphrase))
    return key.public


def take_next_identity(folder: Path) -> None:
    """Put the next identity key in the place of the one of now, which is destroyed. Where there is none, do nothing.

    Args:
        folder: where the key files are.
    """
    with suppress(FileNotFoundError):
        (folder / NEXT_IDENTITY_FILE).replace(folder / IDENTITY_FILE)
    _sync_folder(folder)


def create_scheme_key(folder: Path, *, scheme: str, passphrase: bytes, now: datetime) -> bytes:
    """Make the first key of a scheme, write it into a file, and return its public half.

    Args:
        folder: where the file is made; it is there.
        scheme: its name.
        passphrase: any bytes.
        now: the time, in any zone.

    Raises:
        RingRefused: `ring.exists` where there is one already.
    """
    if (folder / SCHEME_FILE).exists():
        raise build_refusal(RefusalCode.RING_EXISTS)
    key = _new_key(scheme, "id", SIGNING, now)
    _write_durably(folder / SCHEME_FILE, key_file.write(scheme, (key,), passphrase))
    return key.public


def rotate_scheme_key(folder: Path, *, passphrase: bytes, now: datetime) -> bytes:
    """Make a new key of the scheme, write it beside the old ones, and return its public half.

    The old ones stay in the file, so that each can be shown to have handed over to the next.

    Args:
        folder: where `create_scheme_key` made the file.
        passphrase: the one that it has, and keeps.
        now: the time, in any zone.

    Raises:
        RingRefused: as `open_scheme_keys` does.
    """
    scheme, keys = key_file.read(_read_private(folder / SCHEME_FILE), passphrase)
    new = _new_key(scheme, "id", SIGNING, now)
    retired = tuple(replace(key, status="retired") for key in keys)
    _write_durably(folder / SCHEME_FILE, key_file.write(scheme, (*retired, new), passphrase))
    return new.public


def open_scheme_keys(folder: Path, *, passphrase: bytes) -> list[Ed25519PrivateKey]:
    """Return the keys of a scheme, the oldest first, for as long as it takes to sign a directory with the last.

    Args:
        folder: where `scheme.json` lies.
        passphrase: the one that the file has.

    Raises:
        RingRefused: `ring.missing`, `ring.exposed`, `ring.passphrase`, `ring.newer`, `ring.unreadable`.
    """
    _, keys = key_file.read(_read_private(folder / SCHEME_FILE), passphrase)
    if not keys or {key.use for key in keys} != {"id"}:
        raise build_refusal(RefusalCode.RING_UNREADABLE, "no key of a scheme")
    return [Ed25519PrivateKey.from_private_bytes(key.secret) for key in keys]


def _get_active(keys: tuple[OwnKey, ...], use: RingUse) -> OwnKey:
    return next(key for key in keys if key.use == use and key.status == "active")


def _find_root(keys: tuple[OwnKey, ...]) -> OwnKey | None:
    return next((key for key in keys if key.use == "root"), None)


def _root_of_0_1(authority: str, keys: tuple[OwnKey, ...]) -> OwnKey:
    rest = _get_active(keys, "rest")
    return OwnKey.create(authority, "root", ROOT_OF_0_1, secret=rest.secret, now=rest.not_before)


def _read_ring(folder: Path, passphrase: bytes) -> tuple[str, tuple[OwnKey, ...]]:
    authority, keys = key_file.read(_read_private(folder / RING_FILE), passphrase)
    uses = {key.use for key in keys if key.status == "active"}
    if not {"sig", "enc", "rest"} <= uses <= {"sig", "enc", "rest", "root"}:
        raise build_refusal(RefusalCode.RING_UNREADABLE, "keys")
    # A wrapping key with an id never was the root: whoever took the root out of the file would change every digest.
    if "root" not in uses and read_wrapping_id(_get_active(keys, "rest").kid):
        raise build_refusal(RefusalCode.RING_UNREADABLE, "root")
    return authority, keys


def _end_key(key: OwnKey, now: datetime, revoke: bool) -> OwnKey:
    if key.use == "rest":
        # It signs nothing, and opens for as long as it is there.
        return replace(key, status="revoked" if revoke else "retired")
    # What was signed in this very second still counts.
    ended = whole_second(now) + (timedelta(seconds=1) if revoke else OVERLAP)
    return replace(key, status="revoked" if revoke else "retired", not_after=min(key.not_after, ended))


def _new_key(authority: str, use: RingUse, alg: str, now: datetime) -> OwnKey:
    return OwnKey.create(authority, use, alg, secret=token_bytes(SEED_BYTES), now=now)


def _renew_key(authority: str, old: OwnKey, now: datetime, places: KeyPlaces) -> OwnKey:
    hsm, goes_into = places.hsm, "file" if old.use == "enc" else places.into or ("hsm" if old.in_hsm else "file")
    if goes_into == "file":
        return _new_key(authority, old.use, SIGNING if old.use == "sig" else old.alg, now)
    if hsm is None:
        raise build_refusal(RefusalCode.RING_NO_HSM)
    label = f"cme-gateway {authority} {old.use} {now:%Y-%m-%d}"
    if old.use == "rest":
        handle = hsm.make_wrapping_key(label)
        return OwnKey.create_in_hsm(authority, old.alg, handle=handle, public=b"", now=now)
    handle, public = hsm.make_signing_key(label, places.signs_with)
    return OwnKey.create_in_hsm(authority, places.signs_with, handle=handle, public=public, now=now)


def _signing_private(key: OwnKey, hsm: Hsm | None) -> SigningPrivateKey:
    if key.in_hsm and hsm:
        return HsmSigner(hsm, key.handle, key.public, key.alg)
    return Ed25519PrivateKey.from_private_bytes(key.secret)


def _sealing_private(key: OwnKey) -> SealingPrivate:
    kem = KEMS[key.alg]
    return SealingPrivate(key.kid, kem, kem.private(key.secret))


def _write_durably(path: Path, text: bytes) -> None:
    """Under another name, to the disk, then renamed: a crash leaves the old file or the new one, never a half."""
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    # As on a full disk: no half of a key ring is left behind.
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise build_refusal(RefusalCode.RING_EXPOSED)
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        raise build_refusal(RefusalCode.RING_MISSING) from None
    except OSError as why:
        raise build_refusal(RefusalCode.RING_UNREADABLE, type(why).__name__) from None
