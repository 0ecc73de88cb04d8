"""Tokens with which a program signs in at a mail server, from whoever the server trusts (OAuth 2, RFC 6749, 4.4).

As Microsoft 365 wants it: no person signs in, the gateway has an identity of its own there.
"""

import json
import time

import aiohttp

from adapters.bounded_answers import PLAIN, read_answer
from adapters.outgoing import build_tls_context, open_session
from adapters.route import NotReached, TokenSource

TIMEOUT = aiohttp.ClientTimeout(total=10)
MAX_BYTES = 65_536
# Seconds before its end, a token is got anew.
EARLY = 120.0


class Tokens:
    """Keeps each token for as long as it holds."""

    def __init__(self) -> None:
        """None is got before it is asked for."""
        self._kept: dict[TokenSource, tuple[str, float]] = {}

    async def get_token(self, source: TokenSource, authorities: str | None) -> str:
        """A token that holds.

        `authorities`: PEM, who may have issued the certificate of its server. Raises NotReached.
        """
        token, ends = self._kept.get(source, ("", 0.0))
        if time.monotonic() > ends - EARLY:
            token, seconds = await _fetch(source, authorities)
            self._kept[source] = token, time.monotonic() + seconds
        return token


async def _fetch(source: TokenSource, authorities: str | None) -> tuple[str, float]:
    form = {
        "grant_type": "client_credentials",
        "client_id": source.client_id,
        "client_secret": source.client_secret,
        "scope": source.scope,
    }
    # The system's authorities as well: the token may come from somebody else than the mail.
    trusted = build_tls_context(authorities)
    try:
        async with (
            open_session(source.proxy, TIMEOUT) as session,
            session.post(source.url, data=form, headers=PLAIN, ssl=trusted, allow_redirects=False) as answer,
        ):
            members = json.loads(await read_answer(answer, MAX_BYTES))
            return str(members["access_token"]), float(members.get("expires_in", 300))
    except (aiohttp.ClientError, OSError) as why:
        raise NotReached(f"a token for the email account cannot be fetched ({type(why).__name__})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotReached("the email service refused this gateway's identity and gave no token") from None
