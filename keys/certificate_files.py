"""Which certificates lie in a file, whatever program wrote it: DER, PEM, PKCS#7, base64 alone, in UTF-8 or UTF-16.

What a file is, is told by what stands in it, not by its name and not by its labels: Windows writes CERTIFICATE around a
PKCS#7 too. So each piece of DER (X.690) is taken by itself and asked what it is. A private key is never taken in, only
seen: whoever sends theirs to others has lost it, and must be told.
"""

import binascii
import codecs
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from keys.errors import Refusal, RefusalCode, build_refusal

# Of a file: a chain of certificates has some ten thousand, a system's bundle of issuers a quarter of this.
MAX_BYTES = 1_048_576
# Of base64: the smallest certificate has some four hundred.
LEAST_CHARACTERS = 200
BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Mail programs write dashes of other kinds in the place of two or more, and what cannot be decoded is U+FFFD.
DASHES = "[-\u2010-\u2015\u2212\ufffd]+"
BEGIN = re.compile(f"{DASHES}[ \t]*BEGIN[ \t]([A-Z0-9 #]+?)[ \t]*{DASHES}")
END = re.compile(f"{DASHES}[ \t]*END")
# M stands for the octet 30 with which DER begins.
ALONE = re.compile(rf"(?<![A-Za-z0-9+/])MI[A-Za-z0-9+/=\s]{{{LEAST_CHARACTERS},}}")
# Labels of what holds some (RFC 7468, 5, 8 and 9; OpenSSL has its own).
OF_CERTIFICATES = ("CERTIFICATE", "PKCS7", "PKCS #7", "CMS")
# The integer 3 (RFC 7292, 4); other files begin with other versions or with none.
KEY_STORE = b"\x02\x01\x03"
NOT_BASE64 = re.compile("[^A-Za-z0-9+/]")

# What `cryptography` raises over what it cannot read.
UNFIT = (
    ValueError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

Piece = x509.Certificate | Literal["key", "key store", "request", "damaged"]


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """What lies in a file."""

    certificates: tuple[x509.Certificate, ...]
    has_private_key: bool


def read_certificates(data: bytes) -> CertificateFile:
    """Read the certificates in a file, in the order in which they stand there.

    Args:
        data: the whole file, of at most 1 MiB, in any form: DER, PEM, PKCS#7, base64 alone.

    Raises:
        SmimeRefused: there is none. `smime.key-store`, `smime.key-alone`, `smime.request` or `smime.damaged` where it
            is seen what the file holds instead; `smime.unreadable` otherwise.
    """
    pieces = list(_read_pieces(data)) if len(data) <= MAX_BYTES else []
    certificates = tuple(piece for piece in pieces if isinstance(piece, x509.Certificate))
    if not certificates:
        raise _say_what_it_is(pieces)
    return CertificateFile(certificates, "key" in pieces or "key store" in pieces)


def read_issuers(data: bytes) -> str:
    """Read whose certificates are believed, as PEM, one after the other.

    Raises:
        SmimeRefused: as `read_certificates` does.
    """
    return "".join(
        certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in read_certificates(data).certificates
    )


def decode_text(data: bytes) -> str:
    """Decode what is text in some encoding of Unicode (UTF-8, UTF-16); with U+FFFD for what is not."""
    if data.startswith(BYTE_ORDER_MARKS):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le", "replace")
    return data.decode("utf-8-sig", "replace")


def _say_what_it_is(pieces: list[Piece]) -> Refusal:
    if "key store" in pieces:
        return build_refusal(RefusalCode.SMIME_KEY_STORE)
    if "key" in pieces:
        return build_refusal(RefusalCode.SMIME_KEY_ALONE)
    if "request" in pieces:
        return build_refusal(RefusalCode.SMIME_REQUEST)
    return (
        build_refusal(RefusalCode.SMIME_DAMAGED) if "damaged" in pieces else build_refusal(RefusalCode.SMIME_UNREADABLE)
    )


def _read_pieces(data: bytes) -> Iterator[Piece]:
    # A long sequence in DER; what is text has no such second byte.
    if data[:1] == b"\x30" and data[1:2] >= b"\x80":
        yield from _read_der(data)
        return
    text = decode_text(data)
    _, *blocks = BEGIN.split(text)
    for label, block in zip(blocks[::2], blocks[1::2], strict=True):
        # It may be encrypted, and no DER at all.
        if "PRIVATE KEY" in label:
            yield "key"
        elif pieces := _read_der(_decode_base64(END.split(block, 1)[0])):
            yield from pieces
        elif any(name in label for name in OF_CERTIFICATES):
            yield "damaged"
    if not blocks:
        for encoded in ALONE.finditer(text):
            yield from _read_der(_decode_base64(encoded[0]))


def _decode_base64(text: str) -> bytes:
    """Decode it with whatever a mail or an editor put between; what follows its first padding is no part of it."""
    plain = NOT_BASE64.sub("", text.partition("=")[0])
    return binascii.a2b_base64(plain[: len(plain) // 4 * 4] + _pad_base64(plain))


def _pad_base64(plain: str) -> str:
    rest = plain[len(plain) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


def _read_der(data: bytes) -> Sequence[Piece]:
    """Tell what a piece of DER is; nothing where it is none of these."""
    head, size = _head_size(data), int.from_bytes(data[2 : _head_size(data)], "big")
    if size > len(data) - head:
        return ("damaged",)
    # OpenSSL writes trust after a certificate, and mails write their own words: they are cut off. Where the end is
    # marked and not counted (X.690, 8.1.3.6), the size is nought.
    value = data[: head + size] if size else data
    # What is read all the same is not worth a line on the terminal: BER, which some servers write, and serial numbers
    # of nought.
    with warnings.catch_warnings(category=UserWarning, action="ignore"):
        return _read_certificate(value) or _read_pkcs7(value) or _read_other(value)


def _head_size(data: bytes) -> int:
    """Count the octets before what a value holds: one for its kind, one for its size or for how many more say it."""
    return 2 + (data[1] & 0x7F if len(data) > 1 and data[1] > 0x80 else 0)


def _read_certificate(data: bytes) -> Sequence[Piece]:
    try:
        read = x509.load_der_x509_certificate(data)
    except UNFIT:
        return ()
    return (_check_parts(read),)


def _check_parts(read: x509.Certificate) -> Piece:
    """Return a certificate whose parts can be read: they are parsed only when they are asked for."""
    try:
        _ = read.subject, read.issuer, read.extensions, read.not_valid_before_utc, read.not_valid_after_utc
    except UNFIT:
        return "damaged"
    return read


def _read_pkcs7(data: bytes) -> Sequence[Piece]:
    try:
        return tuple(_check_parts(read) for read in load_der_pkcs7_certificates(data))
    except UNFIT:
        return ()


def _read_other(data: bytes) -> Sequence[Piece]:
    if data[_head_size(data) :].startswith(KEY_STORE):
        return ("key store",)
    try:
        x509.load_der_x509_csr(data)
    except UNFIT:
        return ("key",) if _is_private_key(data) else ()
    return ("request",)


def _is_private_key(data: bytes) -> bool:
    try:
        load_der_private_key(data, None)
    # It is encrypted.
    except TypeError:
        return True
    except UNFIT:
        return False
    return True
