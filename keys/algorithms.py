"""The sealing suites (RFC 9180) by the name of their KEM, and how keys get their ids.

A private key is stored as 32 bytes, whichever the KEM: for X-Wing (draft-connolly-cfrg-xwing-kem, KEM id 0x647a) it
is the seed that SHAKE256 expands into the ML-KEM-768 seed and the X25519 key, so that other software can take it over.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256, shake_256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from keys.jose import encode
from keys.signatures import EDDSA, ES256

SIGNING = EDDSA
# Post-quantum and classical together: what is recorded today stays shut.
DEFAULT_KEM = "MLKEM768_X25519"
SEED_BYTES = 32
# 64 bits: enough to tell one authority's keys apart; a key id is a name, not a proof.
KID_DIGITS = 16
_MLKEM_PUBLIC_BYTES = 1184

SealingPrivateKey = MLKEM768X25519PrivateKey | X25519PrivateKey
SealingPublicKey = MLKEM768X25519PublicKey | X25519PublicKey


@dataclass(frozen=True, slots=True)
class Kem:
    """A way to seal: its suite, and how its keys are read from bytes."""

    name: str
    # What the sealed header says.
    suite_name: str
    suite: Suite
    private: Callable[[bytes], SealingPrivateKey]
    public: Callable[[bytes], SealingPublicKey]
    # Of a private key, the public one.
    public_bytes: Callable[[bytes], bytes]


def _xwing_parts(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(seed) != SEED_BYTES:
        raise ValueError("an X-Wing seed is 32 bytes long")
    # As expandDecapsulationKey has it: 64 for ML-KEM (d, z), 32 for X25519.
    expanded = shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


def _xwing_private(seed: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*_xwing_parts(seed))


def _xwing_public(raw: bytes) -> MLKEM768X25519PublicKey:
    lattice, curve = raw[:_MLKEM_PUBLIC_BYTES], raw[_MLKEM_PUBLIC_BYTES:]
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(lattice), X25519PublicKey.from_public_bytes(curve)
    )


def _xwing_public_bytes(seed: bytes) -> bytes:
    lattice, curve = _xwing_parts(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def _x25519_public_bytes(raw: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


KEMS: Mapping[str, Kem] = {
    "MLKEM768_X25519": Kem(
        "MLKEM768_X25519",
        "MLKEM768_X25519.HKDF_SHA256.AES_256_GCM",
        Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        _xwing_private,
        _xwing_public,
        _xwing_public_bytes,
    ),
    "X25519": Kem(
        "X25519",
        "X25519.HKDF_SHA256.AES_256_GCM",
        Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        X25519PrivateKey.from_private_bytes,
        X25519PublicKey.from_public_bytes,
        _x25519_public_bytes,
    ),
}

# RFC 8037, 2.
_OKP_CURVES = {"EdDSA": "Ed25519", "X25519": "X25519"}


def compute_thumbprint(alg: str, public: bytes) -> bytes:
    """Return the SHA-256 (32 bytes) that names a public key.

    Where the key has a JWK form it is that of RFC 7638, 3 (with RFC 8037, 2); X-Wing has none, so there it is the
    SHA-256 of its bytes.

    Args:
        alg: "EdDSA", "ES256", or the name of a KEM (`KEMS`).
        public: the raw bytes of the key: 32 of Ed25519 or X25519, 65 of P-256, 1216 of X-Wing.
    """
    if alg == ES256:
        # RFC 7518, 6.2.1.
        point = {"crv": "P-256", "kty": "EC", "x": encode(public[1:33]), "y": encode(public[33:])}
        return sha256(json.dumps(point, separators=(",", ":"), sort_keys=True).encode()).digest()
    if alg not in _OKP_CURVES:
        return sha256(public).digest()
    jwk = {"crv": _OKP_CURVES[alg], "kty": "OKP", "x": encode(public)}
    return sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()


def key_id(authority: str, use: str, alg: str, public: bytes) -> str:
    """Return the id of a public key, for instance `333-sig-0f1e2d3c4b5a6978`: whose it is, what for, and which.

    The last part are the first 16 hex digits of `compute_thumbprint`.

    Args:
        authority: the DfE code of the authority whose key it is.
        use: "sig" of a key that signs, "enc" of one to seal to, "id" of the identity key.
        alg: as for `compute_thumbprint`.
        public: as for `compute_thumbprint`.
    """
    return f"{authority}-{use}-{compute_thumbprint(alg, public).hex()[:KID_DIGITS]}"
