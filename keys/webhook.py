"""The signature under what we tell a case system.

Standard Webhooks 1.0: `v1`, HMAC-SHA256 under a secret that both have.
"""

from base64 import b64encode
from secrets import token_bytes

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

# The standard wants 24 to 64.
SECRET_BYTES = 32
PREFIX = "whsec_"


def new_secret() -> bytes:
    """Return a new secret (32 random bytes) for one webhook."""
    return token_bytes(SECRET_BYTES)


def format_secret(secret: bytes) -> str:
    """Return the secret as the standard has it written, and libraries take it: `whsec_` and base64."""
    return PREFIX + b64encode(secret).decode()


def sign(secret: bytes, name: str, seconds: int, body: bytes) -> str:
    """Return the value of the header webhook-signature (Standard Webhooks 1.0): `v1,` and base64.

    Args:
        secret: as `new_secret` returned it.
        name: the value of webhook-id.
        seconds: the value of webhook-timestamp: since 1970.
        body: the bytes that are sent, as they are.
    """
    mac = HMAC(secret, SHA256())
    mac.update(f"{name}.{seconds}.".encode() + body)
    return f"v1,{b64encode(mac.finalize()).decode()}"
