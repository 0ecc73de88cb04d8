"""Where connections begin that lead out of this machine: straight, or through the council's proxy (CONNECT, RFC 9110,
9.3.6).

Where somebody else gave us the address (a card, a case system), it is looked up and judged here, and the proxy is given
the address that was found, not the name: the name cannot lead elsewhere a moment later, or where only the proxy gets.
TLS is spoken with the server itself, and checked for its name. Where the operator gave us the address, the proxy is
given the name. No environment variable is read.
"""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.resolver import ThreadedResolver

from adapters.proxy import Proxy
from adapters.route import NotReached

# Seconds: to the proxy, and until it has answered. Together less than any who ask may take to connect.
DIAL_SECONDS, ANSWER_SECONDS = 3.0, 5.0
# Bytes, of the proxy's answer before the tunnel begins.
MOST_HEAD = 16_384
HEAD_END = b"\r\n\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})\b")
TARGET = re.compile(r"[A-Za-z0-9._:%-]{1,255}")


class ProxyTrouble(NotReached):
    """The proxy opened no tunnel: one sentence, and which kind of trouble as a code."""

    def __init__(self, kind: str, sentence: str) -> None:
        """`kind`: what the code ends with, of the table of errors."""
        super().__init__(sentence, f"proxy.{kind}")


async def open_tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
    """Ask the proxy for a connection to a host, by its name or address, and return it; nothing was read of it yet.

    Raises:
        ProxyTrouble: there is none, and why.
    """
    if not TARGET.fullmatch(host):
        raise NotReached("the address cannot be used")
    opened = await _dial(proxy)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(opened, _build_request(proxy, host, port))
            head = await _read_head(loop, opened)
        _check_head(head, proxy)
    except TimeoutError:
        opened.close()
        raise ProxyTrouble("silent", "your proxy did not answer in time") from None
    except OSError as why:
        opened.close()
        raise ProxyTrouble("silent", f"your proxy closed the connection ({type(why).__name__})") from None
    except BaseException:
        opened.close()
        raise
    return opened


async def _dial(proxy: Proxy) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            infos = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
            for at, (family, kind, number, _, address) in enumerate(infos, 1):
                opened = socket.socket(family, kind, number)
                opened.setblocking(False)
                try:
                    await loop.sock_connect(opened, address)
                except BaseException as why:
                    opened.close()
                    if at == len(infos) or not isinstance(why, OSError) or isinstance(why, TimeoutError):
                        raise
                else:
                    return opened
    except socket.gaierror:
        raise ProxyTrouble("no-name", "your proxy cannot be found: its name leads nowhere") from None
    except OSError as why:
        # TimeoutError is one.
        raise ProxyTrouble("unreachable", f"your proxy cannot be reached ({type(why).__name__})") from None
    raise ProxyTrouble("no-name", "your proxy cannot be found: its name leads nowhere")


def _build_request(proxy: Proxy, host: str, port: int) -> bytes:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.user:
        # RFC 7617, 2.
        pair = b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _read_head(loop: asyncio.AbstractEventLoop, opened: socket.socket) -> bytes:
    """Read to the end of the answer's head and no byte further: what follows is of the server behind the proxy."""
    head = bytearray()
    while not head.endswith(HEAD_END) and len(head) < MOST_HEAD:
        if not (part := await loop.sock_recv(opened, 1)):
            break
        head += part
        if len(head) == len(b"HTTP/1.1 200") and not STATUS_LINE.match(head):
            break
    return bytes(head)


def _check_head(head: bytes, proxy: Proxy) -> None:
    """Raise ProxyTrouble where the answer is not that of a proxy that opened a tunnel."""
    line = STATUS_LINE.match(head)
    status = int(line[1]) if line else 0
    if not head:
        raise ProxyTrouble("silent", "your proxy closed the connection without an answer")
    headers = head.lower().split(b"\r\n")
    is_page = any(re.match(rb"content-type:\s*text/", header) for header in headers)
    if not status or 300 <= status < 400 or (status < 300 and (is_page or not head.endswith(HEAD_END))):
        raise ProxyTrouble("not-a-proxy", "what answers in the place of your proxy is a web page, not a proxy")
    # Some answer 401 to a sign-in that is wrong, though that is for servers.
    if status in (401, 407):
        if status == 407 and not any(re.match(rb"proxy-authenticate:\s*basic\b", header) for header in headers):
            raise ProxyTrouble("sign-in-kind", "your proxy wants a sign-in of another kind than Basic (407)")
        did = "did not accept the sign-in" if proxy.user else "wants a sign-in"
        raise ProxyTrouble("sign-in", f"your proxy {did} ({status})")
    if status >= 500:
        raise ProxyTrouble("no-way", f"not reached through your proxy, which answered {status}")
    if status >= 300:
        raise ProxyTrouble("refused", f"your proxy refused the connection ({status})")


def find_proxy_trouble(proxy: Proxy, targets: Sequence[tuple[str, int]]) -> ProxyTrouble | None:
    """Ask the proxy for tunnels to these hosts, by name or address, and close them; nothing is sent into them.

    It is well once it opened one. Without a host, it is only called. For whoever cannot wait in a loop.
    """
    # There may be a loop in this thread.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, _find_trouble(proxy, targets)).result()


async def _find_trouble(proxy: Proxy, targets: Sequence[tuple[str, int]]) -> ProxyTrouble | None:
    trouble = None
    try:
        if not targets:
            (await _dial(proxy)).close()
        for host, port in targets:
            try:
                (await open_tunnel(proxy, host, port)).close()
            except ProxyTrouble as why:
                if why.short not in ("proxy.no-way", "proxy.silent"):
                    raise
                trouble = why
            else:
                return None
    except ProxyTrouble as why:
        return why
    return trouble


def build_tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """Build what checks the certificate of a server that the operator named.

    `authorities`: PEM, who may have issued it, besides those that the system knows.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context


def open_session(
    proxy: Proxy | None, timeout: aiohttp.ClientTimeout, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Return an HTTP client that goes by the proxy, where there is one. It reads no environment, and unpacks nothing.

    Args:
        proxy: the council's, if there is one.
        timeout: of each request.
        resolver: judges names that somebody else gave us; None: the operator gave them.
    """
    names = resolver or (ThreadedResolver() if proxy is None else _NamedToProxy(proxy))
    connector = _Connector(proxy, names)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False, auto_decompress=False)


class _NamedToProxy(AbstractResolver):
    """Leaves names to the proxy, but those that are reached without it."""

    def __init__(self, proxy: Proxy) -> None:
        self._plain, self._proxy = ThreadedResolver(), proxy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self._proxy.is_bypassed(host):
            return await self._plain.resolve(host, port, family)
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        await self._plain.close()


class _Connector(aiohttp.TCPConnector):
    """Connects to what a name was found to lead to, through the proxy where there is one."""

    def __init__(self, proxy: Proxy | None, resolver: AbstractResolver) -> None:
        super().__init__(resolver=resolver, use_dns_cache=False)
        self._proxy = proxy

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[Any],
        req: ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp calls it
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **kwargs: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        # Each: family, kind, protocol, name, and the address with its port.
        hosts = [str(info[4][0]) for info in addr_infos]
        proxy = self._proxy
        if proxy is None or any(map(proxy.is_bypassed, (req.url.raw_host or "", *hosts))):
            return await super()._wrap_create_connection(
                *args, addr_infos=addr_infos, req=req, timeout=timeout, client_error=client_error, **kwargs
            )
        opened = await _open_first_tunnel(proxy, hosts, req.port or 443)
        try:
            return await self._wrap_existing_connection(
                *args, sock=opened, req=req, timeout=timeout, client_error=client_error, **kwargs
            )
        except BaseException:
            opened.close()
            raise


async def _open_first_tunnel(proxy: Proxy, hosts: Sequence[str], port: int) -> socket.socket:
    """Open a tunnel to the first of several addresses of one host that the proxy can reach."""
    for host in hosts[:-1]:
        try:
            return await open_tunnel(proxy, host, port)
        except ProxyTrouble as why:
            if why.short != "proxy.no-way":
                raise
    return await open_tunnel(proxy, hosts[-1], port)
