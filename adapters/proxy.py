"""The council's outbound proxy: where it is, how we sign in there, and what is reached without it."""

import ipaddress
from dataclasses import dataclass, field

from adapters.safe_addresses import is_loopback


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that opens tunnels (CONNECT, RFC 9110, 9.3.6), on whose way nothing can be read but where we call."""

    host: str
    port: int
    # Empty: nobody signs in.
    user: str = ""
    password: str = field(default="", repr=False)
    # Names of hosts, and with a dot before it a domain and all below; addresses and networks.
    exceptions: tuple[str, ...] = ()
    # SSH goes by it too.
    carries_sftp: bool = False

    def is_bypassed(self, host: str) -> bool:
        """Say whether a host, by its name or its address, is reached without the proxy, as this machine always is."""
        host = host.strip("[]").rstrip(".").lower()
        return is_loopback(host) or any(_covers(exception.lower(), host) for exception in self.exceptions)


def _covers(exception: str, host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == exception or (exception.startswith(".") and f".{host}".endswith(exception))
    try:
        return (getattr(address, "ipv4_mapped", None) or address) in ipaddress.ip_network(exception, strict=False)
    except ValueError:
        return False
