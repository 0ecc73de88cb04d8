"""Identifiers that carry a check or a moment of their own: UPNs (DfE, "Unique Pupil Numbers") and UUIDs (RFC 9562)."""

from datetime import datetime
from uuid import UUID

# 23 letters: no I, O or S.
CHECK_ALPHABET = "ABCDEFGHJKLMNPQRTUVWXYZ"


def upn_check_letter(body: str) -> str:
    """Return the first letter of a UPN (DfE, "Unique Pupil Numbers": weights 2 to 13, modulo 23).

    Args:
        body: the twelve characters after it: digits, of which the last may be a letter of `CHECK_ALPHABET` instead.

    Raises:
        ValueError: there is a character that is neither.
    """
    values = (int(c) if c.isdigit() else CHECK_ALPHABET.index(c) for c in body)
    return CHECK_ALPHABET[sum(weight * value for weight, value in enumerate(values, 2)) % 23]


def is_upn(text: str) -> bool:
    """Has this well-formed UPN the right check letter?

    Args:
        text: 13 characters, as the XSD has them; of its form nothing is asked.

    Raises:
        ValueError: it has a character that no UPN has.
    """
    return upn_check_letter(text[1:]) == text[0]


def build_uuid7(now: datetime, entropy: bytes) -> str:
    """Return a UUIDv7 (RFC 9562, 5.7), in small letters: 48 bits of Unix milliseconds, then 74 random ones.

    Args:
        now: the time, in any zone.
        entropy: ten random bytes; what follows is not used.
    """
    milliseconds = int(now.timestamp() * 1000)
    number = milliseconds << 80 | int.from_bytes(entropy[:10])
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
