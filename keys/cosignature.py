"""Cosignatures of an outside witness under a checkpoint: C2SP tlog-cosignature, cosignature/v1.

    cme-gateway/333
    18273
    y3Zl...=

    — cme-gateway/333 x08go/ZJ...=           the log's own signature
    — witness.example/w1 jWbPPwAAAABk...=    base64(key id of 4 bytes, POSIX time of 8, Ed25519 signature of 64)

A witness signs the two lines `cosignature/v1` and `time <decimal>`, and after them the text of the note. So it says
that at this time it had seen no longer log of this name, and that this one continues every one that it cosigned.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keys import jose, note

# Signature type of C2SP signed-note.
COSIGNER_KEY = b"\x04"
_PUBLIC_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 32, 8, 64
# Characters.
MAX_NAME = 200
# The largest time that a cosignature may bear.
_MOST_SECONDS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """By which a witness is known: the name under which it signs, and its public key of 32 bytes."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Return the first four bytes of SHA-256(name, line break, type, public key), as C2SP signed-note has it."""
        return sha256(self.name.encode() + b"\n" + COSIGNER_KEY + self.public).digest()[: note.KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What a witness signed, as one line of a note, and at what time by its own clock."""

    line: str
    cosigned_at: datetime


def find_witness_key(vkey: str) -> WitnessKey | None:
    """Read a witness's key (C2SP signed-note, "Verifier keys"); None where it is no such key of a cosignature/v1.

    Args:
        vkey: `name+<key id, 8 hex digits>+<base64 of type and key>`, as the witness publishes it.
    """
    name, plus, rest = vkey.partition("+")
    digits, second, material = rest.partition("+")
    try:
        raw = b64decode(material, validate=True)
    except (binascii.Error, ValueError):
        return None
    key = WitnessKey(name, raw[1:])
    named = bool(name and plus and second) and name.isprintable() and " " not in name and len(name) <= MAX_NAME
    if not named or raw[:1] != COSIGNER_KEY or len(key.public) != _PUBLIC_BYTES or key.key_id.hex() != digits:
        return None
    return key


def find_cosignature(signed: str, key: WitnessKey) -> Cosignature | None:
    """Find this witness's cosignature in a signed note; None where there is none, or it does not hold.

    Args:
        signed: the whole note, as it came.
        key: the witness's.

    Raises:
        NoteRefused: it is no signed note (`note.malformed`).
    """
    text, stamps = note.split_note(signed)
    for stamp in stamps:
        if stamp.name != key.name or stamp.key_id != key.key_id:
            continue
        if cosignature := _read_cosignature(text, stamp, key):
            return cosignature
    return None


def _read_cosignature(text: str, stamp: note.Stamp, key: WitnessKey) -> Cosignature | None:
    seconds = int.from_bytes(stamp.signature[:_TIME_BYTES], "big")
    signature = stamp.signature[_TIME_BYTES:]
    if len(signature) != _SIGNATURE_BYTES or seconds > _MOST_SECONDS:
        return None
    message = f"cosignature/v1\ntime {seconds}\n{text}"
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message.encode())
        return Cosignature(stamp.line, jose.read_moment(seconds))
    except (InvalidSignature, ValueError, OverflowError):
        return None
