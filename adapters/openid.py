"""What is asked of an identity provider, the council's directory in which its people sign in (OpenID Connect).

Three questions: where its endpoints are (Discovery 1.0), which keys it signs with (JWK Set, RFC 7517, 5), and, for a
code that a person's browser brought, who that person is (Core 1.0, 3.1.3). The answers are not believed here: what the
ID token says counts once it was verified elsewhere, with those keys.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlsplit

import aiohttp

from adapters.bounded_answers import PLAIN, AnswerTooLong, read_answer
from adapters.outgoing import build_tls_context, open_session
from adapters.proxy import Proxy
from adapters.route import NotReached

# A person waits.
TIMEOUT = aiohttp.ClientTimeout(total=12, connect=9, sock_connect=5)
# Entra's keys with their certificates are 20 KB, an ID token with many groups 16 KB.
MAX_BYTES = 262_144
# Seconds that endpoints and keys are kept.
KEPT = 3600.0
# Seconds between two looks for a key that is not among those that we keep.
AGAIN = 60.0
DISCOVERY = "/.well-known/openid-configuration"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
BASIC, POST = "client_secret_basic", "client_secret_post"


class NotAsAgreed(Exception):  # noqa: N818 - an answer that somebody has to mend
    """The identity provider answers, but not as OpenID Connect or our settings say: one sentence."""


class CodeRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The identity provider takes the code not, or not from us: the word for it (RFC 6749, 5.2)."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How this gateway is known to the identity provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    # By which it is reached.
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the identity provider is asked, as it says itself."""

    authorization: str
    token: str
    keys: str
    secret_by_post: bool
    # In each answer that a browser brings (RFC 9207).
    names_itself: bool


class IdentityProvider:
    """Keeps what the provider says of itself for an hour. It opens no connection before it is asked, and keeps none."""

    def __init__(self, registration: Registration, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, from anywhere."""
        self.registration = registration
        self._clock = clock
        self._endpoints: tuple[Endpoints, float] | None = None
        self._keys: tuple[Sequence[object], float] | None = None
        self._looked_again = clock() - AGAIN

    async def get_endpoints(self) -> Endpoints:
        """Where it is asked. Raises NotReached, NotAsAgreed."""
        if self._endpoints is None or self._clock() > self._endpoints[1] + KEPT:
            issuer = self.registration.issuer
            members = await self._get(f"{_guarded(issuer, issuer).rstrip('/')}{DISCOVERY}")
            self._endpoints = _endpoints(members, issuer), self._clock()
        return self._endpoints[0]

    async def get_keys(self, kid: str) -> Sequence[object]:
        """Its keys, which have the one of this name among them if it has published that.

        Raises NotReached, NotAsAgreed.
        """
        address = (await self.get_endpoints()).keys
        if self._keys is None or self._clock() > self._keys[1] + KEPT:
            self._keys = _keys(await self._get(address)), self._clock()
        elif not _named(self._keys[0], kid) and self._clock() >= self._looked_again + AGAIN:
            self._looked_again = self._clock()
            self._keys = _keys(await self._get(address)), self._clock()
        return self._keys[0]

    async def redeem_code(self, code: str, *, verifier: str, redirect_uri: str) -> str:
        """Give the code that a browser brought, and get the ID token. Raises CodeRefused, NotReached, NotAsAgreed."""
        endpoints, ours = await self.get_endpoints(), self.registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            # RFC 7636, 4.5.
            "code_verifier": verifier,
        }
        headers = {}
        if endpoints.secret_by_post:
            form |= {"client_id": ours.client_id, "client_secret": ours.client_secret}
        else:
            headers["Authorization"] = _basic(ours)
        status, members = await self._ask("POST", endpoints.token, form, headers)
        if status != 200 and isinstance(members.get("error"), str):
            raise CodeRefused(members["error"])
        if status != 200 or not isinstance(members.get("id_token"), str):
            raise NotAsAgreed("the identity provider did not give an ID token")
        return str(members["id_token"])

    async def _get(self, url: str) -> Mapping[str, Any]:
        status, members = await self._ask("GET", url, None, {})
        if status != 200:
            raise NotAsAgreed(f"the identity provider answers {status} instead of describing itself")
        return members

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        asked = PLAIN | {"Accept": "application/json", **headers}
        try:
            async with (
                open_session(self.registration.proxy, TIMEOUT) as session,
                session.request(
                    method, url, data=form, headers=asked, ssl=build_tls_context(), allow_redirects=False
                ) as answer,
            ):
                if answer.status >= 500 or answer.status == 429:
                    raise NotReached(f"the identity provider cannot answer now ({answer.status})")
                return answer.status, _object(await read_answer(answer, MAX_BYTES))
        except AnswerTooLong:
            raise NotAsAgreed("the identity provider's answer is too large") from None
        except TimeoutError:
            raise NotReached("the identity provider did not answer in time") from None
        except aiohttp.ClientSSLError:
            # Of a certificate that does not hold, too.
            raise NotReached("the identity provider's certificate is not one that this machine trusts") from None
        except (aiohttp.ClientError, OSError) as why:
            raise NotReached(f"the identity provider cannot be reached ({type(why).__name__})") from None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise NotAsAgreed("the identity provider's answer is not one of OpenID Connect")
    return members


def _endpoints(members: Mapping[str, Any], issuer: str) -> Endpoints:
    """Return what the provider says of itself. It must call itself what the settings call it (Discovery 1.0, 4.3)."""
    if members.get("issuer") != issuer:
        raise NotAsAgreed("the identity provider does not call itself what [sign_in] issuer says")
    authorization, token, keys = (
        _guarded(members.get(name), issuer) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    # Discovery 1.0, 3: the default.
    methods = members.get("token_endpoint_auth_methods_supported", [BASIC])
    if not (isinstance(methods, list) and {BASIC, POST} & {method for method in methods if isinstance(method, str)}):
        raise NotAsAgreed("the identity provider does not accept a client secret")
    names_itself = members.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(authorization, token, keys, BASIC not in methods, names_itself)


def _guarded(url: object, issuer: str) -> str:
    """This address, if it is under https; plain http is for a provider on this very machine."""
    try:
        issued_by, there = urlsplit(issuer).hostname, urlsplit(str(url))
        secure = there.scheme == "https" or (there.scheme == "http" and {issued_by, there.hostname} <= LOOPBACK)
        if secure and there.hostname and there.username is None and not there.fragment:
            return there.geturl()
    except ValueError:
        pass
    raise NotAsAgreed("an address of the identity provider is missing, or not under https")


def _keys(members: Mapping[str, Any]) -> Sequence[object]:
    keys = members.get("keys")
    if not isinstance(keys, list):
        raise NotAsAgreed("the identity provider publishes no keys")
    return keys


def _named(keys: Sequence[object], kid: str) -> bool:
    return any(isinstance(key, dict) and key.get("kid") == kid for key in keys)


def _basic(ours: Registration) -> str:
    """RFC 6749, 2.3.1: both are encoded as in a form, then as HTTP has it."""
    pair = f"{quote_plus(ours.client_id)}:{quote_plus(ours.client_secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"
