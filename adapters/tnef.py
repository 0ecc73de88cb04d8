"""What lies in a winmail.dat, in which Exchange packs mails for other Outlooks (Microsoft, MS-OXTNEF 2.1): text and
files.

signature (4 bytes), key (2), then attributes: level (1), id (4), length (4), value, checksum (2); least byte first
"""

import struct
from collections.abc import Iterator

SIGNATURE = 0x223E9F78
BODY, ATTACHED = 0x0002800C, 0x0006800F
# A mail of people's has some dozens.
MOST_ATTRIBUTES = 1_000
_HEAD, _ATTRIBUTE = struct.Struct("<IH"), struct.Struct("<BII")


def find_contents(packed: bytes) -> Iterator[bytes]:
    """Give the plain text and each file, as far as it can be read; nothing where it is no such thing."""
    if len(packed) < _HEAD.size or _HEAD.unpack_from(packed)[0] != SIGNATURE:
        return
    at = _HEAD.size
    for _ in range(MOST_ATTRIBUTES):
        if at + _ATTRIBUTE.size > len(packed):
            return
        _, name, length = _ATTRIBUTE.unpack_from(packed, at)
        at += _ATTRIBUTE.size
        value = packed[at : at + length]
        at += length + 2
        if name == BODY:
            yield value.rstrip(b"\0")
        elif name == ATTACHED:
            yield value
