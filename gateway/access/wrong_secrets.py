"""Addresses that showed too many wrong secrets are not listened to for a while, at any process of a gateway."""

from gateway.context import Gateway
from gateway.core.lockout import Entrance
from gateway.store import wrong_tries


def find_wait(gw: Gateway, entrance: Entrance, address: str) -> int:
    """Return the seconds for which this address is not listened to at this entrance; 0 where it is."""
    return gw.store.look(lambda tx: wrong_tries.find_wait(tx, entrance, address, gw.now()))


def count_wrong_secret(gw: Gateway, entrance: Entrance, address: str) -> None:
    """Count one wrong secret more of this address."""
    gw.store.run(lambda tx: wrong_tries.count_wrong_try(tx, entrance, address, gw.now()))
