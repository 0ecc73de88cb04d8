"""What happened, posted to where a case system wants to be told: over HTTPS, to a host that is listed, and nowhere
else.

Who names the address is a client, so it is not believed (server-side request forgery): https only; host and port stand
in the operator's list; no redirect is followed; and a name may not lead to this machine or to the addresses of its own
link, where metadata of a cloud lie. An address that the list itself names by its digits may be such a one. What a name
was found to lead to is what is connected to, so that it cannot lead elsewhere a moment later.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from adapters.outgoing import build_tls_context, open_session
from adapters.proxy import Proxy
from adapters.route import NotReached
from adapters.safe_addresses import CarefulResolver

# The standard wants 15 to 30 seconds at most.
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=9, sock_connect=5)
# Characters.
MAX_URL = 500
HTTPS_PORT = 443


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Is it an https address of a host, and a port, that are listed? `host` alone stands for its port 443."""
    if not (len(url) <= MAX_URL and url.isascii() and url.isprintable() and " " not in url and "\\" not in url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or HTTPS_PORT
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc or parts.fragment:
        return False
    return f"{host}:{port}" in hosts or (port == HTTPS_PORT and host in hosts)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Where anything may be posted, as the operator says."""

    # With their ports, where they are not 443.
    hosts: Collection[str]
    # PEM: who may have issued their certificates, besides those that the system knows.
    ca: str | None = None
    # By which they are reached.
    proxy: Proxy | None = None


async def post(url: str, body: bytes, headers: Mapping[str, str], allowed: AllowedHosts) -> str | None:
    """Post it once. None where it was taken (2xx); otherwise why not, in a few words without the address."""
    if not is_allowed(url, allowed.hosts):
        return "the host is not listed any more"
    try:
        async with (
            open_session(allowed.proxy, TIMEOUT, CarefulResolver()) as session,
            session.post(
                url, data=body, headers=headers, ssl=build_tls_context(allowed.ca), allow_redirects=False
            ) as answer,
        ):
            return None if 200 <= answer.status < 300 else f"answered {answer.status}"
    except NotReached as why:
        return str(why)
    except (aiohttp.ClientError, OSError, ValueError) as why:
        # TimeoutError is an OSError.
        return type(why).__name__
