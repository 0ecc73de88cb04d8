"""A checkpoint sent to an outside witness over HTTPS: `add-checkpoint` of C2SP tlog-witness.

The address stands in the operator's own file, so it is believed. No redirect is followed.
"""

from dataclasses import dataclass

import aiohttp

from adapters.bounded_answers import PLAIN, read_answer
from adapters.outgoing import build_tls_context, open_session
from adapters.proxy import Proxy
from adapters.route import NotReached

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# Some signature lines of 150 bytes, or a number.
MAX_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What a witness answered."""

    status: int
    body: str


async def add_checkpoint(url: str, body: str, *, ca: str | None, proxy: Proxy | None = None) -> WitnessAnswer:
    """Send a checkpoint, with the proof that it continues the one before.

    Args:
        url: the witness's submission prefix, without a slash at its end.
        body: as the specification has it.
        ca: PEM, who may have issued the certificate of its server, besides those that the system knows.
        proxy: by which it is reached, if there is one.

    Raises:
        NotReached: nothing was answered, or nothing that can be read.
    """
    trusted = build_tls_context(ca)
    try:
        async with (
            open_session(proxy, TIMEOUT) as session,
            session.post(
                f"{url}/add-checkpoint", data=body.encode(), headers=PLAIN, ssl=trusted, allow_redirects=False
            ) as answer,
        ):
            return WitnessAnswer(answer.status, (await read_answer(answer, MAX_BYTES)).decode())
    except (aiohttp.ClientError, OSError, ValueError) as why:
        # TimeoutError is an OSError; what is no text, a ValueError.
        raise NotReached(f"the outside witness did not answer ({type(why).__name__})") from None
