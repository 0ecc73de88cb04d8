"""Passwords of local accounts: Argon2id, with the second set of parameters that RFC 9106, section 4, recommends.

64 MiB, three passes, four lanes: about an eighth of a second here, so whoever calls does it in a thread.

One derivation at a time in the whole process. OpenSSL has one pool of threads for all lanes: two derivations at once
each wait for threads that the other holds, for ever. Hashes that are kept say four lanes, so fewer lanes for new ones
are no way out.
"""

from functools import cache
from secrets import token_bytes, token_urlsafe
from threading import Lock

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_BYTES, HASH_BYTES = 16, 32
PASSES, LANES, KIBIBYTES = 3, 4, 65_536
# Characters: a longer one is no password, and costs time.
MAX_PASSWORD = 256
# Of every derivation here, whoever asks for it.
_ONE_AT_A_TIME = Lock()


def hash_password(password: str) -> str:
    """Return the password as it is stored: a PHC string with its own salt and parameters (Argon2id, RFC 9106, 4).

    Takes about an eighth of a second. Nothing is asked of the password; one of more than 256 characters is never right.
    """
    slow = Argon2id(
        salt=token_bytes(SALT_BYTES), length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=KIBIBYTES
    )
    with _ONE_AT_A_TIME:
        return slow.derive_phc_encoded(password.encode())


def is_right_password(password: str, stored: str | None) -> bool:
    """Is it this password? Takes about an eighth of a second.

    Args:
        password: as it was typed.
        stored: what `hash_password` returned; None where there is no such account, which takes as long, so that nobody
            learns who has one.
    """
    # Made before the first check of any kind, so that it makes none longer than another.
    nobodys = _hash_nobodys()
    try:
        with _ONE_AT_A_TIME:
            Argon2id.verify_phc_encoded(password[:MAX_PASSWORD].encode(), stored or nobodys)
    except (InvalidKey, UnicodeEncodeError):
        return False
    return stored is not None and len(password) <= MAX_PASSWORD


def one_time() -> str:
    """Return a password that nobody guesses (120 bits), for the first time that somebody signs in."""
    return token_urlsafe(15)


@cache
def _hash_nobodys() -> str:
    return hash_password(token_urlsafe(32))
