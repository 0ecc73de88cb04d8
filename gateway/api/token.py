"""`POST /token`: a client shows its id and secret, and gets an access token (RFC 6749, 4.4)."""

import asyncio
from base64 import b64decode
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web

from gateway.access import wrong_secrets
from gateway.api.call import FORM, GATEWAY, build_response
from gateway.api.guard import read_body, take_request
from gateway.api.problems import TooFast, build_problem, build_web_response
from gateway.api.shapes import Token
from gateway.case_systems import clients
from gateway.case_systems.clients import NotLetIn
from gateway.context import Gateway
from gateway.core.lockout import Entrance
from gateway.errors import GatewayError, NotAllowed
from gateway.partner_api.addresses import get_caller_address
from keys.api_token import LIFE

# Bytes.
MAX_FORM = 4_096
FIELDS = 10


async def issue_token(request: web.Request) -> web.Response:
    """A token, or why there is none, with the word that RFC 6749, 5.2, has for it."""
    gw = request.app[GATEWAY]
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    form = _fields(await read_body(request, MAX_FORM))
    name, secret = _shown(request, form)
    ours = gw.config.console
    address = get_caller_address(request, ours.address_header, ours.proxies)
    if await asyncio.to_thread(clients.is_client_secret, gw, name, secret):
        # Nobody else can take it from what this client may ask for.
        take_request(request, name)
    else:
        await asyncio.to_thread(_count_wrong_secret, gw, address)
    if form.get("grant_type") != "client_credentials":
        word = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        return _no(GatewayError("token.grant-type"), word)
    try:
        token, scopes = await asyncio.to_thread(
            clients.issue_client_token, gw, name, secret, form.get("scope", "").split(), address
        )
    except NotLetIn as why:
        challenge = {"WWW-Authenticate": f'Basic realm="{clients.get_token_audience(gw)}"'}
        return _no(why, "invalid_client", challenge)
    except NotAllowed as why:
        return _no(why, "invalid_scope", status=400)
    return build_web_response(build_response(Token(token, "Bearer", int(LIFE.total_seconds()), " ".join(scopes))))


def _count_wrong_secret(gw: Gateway, address: str) -> None:
    """Count one wrong secret more from this address; after some, none from there is listened to. Raises TooFast."""
    if wait := wrong_secrets.find_wait(gw, Entrance.API, address):
        raise TooFast(wait)
    wrong_secrets.count_wrong_secret(gw, Entrance.API, address)


def _fields(body: bytes) -> dict[str, str]:
    """Each once (RFC 6749, 3.2); of what cannot be read, none."""
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=bool(body), max_num_fields=FIELDS, errors="strict")
    except ValueError:
        return {}
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}


def _shown(request: web.Request, form: dict[str, str]) -> tuple[str, str]:
    """Id and secret: in the form, or as RFC 6749, 2.3.1, would rather have it, by the Basic scheme."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = b64decode(rest.strip(), validate=True).decode("ascii").partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _no(
    why: GatewayError, word: str, headers: dict[str, str] | None = None, *, status: int | None = None
) -> web.Response:
    """Answer in both forms. `status`: where RFC 6749, 5.2, names another than the error has elsewhere."""
    reply = build_problem(status or why.status, why.code, why.sentence, why.next_on_page)
    body = reply.body.removesuffix(b"}") + f', "error": "{word}"}}'.encode()
    made = build_web_response(reply, headers)
    made.body = body
    return made
