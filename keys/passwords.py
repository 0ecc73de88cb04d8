"""Passwords of local accounts: Argon2id, with the second set of parameters that RFC 9106, section 4, recommends.

64 MiB, three passes, four lanes: about an eighth of a second here, so whoever calls does it in a thread.
"""

from functools import cache
from secrets import token_bytes, token_urlsafe

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_BYTES, HASH_BYTES = 16, 32
PASSES, LANES, KIBIBYTES = 3, 4, 65_536
MAX_PASSWORD = 256  # characters: a longer one is no password, and costs time


def hashed(password: str) -> str:
    """The password as it is kept: a PHC string with its own salt and parameters."""
    slow = Argon2id(
        salt=token_bytes(SALT_BYTES), length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=KIBIBYTES
    )
    return slow.derive_phc_encoded(password.encode())


def matches(password: str, kept: str | None) -> bool:
    """Is it this password? Where none is kept it takes as long, so that nobody learns who has an account."""
    try:
        Argon2id.verify_phc_encoded(password[:MAX_PASSWORD].encode(), kept or _nobody())
    except (InvalidKey, UnicodeEncodeError):
        return False
    return kept is not None and len(password) <= MAX_PASSWORD


def one_time() -> str:
    """A password that nobody guesses, for the first time that somebody signs in."""
    return token_urlsafe(15)


@cache
def _nobody() -> str:
    return hashed(token_urlsafe(32))
