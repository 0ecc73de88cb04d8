"""An HTTPS client for carriers: the server shows the certificate that is pinned, and the caller says who it is."""

import ssl
from base64 import b64decode
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp

from adapters.bounded_answers import PLAIN, read_answer
from adapters.outgoing import open_session
from adapters.proxy import Proxy
from adapters.route import (
    ANY_CERTIFICATE,
    ExpiredCertificate,
    NotReached,
    OtherCertificate,
    PartnerAnswer,
    RouteAddress,
)
from adapters.safe_addresses import CarefulResolver, is_name_or_may_be_called

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_connect=10)
# Why a gateway was not reached, as codes of a try.
NO_ANSWER, NO_NAME, CLOSED_PORT, LOST = "no-answer", "no-name", "closed-port", "lost"
NOT_TLS, TLS_FAILED = "not-tls", "tls-failed"
# What OpenSSL calls it where the other side speaks something else.
NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE"}


class Client:
    """Keeps one session, and in it the connections to partners, open."""

    def __init__(self) -> None:
        """Nothing is opened before the first request."""
        # For addresses on this machine, and for all others; by the proxy.
        self._sessions: dict[tuple[bool, Proxy | None], aiohttp.ClientSession] = {}
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
            async with self._session(address).request(
                method,
                f"{address.url}{path}",
                data=BytesIO(body) if body else None,
                headers=headers,
                ssl=self._trusted(address.pin, address.other_pin),
                allow_redirects=False,
            ) as answer:
                return PartnerAnswer(answer.status, await read_answer(answer, most), dict(answer.headers))
        except TimeoutError:
            raise NotReached("the partner's gateway did not answer in time", NO_ANSWER) from None
        except (aiohttp.ClientError, OSError) as why:
            raise _build_trouble(why) from None

    async def close(self) -> None:
        """Close the connections."""
        while self._sessions:
            await self._sessions.popitem()[1].close()

    def _session(self, address: RouteAddress) -> aiohttp.ClientSession:
        by = address.loopback, address.proxy
        if by not in self._sessions:
            self._sessions[by] = open_session(address.proxy, TIMEOUT, CarefulResolver(loopback=address.loopback))
        return self._sessions[by]

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


def _build_trouble(why: BaseException) -> NotReached:
    match why:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError(verify_code=10)):
            return ExpiredCertificate("the partner's certificate has expired")
        case aiohttp.ClientConnectorCertificateError():
            return OtherCertificate("the partner's certificate is not the one on its card")
        case aiohttp.ClientConnectorSSLError() if getattr(why.os_error, "reason", "") in NO_TLS:
            return NotReached("what answers at the partner's address does not use TLS", NOT_TLS)
        case aiohttp.ClientConnectorSSLError():
            return NotReached("the partner's gateway and this one could not agree on TLS", TLS_FAILED)
        case aiohttp.ClientConnectorDNSError():
            return NotReached("the name of the partner's gateway cannot be found, so it cannot be reached", NO_NAME)
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return NotReached("the partner's gateway cannot be reached", CLOSED_PORT)
        case aiohttp.ClientConnectorError():
            return NotReached("the partner's gateway cannot be reached")
        case _:
            return NotReached(f"the connection was lost ({type(why).__name__})", LOST)
