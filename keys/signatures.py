"""The algorithms that sign, and the public keys that verify.

Ed25519 (EdDSA) is what gateways sign with. P-256 (ES256) is for an HSM that has no Ed25519: this version verifies it,
and signs with it once every partner's card says that it is verified there too (`card.SIGNATURES_READ`). A signature of
ES256 has the form of JWS: r and s, 32 bytes each (RFC 7518, 3.4); within a signed note that of DER.
"""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EDDSA, ES256 = "EdDSA", "ES256"
SIGNATURE_ALGORITHMS = (EDDSA, ES256)
# 0x04, then x and y (SEC 1, 2.3.3): the one spelling of a point here.
POINT_BYTES = 65
_NUMBER_BYTES = 32

VerifyingKey = Ed25519PublicKey | EllipticCurvePublicKey


def load_verifying_key(alg: str, raw: bytes) -> VerifyingKey:
    """Return the public key that these bytes are.

    Args:
        alg: "EdDSA" or "ES256".
        raw: 32 bytes of Ed25519, or an uncompressed point of P-256 (65 bytes).

    Raises:
        ValueError: they are no such key, or the algorithm is another.
    """
    if alg == EDDSA:
        return Ed25519PublicKey.from_public_bytes(raw)
    if alg != ES256 or len(raw) != POINT_BYTES:
        raise ValueError("no verifying key")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


def write_der_signature(signature: bytes) -> bytes:
    """Return a signature of ES256 in DER (RFC 3279, 2.2.3).

    Args:
        signature: as JWS has it, 64 bytes.
    """
    r, s = signature[:_NUMBER_BYTES], signature[_NUMBER_BYTES:]
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def is_text_signed(key: VerifyingKey, signature: bytes, text: bytes) -> bool:
    """Did this key sign the text?

    Args:
        key: as `load_verifying_key` returned it.
        signature: of Ed25519, 64 bytes; of ES256, DER.
        text: any bytes.
    """
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, text)
        else:
            key.verify(signature, text, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def digest_note_key(name: str, key: VerifyingKey) -> bytes:
    """Return the 32 bytes of which the first four name a key in a signed note (C2SP signed-note, "Signature types").

    Args:
        name: of the signer.
        key: of type 0x01 where it is Ed25519, 0x02 where it is P-256.
    """
    if isinstance(key, Ed25519PublicKey):
        return sha256(name.encode() + b"\n" + write_note_key(key)).digest()
    return sha256(write_note_key(key)[1:]).digest()


def write_note_key(key: VerifyingKey) -> bytes:
    """Return the type of a key and the key, as a signed note's verifier key has them (C2SP signed-note).

    Args:
        key: of type 0x01 where it is Ed25519; of 0x02, with its SubjectPublicKeyInfo, where it is P-256.
    """
    if isinstance(key, Ed25519PublicKey):
        return b"\x01" + key.public_bytes_raw()
    return b"\x02" + key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
