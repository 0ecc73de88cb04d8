"""Time-based one-time codes as a second factor, as authenticator apps make them.

TOTP (RFC 6238) with SHA-1, six digits and thirty seconds.
"""

from base64 import b32encode
from datetime import datetime
from secrets import token_bytes

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

# As long as the output of the hash (RFC 4226, section 4, R6).
SECRET_BYTES = 20
DIGITS, SECONDS = 6, 30
# Steps: a clock may be half a minute off (RFC 6238, section 5.2).
AROUND = (0, -1, 1)


def new_secret() -> bytes:
    """Return a new secret (20 random bytes) that the app and we share."""
    return token_bytes(SECRET_BYTES)


def format_secret(secret: bytes) -> str:
    """Return the secret as a person types it into an app: Base32, in groups of four."""
    letters = b32encode(secret).decode()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def build_uri(secret: bytes, *, name: str, issuer: str) -> str:
    """Return what the picture says that an app scans: an `otpauth://totp/` address.

    Args:
        secret: as `new_secret` returned it.
        name: of the account, as the app shall show it.
        issuer: whose account it is.
    """
    return _build_totp(secret).get_provisioning_uri(name, issuer)


def find_step(secret: bytes, code: str, now: datetime, *, after: int = 0) -> int | None:
    """Return the step of time (30 seconds since 1970) to which this code belongs; None where the code is wrong.

    The step before and the next count too, as a clock may be half a minute off. Keep the step that is returned, and
    give it the next time: a code counts once (RFC 6238, 5.2).

    Args:
        secret: as `new_secret` returned it.
        code: as it was typed: six digits, with spaces or without.
        now: the time, in any zone.
        after: the step of the last code that was taken; no code of it, or of an earlier one, is right.
    """
    at = int(now.timestamp()) // SECONDS
    digits = code.replace(" ", "")
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    for offset in AROUND:
        if at + offset <= after:
            continue
        try:
            _build_totp(secret).verify(digits.encode(), (at + offset) * SECONDS)
        except InvalidToken:
            continue
        return at + offset
    return None


def _build_totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), SECONDS)  # noqa: S303 - as the apps have it
