"""A certificate of our own for the exchange port: partners pin it through our card, so no public authority is needed.

It is its own trust anchor, and carries what strict checking asks for (RFC 5280, 4.2), which Python does by default from
3.13 on.
"""

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Of the digest by which a certificate is named in lists: enough to tell a dozen apart.
NAME_DIGITS = 16

_DIGITAL_SIGNATURE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def self_signed(host: str, *, now: datetime, days: int) -> tuple[bytes, bytes]:
    """Make a key (ECDSA on P-256) and a certificate of our own that signs itself (RFC 5280).

    Args:
        host: a name, or an address of IPv4 or IPv6.
        now: the time, in any zone. The certificate begins 5 minutes before, as clocks differ.
        days: how long it is valid.

    Returns:
        Both as PEM, the key first and in the clear, for `ssl` to load.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # X.520: no longer than 64.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ.
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_alternative_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_DIGITAL_SIGNATURE, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    certificate = builder.sign(key, SHA256())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.public_bytes(Encoding.PEM)


def der_base64(cert_pem: bytes) -> str:
    """Return the certificate as a card's route carries it: base64 of its DER.

    Raises:
        ValueError: the PEM holds none.
    """
    return b64encode(x509.load_pem_x509_certificate(cert_pem).public_bytes(Encoding.DER)).decode()


def without_key(pem: bytes) -> bytes:
    """Return the certificates of a PEM that holds a key too, as PEM.

    Raises:
        ValueError: it holds none.
    """
    return b"".join(each.public_bytes(Encoding.PEM) for each in x509.load_pem_x509_certificates(pem))


def read_expiry(cert_pem: bytes) -> datetime:
    """Return when the certificate ceases to be valid, in UTC.

    Raises:
        ValueError: the PEM holds none.
    """
    return x509.load_pem_x509_certificate(cert_pem).not_valid_after_utc


def read_start(cert_pem: bytes) -> datetime:
    """Return from when on the certificate is valid, in UTC.

    Raises:
        ValueError: the PEM holds none.
    """
    return x509.load_pem_x509_certificate(cert_pem).not_valid_before_utc


def name_certificate(cert_pem: bytes) -> str:
    """Return how lists name the certificate: the first 16 digits of the SHA-256 of its DER.

    Raises:
        ValueError: the PEM holds none.
    """
    return name_pinned(der_base64(cert_pem))


def name_pinned(certificate: str) -> str:
    """Return how lists name a certificate that a card pins, as `name_certificate` does.

    Args:
        certificate: base64 of its DER, as a card's route carries it.

    Raises:
        ValueError: it is no base64.
    """
    return sha256(b64decode(certificate)).hexdigest()[:NAME_DIGITS]


def find_pinned_expiry(certificate: str) -> datetime | None:
    """Return when a certificate that a card pins ceases to be valid, in UTC.

    None where it is none, for a card may say anything.

    Args:
        certificate: base64 of its DER, as a card's route carries it.
    """
    try:
        return x509.load_der_x509_certificate(b64decode(certificate)).not_valid_after_utc
    except ValueError:
        return None


def own_host(cert_pem: bytes) -> str | None:
    """Return the host of a certificate that signs itself.

    None where an authority issued it, which alone can issue the next.

    Raises:
        ValueError: the PEM holds none, or the certificate names several hosts.
        ExtensionNotFound: it names no host (RFC 5280, 4.2.1.6).
    """
    certificate = x509.load_pem_x509_certificate(cert_pem)
    if certificate.issuer != certificate.subject:
        return None
    [name] = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(name.value)


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
