"""Browsers from which somebody has signed in before, so that wrong tries of others cannot keep them out (OWASP's device
cookies).

Wrong tries from any other browser lock the account for all of those; a browser that is known has a count of its own,
and is not held up by that lock. The browser keeps a secret and the store its digest; it opens nothing: the password and
the code are asked as ever.
"""

from datetime import timedelta
from secrets import token_urlsafe

from gateway.access.sessions import compute_secret_digest
from gateway.context import Gateway
from gateway.store import devices
from gateway.store.database import Tx
from gateway.store.devices import Device

# Since they came in from there last.
LIFE = timedelta(days=180)


def find_known_device(tx: Tx, gw: Gateway, secret: str, name: str) -> Device | None:
    """Return the browser with this secret, if this person came in from it before."""
    device = devices.find_device(tx, compute_secret_digest(secret), name) if secret else None
    return device if device and gw.now() - device.seen_at < LIFE else None


def is_device_known(gw: Gateway, secret: str, name: str) -> bool:
    """Tell whether this person came in from this browser before."""
    return gw.store.look(lambda tx: find_known_device(tx, gw, secret, name.strip().casefold())) is not None


def remember_device(gw: Gateway, secret: str, name: str) -> str:
    """Keep the browser from which they came in, and return its secret. One secret serves all who share the browser."""

    def write(tx: Tx) -> str:
        now = gw.now()
        devices.delete_unseen_devices(tx, now - LIFE)
        cookie = secret if secret and devices.is_known_device(tx, compute_secret_digest(secret)) else token_urlsafe(32)
        devices.replace_device(tx, Device(compute_secret_digest(cookie), name, now))
        return cookie

    return gw.store.run(write)
