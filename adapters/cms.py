"""What a signed mail holds whose text lies within its signature (RFC 5652, 5.1; RFC 8551, 3.5.2).

No signature is checked here.

ContentInfo is a sequence of an OID and [0] { SignedData }; SignedData, of a version, digest algorithms, and the
content: a sequence of an OID and [0] { octets, in one piece or in several }. Lengths may be left open (X.690, 8.1.3.6).
"""

# 1.2.840.113549.1.7.2.
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
# Values within values.
DEEPEST = 32
# Of the content: programs write a thousand bytes in one.
MOST_PIECES = 100_000
SEQUENCE, OCTETS, CONTEXT = 0x30, 0x04, 0xA0
CONSTRUCTED = 0x20


def read_signed_content(der: bytes) -> bytes | None:
    """Give the signed content; None where it is encrypted, or no such thing."""
    try:
        if SIGNED_DATA not in der[:64]:
            return None
        info, _ = _enter(der, 0, SEQUENCE)
        signed, _ = _enter(der, _end(der, info, 0), CONTEXT)
        at, _ = _enter(der, signed, SEQUENCE)
        # After the version and the digest algorithms.
        at = _end(der, _end(der, at, 0), 0)
        at, _ = _enter(der, at, SEQUENCE)
        at, _ = _enter(der, _end(der, at, 0), CONTEXT)
        pieces: list[bytes] = []
        _read_octets(der, at, pieces, 0)
        return b"".join(pieces)
    except (IndexError, ValueError):
        return None


def _head(der: bytes, at: int) -> tuple[int, int, int | None]:
    """Give the kind of a value, where it begins, and how long it is; None where that is left open."""
    kind, size = der[at], der[at + 1]
    at += 2
    if size == 0x80:
        return kind, at, None
    if size > 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(der[at : at + count], "big"), at + count
    if at + size > len(der):
        raise ValueError("cut off")
    return kind, at, size


def _enter(der: bytes, at: int, wanted: int) -> tuple[int, int | None]:
    kind, begin, size = _head(der, at)
    if kind != wanted:
        raise ValueError("another kind")
    return begin, size


def _end(der: bytes, at: int, depth: int) -> int:
    """Give where the value that begins here ends."""
    kind, begin, size = _head(der, at)
    if size is not None:
        return begin + size
    if depth > DEEPEST or not kind & CONSTRUCTED:
        raise ValueError("no end")
    while der[begin : begin + 2] != b"\0\0":
        begin = _end(der, begin, depth + 1)
    return begin + 2


def _read_octets(der: bytes, at: int, pieces: list[bytes], depth: int) -> int:
    """Add the octets of the value that begins here; where it ends."""
    kind, begin, size = _head(der, at)
    if kind == OCTETS and size is not None:
        pieces.append(der[begin : begin + size])
        if len(pieces) > MOST_PIECES:
            raise ValueError("too many pieces")
        return begin + size
    if kind != OCTETS | CONSTRUCTED or depth > DEEPEST:
        raise ValueError("no octets")
    end = None if size is None else begin + size
    while (end is None and der[begin : begin + 2] != b"\0\0") or (end is not None and begin < end):
        begin = _read_octets(der, begin, pieces, depth + 1)
    return begin + 2 if end is None else end
