"""Identifiers that carry a check or a moment of their own."""

from datetime import datetime
from uuid import UUID

# 23 letters: no I, O or S.
CHECK_ALPHABET = "ABCDEFGHJKLMNPQRTUVWXYZ"


def upn_check_letter(body: str) -> str:
    """Return the first letter of a UPN, from the twelve characters after it.

    DfE, "Unique Pupil Numbers": weights 2 to 13, modulo 23.
    """
    values = (int(c) if c.isdigit() else CHECK_ALPHABET.index(c) for c in body)
    return CHECK_ALPHABET[sum(weight * value for weight, value in enumerate(values, 2)) % 23]


def is_upn(text: str) -> bool:
    """Has this well-formed UPN the right check letter? Of its form nothing is asked."""
    return upn_check_letter(text[1:]) == text[0]


def build_uuid7(now: datetime, entropy: bytes) -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 of the ten bytes of `entropy`."""
    milliseconds = int(now.timestamp() * 1000)
    number = milliseconds << 80 | int.from_bytes(entropy[:10])
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
