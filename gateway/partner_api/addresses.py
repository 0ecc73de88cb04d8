"""Who asks, as an address that can be counted: the peer, or whom a proxy before us names."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

HOME = 64  # bits of an IPv6 address that a household or an office has for itself


def first_of(*texts: str) -> str:
    """The first that is an address, as it is counted; empty where none is."""
    for text in texts:
        with suppress(ValueError):
            return _counted(ip_address(text))
    return ""


def who_asks(request: web.Request, header: str, proxies: str) -> str:
    """The peer, or whom the last proxy names in the header that the settings name. In no other header is it believed.

    Where the settings name the proxies too, their word counts and nobody else's.
    """
    peer = request.remote or ""
    if not header or (proxies and not is_one_of(peer, proxies.split())):
        return first_of(peer)
    said = request.headers.getall(header, [""])[-1]
    return first_of(said.rpartition(",")[2].strip(), peer)


def is_one_of(peer: str, known: Iterable[str]) -> bool:
    """Is this peer one of these addresses, or in one of these networks?"""
    with suppress(ValueError):
        address = ip_address(peer)
        plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
        return any(plain in ip_network(one, strict=False) for one in known)
    return False


def _counted(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address.packed, HOME), strict=False))
