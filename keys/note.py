"""Signed checkpoints of an audit log: C2SP signed-note and tlog-checkpoint.

    cme-gateway/333                          origin, which is also the name of the signer
    18273                                    how many entries
    y3Zl...=                                 root of the Merkle tree (RFC 9162, 2.1.1), base64

    — cme-gateway/333 x08go/ZJ...=           base64(key id of 4 bytes, Ed25519 signature of 64; or of P-256)

What is signed is the text down to and with the line break before the empty line. Signatures of others (witnesses) may
follow and are passed over, as the specification asks. Extension lines are refused: no gateway writes any.

The word of a restored gateway is such a note too, and its first line is that of no checkpoint:

    cme-gateway/333/restored
    1795770161                               when it was restored (NumericDate)
    1795597361                               of when its backup is; - where nobody knows
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from keys import jose
from keys.errors import NoteSignature, RefusalCode, build_refusal
from keys.hsm import HsmSigner, SigningPrivateKey
from keys.ring import Ring
from keys.signatures import (
    ES256,
    VerifyingKey,
    digest_note_key,
    is_text_signed,
    write_der_signature,
    write_note_key,
)
from keys.trust import Trust

# A checkpoint is near 200; the rest is room for witnesses.
MAX_NOTE_CHARACTERS = 8_192
MAX_SIGNATURES = 16
MAX_SIZE_DIGITS = 15
ROOT_BYTES = 32
KEY_ID_BYTES = 4
# After the name of the log.
_RESTORED = "/restored"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How an authority's log stood."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """One signature under a note: the line as it stands there, whose name it bears, and its two parts."""

    line: str
    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class RestoreWord:
    """What an authority says of itself: that it was restored, or noticed it, and of when its backup is, if it knows."""

    restored_at: datetime
    backup_at: datetime | None


def origin_of(authority: str) -> str:
    """Return the name of an authority's log, which is the first line of its checkpoints.

    Args:
        authority: its DfE code.
    """
    return f"cme-gateway/{authority}"


def sign_checkpoint(*, origin: str, size: int, root: bytes, ring: Ring) -> str:
    """Sign how our log stands: return a checkpoint (C2SP tlog-checkpoint).

    Args:
        origin: the name of our log, as `origin_of` returns it. It is also the name of the signer.
        size: the number of entries.
        root: the 32 bytes of the Merkle tree's head (RFC 9162, 2.1.1).
        ring: our keys. Its newest signing key signs.

    Raises:
        NoteRefused: a partner would refuse it (`note.malformed`).
    """
    text = f"{origin}\n{size}\n{b64encode(root).decode()}\n"
    if _read_checkpoint(text) != Checkpoint(origin, size, root):
        raise build_refusal(RefusalCode.NOTE_MALFORMED)
    return sign(text, name=origin, private=ring.signing.private)


def verify_checkpoint_with_trust(text: str, *, authority: str, trust: Trust, revoked: bool = False) -> Checkpoint:
    """Check a partner's checkpoint with whichever of its keys signed it; it may be older than a rotation.

    Args:
        text: the signed note, as it came.
        authority: the partner's DfE code.
        trust: the cards that count.
        revoked: check with those of its keys that count no more: it tells a checkpoint that was honest in its time from
            a forged one, and proves nothing by itself.

    Raises:
        NoteSignature: none of the keys signed it (`note.signature`).
        NoteRefused: `note.malformed`, `note.other-origin`.
        CardRefused: we hold no card of the authority (`card.unknown-authority`).
    """
    keys = trust.signing_keys(authority, revoked=revoked)
    return _verify_with_any(text, origin_of(authority), (key.public for key in keys))


def sign_restore_word(word: RestoreWord, *, ring: Ring) -> str:
    """Sign that we were restored: return a note.

    Args:
        word: both times know their zone.
        ring: our keys. Its newest signing key signs.
    """
    origin = origin_of(ring.authority)
    made = "-" if word.backup_at is None else jose.write_seconds(word.backup_at)
    text = f"{origin}{_RESTORED}\n{jose.write_seconds(word.restored_at)}\n{made}\n"
    return sign(text, name=origin, private=ring.signing.private)


def verify_restore_word(text: str, *, authority: str, trust: Trust) -> RestoreWord:
    """Check that a partner signed that it was restored, with a key that counts.

    Args:
        text: the signed note, as it came.
        authority: the partner's DfE code.
        trust: the cards that count.

    Raises:
        NoteSignature: none of its keys signed it (`note.signature`).
        NoteRefused: `note.malformed`, `note.other-origin`.
        CardRefused: we hold no card of the authority (`card.unknown-authority`).
    """
    origin = origin_of(authority)
    signed_text, _ = split_note(text)
    first, _, times = signed_text.partition("\n")
    if first != origin + _RESTORED:
        raise build_refusal(RefusalCode.NOTE_OTHER_ORIGIN)
    _check_signed_by_any(text, origin, (key.public for key in trust.signing_keys(authority, revoked=False)))
    try:
        restored, made, end = times.split("\n")
        if end:
            raise ValueError("lines")
        return RestoreWord(_read_time(restored), None if made == "-" else _read_time(made))
    except ValueError:
        raise build_refusal(RefusalCode.NOTE_MALFORMED) from None


def sign(text: str, *, name: str, private: SigningPrivateKey) -> str:
    """Write any signed note (C2SP signed-note) with one signature.

    Args:
        text: ends in a line break.
        name: of the signer, without a space.
        private: the signer's key.
    """
    public, signature = private.public_key(), private.sign(text.encode())
    if isinstance(private, HsmSigner) and private.alg == ES256:
        signature = write_der_signature(signature)
    stamp = b64encode(key_id(name, public) + signature).decode()
    return f"{text}\n— {name} {stamp}\n"


def verify(signed: str, *, name: str, public: VerifyingKey) -> str:
    """Return the text of a signed note, line break included, if this key signed it under this name.

    Args:
        signed: the whole note. Signatures of others are passed over.
        name: of the signer.
        public: the signer's key.

    Raises:
        NoteSignature: it did not (`note.signature`).
        NoteRefused: it is no signed note (`note.malformed`).
    """
    text, stamps = split_note(signed)
    wanted = key_id(name, public)
    for stamp in stamps:
        if stamp.name == name and stamp.key_id == wanted and is_text_signed(public, stamp.signature, text.encode()):
            return text
    raise build_refusal(RefusalCode.NOTE_SIGNATURE)


def key_id(name: str, public: VerifyingKey) -> bytes:
    """Return the first four bytes of the digest that C2SP signed-note has for a key of this type."""
    return digest_note_key(name, public)[:KEY_ID_BYTES]


def split_note(signed: str) -> tuple[str, list[Stamp]]:
    """Split a signed note into its text, line break included, and the signatures under it, none of them checked.

    Args:
        signed: the whole note, as it came.

    Raises:
        NoteRefused: it is no signed note (`note.malformed`).
    """
    lines = signed.removesuffix("\n").split("\n")
    if len(signed) > MAX_NOTE_CHARACTERS or not signed.endswith("\n") or not all(map(str.isprintable, lines)):
        raise build_refusal(RefusalCode.NOTE_MALFORMED)
    text, gap, stamps = signed.rpartition("\n\n")
    if not gap or not text:
        raise build_refusal(RefusalCode.NOTE_MALFORMED)
    try:
        return text + "\n", list(_read_stamps(stamps))
    except ValueError:
        raise build_refusal(RefusalCode.NOTE_MALFORMED) from None


def read_size(signed: str) -> int:
    """Return how many entries a checkpoint covers; its signatures are not checked.

    Args:
        signed: the whole note, as it came.

    Raises:
        NoteRefused: it is no checkpoint (`note.malformed`).
    """
    return _read_checkpoint(split_note(signed)[0]).size


def write_log_key(authority: str, public: VerifyingKey) -> str:
    """Write one of our signing keys as those who check our log take it (C2SP signed-note, "Verifier keys").

    Args:
        authority: our DfE code.
        public: the key.
    """
    name = origin_of(authority)
    return f"{name}+{key_id(name, public).hex()}+{b64encode(write_note_key(public)).decode()}"


def _verify_with_any(signed: str, origin: str, keys: Iterable[VerifyingKey]) -> Checkpoint:
    checkpoint = _read_checkpoint(split_note(signed)[0])
    if checkpoint.origin != origin:
        raise build_refusal(RefusalCode.NOTE_OTHER_ORIGIN)
    _check_signed_by_any(signed, origin, keys)
    return checkpoint


def _check_signed_by_any(signed: str, origin: str, keys: Iterable[VerifyingKey]) -> None:
    for public in keys:
        try:
            verify(signed, name=origin, public=public)
        except NoteSignature:
            continue
        return
    raise build_refusal(RefusalCode.NOTE_SIGNATURE)


def _read_time(digits: str) -> datetime:
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > MAX_SIZE_DIGITS:
        raise ValueError("time")
    return jose.read_moment(int(digits))


def _read_stamps(lines: str) -> Iterator[Stamp]:
    rows = lines.removesuffix("\n").split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise ValueError("signatures")
    for row in rows:
        dash, name, stamp = row.split(" ")
        if dash != "—" or not name:
            raise ValueError("signature line")
        raw = _decode_base64(stamp)
        yield Stamp(row, name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _read_checkpoint(text: str) -> Checkpoint:
    try:
        origin, digits, root, end = text.split("\n")
        if end or not origin or not (digits.isascii() and digits.isdecimal()) or len(digits) > MAX_SIZE_DIGITS:
            raise ValueError("checkpoint")
        checkpoint = Checkpoint(origin, int(digits), _decode_base64(root))
    except ValueError:
        raise build_refusal(RefusalCode.NOTE_MALFORMED) from None
    if str(checkpoint.size) != digits or len(checkpoint.root) != ROOT_BYTES:
        raise build_refusal(RefusalCode.NOTE_MALFORMED)
    return checkpoint


def _decode_base64(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    if b64encode(raw).decode() != text:
        raise binascii.Error("not canonical")
    return raw
