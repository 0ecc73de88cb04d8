"""HTTPS: one POST carries many parcels, and its answer holds a receipt for each.

POST <url>/messages
Authorization: Bearer <caller's token>
Content-Type: application/vnd.cme-exchange.messages        one sealed message a line

200, application/vnd.cme-exchange.receipts                 one receipt a line, in the order of the messages
"""

import ssl
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO

import aiohttp

from adapters.route import Address, Attempt, Parcel, Receipted, Refused, TryLater

MESSAGES_TYPE = "application/vnd.cme-exchange.messages"
RECEIPTS_TYPE = "application/vnd.cme-exchange.receipts"
TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_connect=10)  # below the time of a claim (two minutes)
MAX_ANSWER_BYTES = 4_194_304  # 100 receipts of 16 KiB, and more than any partner has reason to send
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
OURS_TO_MEND = frozenset({401, 403, 413})  # the same bytes will do once a card, a clock or a limit has been set right


class _TooMuch(Exception):  # noqa: N818 - not a fault
    """The partner takes fewer at once."""


class Https:
    """Keeps one session, and in it the connections to partners, open."""

    def __init__(self) -> None:
        """Nothing is opened before the first delivery."""
        self._session: aiohttp.ClientSession | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def deliver(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Post the parcels; in halves where the partner finds them too many, or too large together."""
        try:
            return await self._post(address, parcels)
        except _TooMuch:
            half = len(parcels) // 2
            return [*await self.deliver(address, parcels[:half]), *await self.deliver(address, parcels[half:])]

    async def _post(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """One request. One ending serves for all where the request as a whole had one."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False)
        headers = {"Authorization": f"Bearer {address.bearer()}", "Content-Type": MESSAGES_TYPE}
        body = b"\n".join(parcel.sealed for parcel in parcels)
        try:
            async with self._session.post(
                f"{address.url}/messages",
                data=BytesIO(body),
                headers=headers,
                ssl=self._trusted(address.pin),
                allow_redirects=False,
            ) as answer:
                if answer.status == 413 and len(parcels) > 1:
                    raise _TooMuch
                if answer.status != 200:
                    return [_refusal(answer)] * len(parcels)
                text = await answer.content.readexactly(min(int(answer.content_length or 0), MAX_ANSWER_BYTES))
        except TimeoutError:
            return [TryLater("the partner's gateway did not answer in time")] * len(parcels)
        except (aiohttp.ClientError, OSError, EOFError) as why:
            return [TryLater(_sentence(why))] * len(parcels)
        receipts = text.decode("ascii", "replace").split("\n")
        if len(receipts) != len(parcels):
            return [TryLater("the partner's answer did not hold one receipt for each message")] * len(parcels)
        return [Receipted(receipt) for receipt in receipts]

    def _trusted(self, certificate: str | None) -> ssl.SSLContext:
        """What checks the server's TLS: this certificate and no other, or the public authorities where none is pinned."""
        pinned = certificate or ""
        if pinned not in self._contexts:
            context = ssl.create_default_context(cadata=b64decode(pinned)) if pinned else ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            self._contexts[pinned] = context
        return self._contexts[pinned]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def carrier() -> Https:
    """The entry point."""
    return Https()


def _refusal(answer: aiohttp.ClientResponse) -> TryLater | Refused:
    reason = f"the partner's gateway answered {answer.status}"
    if answer.status in LATER | OURS_TO_MEND:
        after = answer.headers.get("Retry-After", "")
        return TryLater(reason, timedelta(seconds=int(after)) if after.isdecimal() and len(after) < 6 else None)
    return Refused(f"https.{answer.status}", reason)


def _sentence(why: BaseException) -> str:
    match why:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "the partner's certificate is not the one on its card"
        case aiohttp.ClientConnectorError():
            return "the partner's gateway cannot be reached"
        case _:
            return f"the connection broke ({type(why).__name__})"
