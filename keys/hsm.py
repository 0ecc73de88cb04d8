"""Our keys in a PKCS#11 token: an HSM (hardware security module), a smart card, or SoftHSM.

A key is made in the token, signs and wraps there, and cannot be read out of it, also not by us. The only file that
knows PKCS#11 (OASIS PKCS #11 3.0). What is asked of it is narrow: make a key, sign bytes, encrypt and decrypt a data
key.

    sig     Ed25519: CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, so that partners need to know nothing of it;
            or P-256 for a token that lacks it: CKM_EC_KEY_PAIR_GEN, CKM_ECDSA over a SHA-256 that is made here
    rest    AES-256: CKM_AES_KEY_GEN, CKM_AES_GCM with our nonce (12 bytes), what it is bound to, and a tag of 16 bytes

All calls of a process to a module are made in one thread, since the sessions of many modules cannot be shared between
threads. A call that hangs is given up after some seconds, and until it has returned every other fails at once; after
any failure so does every call for a moment, so that a token that is away stops nothing but what needs it. A session
that has become invalid is opened again, and then the module begun anew, as where the token was unplugged and is back.

A PIN that was refused is never shown again, since tokens lock themselves after a few: whoever keeps the PIN
(`HsmPin`) remembers that across processes and restarts. The last try is left to a person in any case.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from os import getpid
from pathlib import Path
from queue import SimpleQueue
from secrets import token_bytes
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.errors import HsmTrouble
from keys.signatures import (
    EDDSA,
    ES256,
    POINT_BYTES,
    VerifyingKey,
    is_text_signed,
    load_verifying_key,
    write_der_signature,
)

if TYPE_CHECKING:
    from pkcs11 import SecretKey, Session, Token

T = TypeVar("T")

# By which a key is found in the token (CKA_ID); drawn.
HANDLE_BYTES = 16
NONCE_BYTES = 12
TAG_BITS = 128
# RFC 8410, 3: id-Ed25519.
ED25519 = "1.3.101.112"
# RFC 5480, 2.1.1.1: secp256r1.
P256 = "1.2.840.10045.3.1.7"
# One signature takes a millisecond or some, over a network some hundred.
MOST_SECONDS = 10.0
# After a failure, until the token is tried again.
PAUSE_SECONDS = 2.0


class HsmPin(Protocol):
    """The PIN of a token, kept elsewhere."""

    def read_pin(self) -> str | None:
        """Return the PIN; None where this one was refused before."""

    def note_refused(self) -> None:
        """Remember that the token refused it, so that `read_pin` returns None until somebody has changed it."""


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, trouble: HsmTrouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Hsm:
    """A token, and the session in which this process works with it. Nothing is opened before the first call."""

    def __init__(self, module: Path, label: str, pin: HsmPin, outage: Callable[[HsmTrouble], Exception]) -> None:
        """Say which token it is.

        Args:
            module: the vendor's PKCS#11 library.
            label: what the token is called.
            pin: signs in there.
            outage: builds what every method raises where the token is no use now. Nothing was done then, and the same
                may be asked again.
        """
        self._module, self._label, self._pin, self._outage = module, label, pin, outage
        self._session: Session | None = None
        self._keys: dict[bytes, Any] = {}
        self._trouble: tuple[float, HsmTrouble] | None = None

    def make_signing_key(self, label: str, alg: str = EDDSA) -> tuple[bytes, bytes]:
        """Make a signing key in the token; return by what it is found there (16 bytes), and its public half.

        Args:
            label: what people see in the vendor's tools.
            alg: "EdDSA", with a public half of 32 bytes, or "ES256", of 65.
        """
        handle = token_bytes(HANDLE_BYTES)
        make = _make_p256_key if alg == ES256 else _make_ed25519_key
        return handle, self._run_there(lambda session: make(session.token, handle, label))

    def make_wrapping_key(self, label: str) -> bytes:
        """Make an AES-256 key in the token; return by what it is found there (16 bytes).

        Args:
            label: as for `make_signing_key`.
        """
        handle = token_bytes(HANDLE_BYTES)
        self._run_there(lambda session: _make_wrapping_key(session.token, handle, label))
        return handle

    def sign_text(self, handle: bytes, text: bytes, alg: str = EDDSA) -> bytes:
        """Return the signature as JWS has it (64 bytes): of Ed25519 (RFC 8032), or of P-256 (RFC 7518, 3.4).

        Args:
            handle: as `make_signing_key` returned it.
            text: any bytes.
            alg: as it was given to `make_signing_key`.
        """
        from pkcs11 import Mechanism, ObjectClass

        asked, mechanism = (sha256(text).digest(), Mechanism.ECDSA) if alg == ES256 else (text, Mechanism.EDDSA)

        def sign_there(session: "Session") -> bytes:
            key = self._find_key(session, handle, ObjectClass.PRIVATE_KEY)
            signature: bytes = key.sign(asked, mechanism=mechanism)
            return signature

        return self._run_there(sign_there)

    def wrap_bytes(self, handle: bytes, plain: bytes, bound_to: bytes) -> bytes:
        """Return nonce, ciphertext and tag (AES-256-GCM), as `wrapping.encrypt_bound` does.

        Args:
            handle: as `make_wrapping_key` returned it.
            plain: any bytes.
            bound_to: additional authenticated data: it is not stored.
        """
        nonce = token_bytes(NONCE_BYTES)

        return nonce + self._run_there(
            lambda session: _encrypt_there(self._find_wrapping_key(session, handle), nonce, plain, bound_to)
        )

    def unwrap_bytes(self, handle: bytes, locked: bytes, bound_to: bytes) -> bytes:
        """Return what `wrap_bytes` encrypted.

        Args:
            handle: as `make_wrapping_key` returned it.
            locked: nonce, ciphertext and tag.
            bound_to: as it was given to `wrap_bytes`.

        Raises:
            InvalidTag: it was changed, or bound to something else.
        """
        return self._run_there(
            lambda session: _decrypt_there(self._find_wrapping_key(session, handle), locked, bound_to)
        )

    def _find_wrapping_key(self, session: "Session", handle: bytes) -> "SecretKey":
        from pkcs11 import ObjectClass

        key: SecretKey = self._find_key(session, handle, ObjectClass.SECRET_KEY)
        return key

    def _find_key(self, session: "Session", handle: bytes, kind: Any) -> Any:
        if handle not in self._keys:
            self._keys[handle] = session.get_key(object_class=kind, id=handle)
        return self._keys[handle]

    def _run_there(self, work: "Callable[[Session], T]") -> T:
        """Do this work in the session. Raises what `outage` builds, or InvalidTag."""
        if self._trouble and time.monotonic() < self._trouble[0]:
            raise self._outage(self._trouble[1])
        try:
            done = _start_thread(self._module, getpid()).run_job(lambda: self._try_again(work))
        except _Failed as why:
            self._trouble = time.monotonic() + PAUSE_SECONDS, why.trouble
            raise self._outage(why.trouble) from None
        self._trouble = None
        return done

    def _try_again(self, work: "Callable[[Session], T]") -> T:
        """Do this work in the session that is open, then in a new one, then with the module begun anew."""
        try:
            import pkcs11
        except ImportError:
            raise _Failed(HsmTrouble.NO_LIBRARY) from None
        trouble = HsmTrouble.UNAVAILABLE
        for begins_anew in (False, False, True):
            try:
                return work(self._open_session(begins_anew))
            except pkcs11.PKCS11Error as why:
                self._forget_session()
                trouble = _name_trouble(why)
        raise _Failed(trouble)

    def _forget_session(self) -> None:
        from pkcs11 import PKCS11Error

        session, self._session = self._session, None
        self._keys.clear()
        try:
            if session is not None:
                session.close()
        except PKCS11Error:
            return

    def _open_session(self, begins_anew: bool) -> "Session":
        if self._session is None:
            self._session = _sign_in(_find_token(self._module, self._label, begins_anew), self._pin)
        return self._session


@dataclass(frozen=True, slots=True)
class HsmSigner:
    """Signs with a key in a token, in the place of an Ed25519 private key."""

    _hsm: Hsm = field(repr=False)
    _handle: bytes = field(repr=False)
    _public: bytes
    alg: str = EDDSA

    def sign(self, text: bytes) -> bytes:
        """Return the signature of any bytes, checked: what a partner would refuse does not leave the house.

        Args:
            text: as it is to be signed.

        Raises:
            Exception: what whoever opened the HSM wants (`Hsm`), also where the signature is not by this key.
        """
        signature = self._hsm.sign_text(self._handle, text, self.alg)
        checked = write_der_signature(signature) if self.alg == ES256 else signature
        if not is_text_signed(self.public_key(), checked, text):
            raise self._hsm._outage(HsmTrouble.NO_KEY)
        return signature

    def public_key(self) -> VerifyingKey:
        """Return the public half."""
        return load_verifying_key(self.alg, self._public)


@dataclass(frozen=True, slots=True)
class EndedSigner:
    """Signs nothing, in the place of a key that ended: whoever wants a signature is told so."""

    _public: VerifyingKey
    _outage: Callable[[], Exception] = field(repr=False)

    def sign(self, text: bytes) -> bytes:
        """Raise what whoever stopped the key wants; `text` is not looked at.

        Args:
            text: as it was to be signed.

        Raises:
            Exception: in any case.
        """
        raise self._outage()

    def public_key(self) -> VerifyingKey:
        """Return the public half."""
        return self._public


# What signs.
SigningPrivateKey = Ed25519PrivateKey | HsmSigner | EndedSigner


@cache
def open_hsm(module: Path, label: str, pin: HsmPin, outage: Callable[[HsmTrouble], Exception]) -> Hsm:
    """Return the token, the same to everybody in this process who asks for it: a token is signed in to once.

    Args:
        module: as for `Hsm`.
        label: as for `Hsm`.
        pin: as for `Hsm`.
        outage: as for `Hsm`.
    """
    return Hsm(module, label, pin, outage)


class _ModuleThread:
    """The one thread of a process that calls a module. It is a daemon: a call that hangs keeps no process alive."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._hangs: Future[Any] | None = None
        Thread(target=self._do_jobs, name="hsm", daemon=True).start()

    def run_job(self, work: Callable[[], T]) -> T:
        if self._hangs is not None and not self._hangs.done():
            raise _Failed(HsmTrouble.UNAVAILABLE)
        job: Future[T] = Future()
        self._jobs.put((work, job))
        try:
            return job.result(MOST_SECONDS)
        except TimeoutError:
            if not job.cancel():
                self._hangs = job
            raise _Failed(HsmTrouble.UNAVAILABLE) from None

    def _do_jobs(self) -> None:
        while True:
            work, job = self._jobs.get()
            if not job.set_running_or_notify_cancel():
                continue
            try:
                job.set_result(work())
            except BaseException as why:  # noqa: BLE001 - it is raised where it is waited for
                job.set_exception(why)


@cache
def _start_thread(module: Path, process: int) -> _ModuleThread:
    """Return the thread for a module; a process that was forked has none of its parent's."""
    return _ModuleThread()


def _find_token(module: Path, label: str, begins_anew: bool) -> "Token":
    import pkcs11

    try:
        library = pkcs11.lib(str(module))
    except pkcs11.PKCS11Error:
        raise _Failed(HsmTrouble.NO_MODULE) from None
    tokens = [] if begins_anew else list(library.get_tokens(token_label=label))
    if not tokens:
        # Many modules see only what was there when they began.
        library.reinitialize()
        tokens = list(library.get_tokens(token_label=label))
    if not tokens:
        raise _Failed(HsmTrouble.NO_TOKEN)
    if len(tokens) > 1:
        raise _Failed(HsmTrouble.TWO_TOKENS)
    return tokens[0]


def _sign_in(token: "Token", pin: HsmPin) -> "Session":
    import pkcs11

    if token.flags & (pkcs11.TokenFlag.USER_PIN_FINAL_TRY | pkcs11.TokenFlag.USER_PIN_LOCKED):
        raise _Failed(HsmTrouble.PIN_LAST_TRY)
    text = pin.read_pin()
    if text is None:
        raise _Failed(HsmTrouble.PIN)
    try:
        return token.open(user_pin=text)
    except pkcs11.UserAlreadyLoggedIn:
        # The sessions of a process share what one of them has shown.
        return token.open()
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinExpired):
        pin.note_refused()
        raise _Failed(HsmTrouble.PIN) from None
    except pkcs11.PinLocked:
        raise _Failed(HsmTrouble.PIN_LAST_TRY) from None


def _name_trouble(why: Exception) -> HsmTrouble:
    import pkcs11

    lacks = (
        pkcs11.MechanismInvalid,
        pkcs11.MechanismParamInvalid,
        pkcs11.FunctionNotSupported,
        pkcs11.AttributeTypeInvalid,
        pkcs11.AttributeValueInvalid,
        pkcs11.DomainParamsInvalid,
        pkcs11.TemplateInconsistent,
    )
    if isinstance(why, pkcs11.NoSuchKey):
        return HsmTrouble.NO_KEY
    return HsmTrouble.NO_MECHANISM if isinstance(why, lacks) else HsmTrouble.UNAVAILABLE


def _build_template(*uses: Any) -> dict[Any, Any]:
    """Return what a key of ours is: nobody sees it without the PIN, and nobody takes it out."""
    from pkcs11 import Attribute

    hidden = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    return hidden | dict.fromkeys(uses, True)


def _make_ed25519_key(token: "Token", handle: bytes, label: str) -> bytes:
    from pkcs11 import Attribute, KeyType, Mechanism
    from pkcs11.util.ec import encode_named_curve_parameters

    with token.open(rw=True) as session:
        curve = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: encode_named_curve_parameters(ED25519)}, local=True
        )
        public, _ = curve.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            id=handle,
            label=label,
            private_template=_build_template(Attribute.SIGN),
        )
        # An OCTET STRING of DER, or as PKCS#11 3.0 has it, the bytes alone.
        point: bytes = public[Attribute.EC_POINT]
    return point[-32:]


def _make_p256_key(token: "Token", handle: bytes, label: str) -> bytes:
    from pkcs11 import Attribute, KeyType
    from pkcs11.util.ec import encode_named_curve_parameters

    with token.open(rw=True) as session:
        curve = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(P256)}, local=True
        )
        public, _ = curve.generate_keypair(
            store=True, id=handle, label=label, private_template=_build_template(Attribute.SIGN)
        )
        point: bytes = public[Attribute.EC_POINT]
    return point[-POINT_BYTES:]


def _make_wrapping_key(token: "Token", handle: bytes, label: str) -> None:
    from pkcs11 import Attribute, KeyType

    with token.open(rw=True) as session:
        template = _build_template(Attribute.ENCRYPT, Attribute.DECRYPT)
        session.generate_key(KeyType.AES, 256, store=True, id=handle, label=label, template=template)


def _encrypt_there(key: "SecretKey", nonce: bytes, plain: bytes, bound_to: bytes) -> bytes:
    from pkcs11 import GCMParams, Mechanism

    locked: bytes = key.encrypt(  # type: ignore[attr-defined]  # its types leave out what a key may be able to do
        plain, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, bound_to, TAG_BITS)
    )
    return locked


def _decrypt_there(key: "SecretKey", locked: bytes, bound_to: bytes) -> bytes:
    from pkcs11 import EncryptedDataInvalid, EncryptedDataLenRange, GCMParams, GeneralError, Mechanism

    nonce, rest = locked[:NONCE_BYTES], locked[NONCE_BYTES:]
    try:
        plain: bytes = key.decrypt(  # type: ignore[attr-defined]  # as above
            rest, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, bound_to, TAG_BITS)
        )
    except (EncryptedDataInvalid, EncryptedDataLenRange):
        raise InvalidTag from None
    except GeneralError:
        # SoftHSM says so of a wrong tag, and others of a token that is ill: one that encrypts is well.
        _encrypt_there(key, token_bytes(NONCE_BYTES), b"", b"")
        raise InvalidTag from None
    return plain
