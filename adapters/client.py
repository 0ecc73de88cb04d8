"""An HTTPS client for carriers: the server shows the certificate that is pinned, and the caller says who it is."""

import ssl
from base64 import b64decode
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp

from adapters.bounded_answers import PLAIN, read_answer
from adapters.route import ANY_CERTIFICATE, NotReached, OtherCertificate, PartnerAnswer, RouteAddress
from adapters.safe_addresses import CarefulResolver, is_name_or_may_be_called

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_connect=10)


class Client:
    """Keeps one session, and in it the connections to partners, open."""

    def __init__(self) -> None:
        """Nothing is opened before the first request."""
        # For addresses on this machine, and for all others.
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}

    async def send_request(
        self, method: str, address: RouteAddress, path: str, *, body: bytes = b"", kind: str = "", most: int
    ) -> PartnerAnswer:
        """One request and its answer, read to its end. Raises NotReached, also where it is longer than `most` bytes."""
        if trouble := _not_to_be_called(address):
            raise NotReached(trouble)
        token = address.bearer()
        headers = (
            PLAIN | ({"Authorization": f"Bearer {token}"} if token else {}) | ({"Content-Type": kind} if kind else {})
        )
        try:
            async with self._session(address.loopback).request(
                method,
                f"{address.url}{path}",
                data=BytesIO(body) if body else None,
                headers=headers,
                ssl=self._trusted(address.pin, address.other_pin),
                allow_redirects=False,
            ) as answer:
                return PartnerAnswer(answer.status, await read_answer(answer, most), dict(answer.headers))
        except TimeoutError:
            raise NotReached("the partner's gateway did not answer in time") from None
        except (aiohttp.ClientError, OSError) as why:
            other = isinstance(why, aiohttp.ClientConnectorCertificateError)
            raise (OtherCertificate if other else NotReached)(_sentence(why)) from None

    async def close(self) -> None:
        """Close the connections."""
        while self._sessions:
            await self._sessions.popitem()[1].close()

    def _session(self, loopback: bool) -> aiohttp.ClientSession:
        if loopback not in self._sessions:
            connector = aiohttp.TCPConnector(resolver=CarefulResolver(loopback=loopback), use_dns_cache=False)
            self._sessions[loopback] = aiohttp.ClientSession(
                connector=connector, timeout=TIMEOUT, trust_env=False, auto_decompress=False
            )
        return self._sessions[loopback]

    def _trusted(self, certificate: str | None, other: str | None) -> ssl.SSLContext:
        """What checks the server's TLS: this certificate or the other and no third, or the public authorities where
        none is pinned.
        """
        pinned = certificate or ""
        by = pinned, other or ""
        if by not in self._contexts:
            trusted = None if pinned in ("", ANY_CERTIFICATE) else b64decode(pinned) + b64decode(other or "")
            context = ssl.create_default_context(cadata=trusted)
            if pinned == ANY_CERTIFICATE:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            self._contexts[by] = context
        return self._contexts[by]


def _not_to_be_called(address: RouteAddress) -> str | None:
    """Why a partner's card names nothing that is called; a card from before its routes were checked may
    say anything.
    """
    try:
        parts = urlsplit(address.url)
        host = parts.hostname or ""
    except ValueError:
        return "the address on their card is not valid"
    if parts.scheme != "https" or not host or parts.username is not None or parts.query or parts.fragment:
        return "the address on their card is not a plain https address"
    if not is_name_or_may_be_called(host, loopback=address.loopback):
        return "the address on their card is this machine's own, or cannot be used"
    return None


def _sentence(why: BaseException) -> str:
    match why:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "the partner's certificate is not the one on its card"
        case aiohttp.ClientConnectorError():
            return "the partner's gateway cannot be reached"
        case _:
            return f"the connection was lost ({type(why).__name__})"
