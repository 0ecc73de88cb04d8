"""Who asks, as an address that can be counted: the peer, or whom a proxy before us names."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

# Bits of an IPv6 address that a household or an office has for itself.
HOME = 64


def find_first_address(*texts: str) -> str:
    """Return the first that is an address, as it is counted; empty where none is."""
    for text in texts:
        with suppress(ValueError):
            return _format_counted_address(ip_address(text))
    return ""


def get_caller_address(request: web.Request, header: str, proxies: str) -> str:
    """Return the peer, or whom the last proxy names in the header of the settings. No other header is believed.

    Where the settings name the proxies too, their word counts and nobody else's.
    """
    peer = request.remote or ""
    if not header or (proxies and not is_known_peer(peer, proxies.split())):
        return find_first_address(peer)
    forwarded = request.headers.getall(header, [""])[-1]
    return find_first_address(forwarded.rpartition(",")[2].strip(), peer)


def is_known_peer(peer: str, known: Iterable[str]) -> bool:
    """Tell whether this peer is one of these addresses, or in one of these networks."""
    with suppress(ValueError):
        address = ip_address(peer)
        plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
        return any(plain in ip_network(network, strict=False) for network in known)
    return False


def _format_counted_address(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address.packed, HOME), strict=False))
