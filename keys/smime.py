"""Letters that an ordinary mail program opens: S/MIME 4.0 (RFC 8551), signed by us, then encrypted to one certificate.

The certificates are those of people's mail programs, RSA and issued by whoever issues them: a person here has entered the
recipient's, and that very certificate counts, not who signed it. Contents are encrypted with AES-256-CBC, which every mail
program opens, and not with GCM, which Outlook does not everywhere.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys import errors

DIGESTS: dict[str, HashAlgorithm] = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}
LEAST_RSA_BITS = 2048
MOST_SIGNERS = 4  # of one mail
MOST_VALUES = 2_000  # of a signature: one with three certificates has some 300
MOST_DEEP = 32  # values within values: a signature's lie some fifteen deep
FOR_MAIL = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """With what our letters are signed."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)


def signer(key_pem: bytes, certificate_pem: bytes, *, passphrase: bytes, address: str, now: datetime) -> Signer:
    """Our key and certificate. Raises SmimeRefused where they do not serve to sign what our address sends."""
    certificate = _read(certificate_pem)
    try:
        try:
            key = load_pem_private_key(key_pem, None)
        except TypeError:  # it is encrypted
            key = load_pem_private_key(key_pem, passphrase)
    except (ValueError, TypeError):
        raise errors.SmimeUnreadable("key") from None
    if not isinstance(key, SigningKey) or key.public_key() != certificate.public_key():
        raise errors.SmimeUnreadable("key")
    _check(certificate, address, now)
    return Signer(certificate, key)


def check_recipient(certificate_pem: bytes, *, address: str, now: datetime) -> datetime:
    """When this certificate ends, to which letters to this address are to be encrypted. Raises SmimeRefused."""
    certificate = _read(certificate_pem)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < LEAST_RSA_BITS or not _encrypts(certificate):
        raise errors.SmimeNotForMail
    _check(certificate, address, now)
    return certificate.not_valid_after_utc


def seal(entity: bytes, *, ours: Signer, certificate_pem: bytes, address: str, now: datetime) -> bytes:
    """A MIME entity (its lines ended by CR LF), signed and encrypted: a MIME entity again. Raises SmimeRefused."""
    check_recipient(certificate_pem, address=address, now=now)
    options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary]
    signing = PKCS7SignatureBuilder().set_data(entity).add_signer(ours.certificate, ours.key, SHA256())
    signed = signing.sign(Encoding.SMIME, options)
    closed = (
        PKCS7EnvelopeBuilder()
        .set_data(_with_crlf(signed, entity))
        .add_recipient(_read(certificate_pem))
        .set_content_encryption_algorithm(AES256)
        .encrypt(Encoding.SMIME, [PKCS7Options.Binary])
    )
    return _crlf(closed)


def is_signed_by(content: bytes | None, signature: bytes, certificate_pem: bytes) -> bool:
    """Did the holder of this very certificate sign the content (None: it lies within)? (RFC 5652, 5.4 and 5.6)"""
    if _has_too_many_values(signature):
        return False
    try:
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        inside = signed["encap_content_info"]["content"].native
        said = inside if content is None else content
        signers = islice(signed["signer_infos"], MOST_SIGNERS)
        return said is not None and any(_holds(one, said, _read(certificate_pem)) for one in signers)
    except (ValueError, TypeError, KeyError, InvalidSignature, errors.SmimeRefused):
        return False


def _has_too_many_values(der: bytes) -> bool:
    """Count the values of a DER text (X.690, 8.1) before it is parsed: each costs the parser far more than it costs here."""
    count, at, ends = 0, 0, [len(der)]
    while at < len(der):
        count += 1
        if count > MOST_VALUES or at + 2 > len(der):
            return True
        kind, size = der[at], der[at + 1]
        at += 2
        if size >= 0x80:
            size, at = int.from_bytes(der[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
        if kind & 0x20:  # constructed: the values within are counted too
            ends.append(at + size)
        else:
            at += size
        if len(ends) > MOST_DEEP:
            return True
        while len(ends) > 1 and at >= ends[-1]:
            ends.pop()
    return False


def _holds(info: cms.SignerInfo, content: bytes, certificate: x509.Certificate) -> bool:
    algorithm = DIGESTS[info["digest_algorithm"]["algorithm"].native]
    digest = Hash(algorithm)
    digest.update(content)
    attributes = {one["type"].native: one["values"].native for one in info["signed_attrs"]}
    if attributes["message_digest"] != [digest.finalize()] or attributes["content_type"] != ["data"]:
        return False
    stated, signature = info["signed_attrs"].untag().dump(), info["signature"].native
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, stated, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, stated, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _with_crlf(signed: bytes, entity: bytes) -> bytes:
    """The signed entity with CR LF throughout, as mail wants it, and what was signed unchanged within."""
    before, _, after = signed.partition(entity)
    return _crlf(before) + entity + _crlf(after)


def _crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _read(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise errors.SmimeUnreadable("certificate") from None


def _check(certificate: x509.Certificate, address: str, now: datetime) -> None:
    if address.lower() not in _addresses(certificate):
        raise errors.SmimeOtherAddress
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise errors.SmimeOutOfDate


def _addresses(certificate: x509.Certificate) -> set[str]:
    """In lower case; those in the subject count too (RFC 8550, 3)."""
    found = {str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)}
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found.update(names.get_values_for_type(x509.RFC822Name))
    except (x509.ExtensionNotFound, ValueError):
        pass
    return {one.lower() for one in found}


def _encrypts(certificate: x509.Certificate) -> bool:
    try:
        if not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment:
            return False
    except x509.ExtensionNotFound:
        pass  # without it, every use is allowed (RFC 5280, 4.2.1.3)
    try:
        uses = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return True
    return bool(uses & FOR_MAIL)
