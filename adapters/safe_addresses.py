"""Where a name may lead that somebody else gave us: not to this machine, nor to what lies only beside it (CWE-918).

Addresses of a link, where metadata of a cloud lie, of many, of nobody, or that are reserved, are never called. Loopback
is called only where it is said so. Private addresses may be called: councils exchange over them. A name is looked up at
each connection, and what it was found to lead to is what is connected to, so that it cannot lead elsewhere a moment
later.
"""

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


class CarefulResolver(AbstractResolver):
    """Finds where a name leads, and leaves out what it may not lead to."""

    def __init__(self, *, loopback: bool = False) -> None:
        """`loopback`: this machine may be called."""
        self._plain, self._loopback = ThreadedResolver(), loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look it up. Raises OSError where it leads nowhere that may be called."""
        results = await self._plain.resolve(host, port, family)
        allowed = [result for result in results if may_be_called(result["host"], loopback=self._loopback)]
        if not allowed:
            raise OSError("the name is this machine's own, or has no address")
        return allowed

    async def close(self) -> None:
        """Close the resolver beneath."""
        await self._plain.close()


def may_be_called(text: str, *, loopback: bool = False) -> bool:
    """Say whether an address may be connected to. Raises ValueError where it is none."""
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return loopback
    return not (address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved)


def is_name_or_may_be_called(host: str, *, loopback: bool = False) -> bool:
    """The same of a host in an address, which may be a name: names are looked up by the resolver, literal addresses are
    not.
    """
    try:
        return may_be_called(host.strip("[]"), loopback=loopback)
    except ValueError:
        return True


def is_loopback(host: str) -> bool:
    """Does a host in an address of ours mean this machine?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
