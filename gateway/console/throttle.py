"""Wrong passwords by address, held up before a password is looked at.

The lock of each account stands behind it. A browser from which somebody has come in before is not held up.
"""

from aiohttp import web

from gateway.partner_api.addresses import get_caller_address
from gateway.partner_api.throttle import WrongTries
from gateway.settings.sections import ConsoleSettings

TRIES = web.AppKey("wrong passwords by address", WrongTries)


def address_of(request: web.Request, ours: ConsoleSettings) -> str:
    """Return who asks, as it is counted."""
    return get_caller_address(request, ours.address_header, ours.proxies)
