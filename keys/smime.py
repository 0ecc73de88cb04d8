"""Letters that an ordinary mail program opens: S/MIME 4.0 (RFC 8551), signed by us, then encrypted to one certificate.

The certificates are those of people's mail programs, RSA and issued by whoever issues them: a person here has entered
the recipient's, and that very certificate counts, not who signed it. Contents are encrypted with AES-256-CBC, which
every mail program opens, and not with GCM, which Outlook does not everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, PublicKeyAlgorithmOID

from keys.certificate_files import decode_text, read_certificates
from keys.errors import Refusal, RefusalCode, SmimeRefused, build_refusal

DIGESTS: dict[str, HashAlgorithm] = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}
LEAST_RSA_BITS = 2048
# The signers of one mail.
MOST_SIGNERS = 4
# The values of a signature: one with three certificates has some 300.
MOST_VALUES = 2_000
# Values within values: a signature's lie some fifteen deep.
MOST_DEEP = 32
FOR_MAIL = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Check = Callable[[x509.Certificate], None]
Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Signer:
    """With what our letters are signed."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Recipient:
    """To which certificate letters to an address are encrypted; it was picked from a file."""

    certificate_pem: str
    ends: datetime
    # Theirs, which nobody else may have: it is not kept, and they must be told.
    private_key_was_in_file: bool


def read_signer(key_file: bytes, certificate_file: bytes, *, passphrase: bytes, address: str, now: datetime) -> Signer:
    """Read our key, and pick its certificate in the file.

    Args:
        key_file: PEM or DER.
        certificate_file: in any form that `certificate_files` reads.
        passphrase: the gateway's own, under which the key may be encrypted.
        address: of ours, which the certificate must name.
        now: the certificate must hold then.

    Raises:
        SmimeRefused: they do not serve to sign what our address sends. Of the key: `smime.key-unreadable`,
            `smime.passphrase`, `smime.key-kind`. Of the file: `smime.unreadable`, `smime.damaged`, `smime.request`. Of
            the certificate: `smime.not-together`, `smime.no-address`, `smime.other-address`, `smime.not-yet`,
            `smime.out-of-date`.
    """
    key = _read_key(key_file, passphrase)
    try:
        certificates = read_certificates(certificate_file).certificates
    except SmimeRefused as why:
        if why.code not in (RefusalCode.SMIME_KEY_STORE, RefusalCode.SMIME_KEY_ALONE):
            raise
        # It is our own key, and nobody has lost it.
        raise build_refusal(RefusalCode.SMIME_UNREADABLE) from None
    ours = [certificate for certificate in certificates if _public_key(certificate) == key.public_key()]
    if not ours:
        raise build_refusal(RefusalCode.SMIME_NOT_TOGETHER)
    return Signer(_pick_newest(ours, (_is_for(address), _is_in_date(now))), key)


def pick_recipient(certificate_file: bytes, *, address: str, now: datetime) -> Recipient:
    """Pick the certificate in a file to which letters to this address are to be encrypted.

    Of several that serve it is the newest.

    Args:
        certificate_file: in any form that `certificate_files` reads.
        address: the recipient's, which the certificate must name; capitals or not are the same.
        now: the certificate must hold then.

    Raises:
        SmimeRefused: none serves. It is said what the file holds instead, as `read_certificates` does; or what is wrong
            with the certificate that comes nearest: `smime.no-address`, `smime.other-address`, `smime.no-rsa-key`,
            `smime.short-key`, `smime.sign-only`, `smime.not-for-mail`, `smime.not-yet`, `smime.out-of-date`.
    """
    read = read_certificates(certificate_file)
    picked = _pick_newest(read.certificates, (_is_for(address), _check_encrypts, _is_in_date(now)))
    pem = picked.public_bytes(Encoding.PEM).decode("ascii")
    return Recipient(pem, picked.not_valid_after_utc, read.has_private_key)


def seal(entity: bytes, *, ours: Signer, certificate_pem: bytes, address: str, now: datetime) -> bytes:
    """Sign and encrypt a MIME entity, and return a MIME entity again (RFC 8551, 3).

    Args:
        entity: its own headers and its body; its lines end in CR LF.
        ours: as `read_signer` returned it.
        certificate_pem: the recipient's.
        address: the recipient's, for which the certificate must serve now.
        now: the time, in any zone.

    Raises:
        SmimeRefused: the certificate does not serve, as for `pick_recipient`.
    """
    theirs = pick_recipient(certificate_pem, address=address, now=now)
    options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary]
    signing = PKCS7SignatureBuilder().set_data(entity).add_signer(ours.certificate, ours.key, SHA256())
    signed = signing.sign(Encoding.SMIME, options)
    closed = (
        PKCS7EnvelopeBuilder()
        .set_data(_with_crlf(signed, entity))
        .add_recipient(_read_pem(theirs.certificate_pem.encode()))
        .set_content_encryption_algorithm(AES256)
        .encrypt(Encoding.SMIME, [PKCS7Options.Binary])
    )
    return _write_crlf(closed)


def is_signed_by(content: bytes | None, signature: bytes, certificate_pem: bytes) -> bool:
    """Did the holder of this very certificate sign the content? (RFC 5652, 5.4 and 5.6)

    False for all that cannot be read, and for a signature without signed attributes. Nobody is asked who issued the
    certificate, or whether it holds now.

    Args:
        content: what is signed; None where it lies within the signature.
        signature: signed data of CMS in a ContentInfo (RFC 5652, 3 and 5.1), in DER.
        certificate_pem: the certificate that counts.
    """
    if _has_too_many_values(signature):
        return False
    try:
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        inside = signed["encap_content_info"]["content"].native
        signed_bytes = inside if content is None else content
        signers = islice(signed["signer_infos"], MOST_SIGNERS)
        return signed_bytes is not None and any(
            _has_signed(info, signed_bytes, _read_pem(certificate_pem)) for info in signers
        )
    except (ValueError, TypeError, KeyError, InvalidSignature, SmimeRefused):
        return False


def _has_too_many_values(der: bytes) -> bool:
    """Count the values of a DER text (X.690, 8.1) before it is parsed.

    Each costs the parser far more than it costs here.
    """
    count, at, ends = 0, 0, [len(der)]
    while at < len(der):
        count += 1
        if count > MOST_VALUES or at + 2 > len(der):
            return True
        kind, size = der[at], der[at + 1]
        at += 2
        if size >= 0x80:
            size, at = int.from_bytes(der[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
        # Constructed: the values within are counted too.
        if kind & 0x20:
            ends.append(at + size)
        else:
            at += size
        if len(ends) > MOST_DEEP:
            return True
        while len(ends) > 1 and at >= ends[-1]:
            ends.pop()
    return False


def _has_signed(info: cms.SignerInfo, content: bytes, certificate: x509.Certificate) -> bool:
    algorithm = DIGESTS[info["digest_algorithm"]["algorithm"].native]
    digest = Hash(algorithm)
    digest.update(content)
    attributes = {attribute["type"].native: attribute["values"].native for attribute in info["signed_attrs"]}
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
    """Return the signed entity with CR LF throughout, as mail wants it, and what was signed unchanged within."""
    before, _, after = signed.partition(entity)
    return _write_crlf(before) + entity + _write_crlf(after)


def _write_crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _read_pem(pem: bytes) -> x509.Certificate:
    return read_certificates(pem).certificates[0]


def _read_key(data: bytes, passphrase: bytes) -> SigningKey:
    text = "\n".join(map(str.strip, decode_text(data).splitlines())).encode()
    is_der = data[:1] == b"\x30" and not text.startswith(b"-----")
    load, encoded = (load_der_private_key, data) if is_der else (load_pem_private_key, text)
    try:
        try:
            key = load(encoded, None)
        # It is encrypted.
        except TypeError:
            key = _open_key(load, encoded, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise build_refusal(RefusalCode.SMIME_KEY_UNREADABLE) from None
    if not isinstance(key, SigningKey):
        raise build_refusal(RefusalCode.SMIME_KEY_KIND)
    return key


def _open_key(
    load: Callable[[bytes, bytes | None], PrivateKeyTypes], encoded: bytes, passphrase: bytes
) -> PrivateKeyTypes:
    try:
        return load(encoded, passphrase)
    # It raises this also for what it cannot read.
    except ValueError:
        raise build_refusal(RefusalCode.SMIME_PASSPHRASE) from None


# What a certificate must pass, in this order: each raises SmimeRefused with the one thing that is wrong.


def _pick_newest(certificates: Sequence[x509.Certificate], checks: Sequence[Check]) -> x509.Certificate:
    """Pick the newest that passes; where none does, raise what is wrong with the one that comes furthest."""
    refused: list[tuple[int, Refusal]] = []
    for certificate in sorted(certificates, key=lambda certificate: certificate.not_valid_before_utc, reverse=True):
        passed = 0
        try:
            for check in checks:
                check(certificate)
                passed += 1
        except SmimeRefused as why:
            refused.append((passed, why))
        else:
            return certificate
    raise max(refused, key=itemgetter(0))[1]


def _is_for(address: str) -> Check:
    def check(certificate: x509.Certificate) -> None:
        named = _list_addresses(certificate)
        if address.lower() not in named:
            raise build_refusal(RefusalCode.SMIME_OTHER_ADDRESS if named else RefusalCode.SMIME_NO_ADDRESS)

    return check


def _is_in_date(now: datetime) -> Check:
    def check(certificate: x509.Certificate) -> None:
        if now < certificate.not_valid_before_utc:
            raise build_refusal(RefusalCode.SMIME_NOT_YET)
        if now >= certificate.not_valid_after_utc:
            raise build_refusal(RefusalCode.SMIME_OUT_OF_DATE)

    return check


def _check_encrypts(certificate: x509.Certificate) -> None:
    key, kind = _public_key(certificate), certificate.public_key_algorithm_oid
    # A key of RSASSA-PSS is one of RSA, and may only sign (RFC 4055, 1.2).
    if not isinstance(key, rsa.RSAPublicKey) or kind != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5:
        raise build_refusal(RefusalCode.SMIME_NO_RSA_KEY)
    if key.key_size < LEAST_RSA_BITS:
        raise build_refusal(RefusalCode.SMIME_SHORT_KEY)
    usage, purposes = _find_extension(certificate, x509.KeyUsage), _find_extension(certificate, x509.ExtendedKeyUsage)
    # Without it, every use is allowed (RFC 5280, 4.2.1.3).
    if usage and not usage.key_encipherment:
        raise build_refusal(RefusalCode.SMIME_SIGN_ONLY)
    if purposes and not set(purposes) & FOR_MAIL:
        raise build_refusal(RefusalCode.SMIME_NOT_FOR_MAIL)


def _list_addresses(certificate: x509.Certificate) -> set[str]:
    """In lower case; those in the subject count too (RFC 8550, 3)."""
    addresses = {
        str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)
    }
    if names := _find_extension(certificate, x509.SubjectAlternativeName):
        addresses.update(names.get_values_for_type(x509.RFC822Name))
    return {address.strip().lower() for address in addresses}


def _find_extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _public_key(certificate: x509.Certificate) -> object:
    """Return its key; None where it is of a kind that we do not know."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
