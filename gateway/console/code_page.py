"""The page on which an authenticator app is set up: a secret, as a picture and as text, and a first code of it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

import segno
from aiohttp import web

from gateway.console.console_request import ConsoleRequest
from gateway.errors import NotAllowed
from keys import one_time_code


def read_secret(request: ConsoleRequest) -> bytes | None:
    """Return the secret that the page showed; None where it is none."""
    try:
        secret = urlsafe_b64decode(request.get_typed("secret"))
    except (Error, ValueError):
        return None
    return secret if len(secret) == one_time_code.SECRET_BYTES else None


def render_code_page(
    request: ConsoleRequest, template: str, name: str, secret: bytes, wrong: NotAllowed | None
) -> web.Response:
    """Render the page for whoever signs in under this name."""
    issuer = f"cme-gateway {request.gw.config.authority.name}"
    picture = segno.make(one_time_code.build_uri(secret, name=name, issuer=issuer), error="m")
    return request.render_page(
        template,
        status=422 if wrong else 200,
        picture=picture.svg_data_uri(scale=5, dark="#0b0c0c", light="#ffffff"),
        typed=one_time_code.format_secret(secret),
        secret=urlsafe_b64encode(secret).decode(),
        wrong=wrong,
    )
