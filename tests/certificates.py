"""Certificates as people's mail programs have them, made for the occasion; each is its own issuer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def for_mail(
    address: str,
    *,
    elliptic: bool = False,
    bits: int = 2048,
    days: Sequence[int] = (-1, 30),
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    encipher: bool = True,
    passphrase: bytes | None = None,
) -> tuple[bytes, bytes]:
    """A key and a certificate for an address, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CME Team (invented)")])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(True, False, encipher, False, False, True, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .sign(key, SHA256())
    )
    kept = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept), certificate.public_bytes(Encoding.PEM)
