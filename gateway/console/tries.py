"""Wrong passwords by address, so that one who tries many accounts is held up before a password is looked at.

Kept in memory, and not for ever: a gateway that begins anew, or an attacker with thousands of addresses, loses the count. The lock of
each account stands behind it. A browser from which somebody has come in before is not held up.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import web

MOST, WINDOW = 30, 900.0  # wrong tries of one address, and in how many seconds: some officers share one
ADDRESSES = 4_096  # are remembered, the newest
HOME = 64  # bits of an IPv6 address that a household or an office has for itself


@dataclass(slots=True)
class Tries:
    """How often each address was wrong, since when."""

    counts: dict[str, tuple[int, float]] = field(default_factory=dict)

    def wait(self, address: str, now: float) -> int:
        """The seconds for which this address is not listened to; 0 where it is."""
        count, since = self.counts.get(address, (0, now))
        return int(since + WINDOW - now) + 1 if count >= MOST and now < since + WINDOW else 0

    def wrong(self, address: str, now: float) -> None:
        """One wrong try more."""
        count, since = self.counts.pop(address, (0, now))
        self.counts[address] = (1, now) if now >= since + WINDOW else (count + 1, since)
        if len(self.counts) > ADDRESSES:
            self.counts.pop(next(iter(self.counts)))


TRIES = web.AppKey("wrong passwords by address", Tries)


def address_of(request: web.Request, header: str) -> str:
    """Who asks: the peer, or whom the last proxy names in the header that the settings name. In no other header is it believed."""
    said = request.headers.getall(header, [""])[-1] if header else ""
    return first_of(said.rpartition(",")[2].strip(), request.remote or "")


def first_of(*texts: str) -> str:
    """The first that is an address, as it is counted; empty where none is."""
    for text in texts:
        with suppress(ValueError):
            return _counted(ip_address(text))
    return ""


def _counted(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address.packed, HOME), strict=False))
