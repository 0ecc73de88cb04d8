"""Emails to people of this authority: how the service manager is reached, and the form that all of them have."""

from collections.abc import Sequence
from secrets import token_hex

from adapters import mail
from adapters.route import HandedOver, Letter, Post
from gateway.context import Gateway
from keys.card import Route


def can_email_manager(gw: Gateway) -> bool:
    """Tell whether a service manager is named, and this gateway has an email account."""
    return _find_post_to_manager(gw) is not None


async def email_manager(gw: Gateway, letter: Letter) -> bool:
    """Send a letter to the service manager; return whether our email server took it."""
    carrier = _find_post_to_manager(gw)
    if carrier is None:
        return False
    route = Route("email", f"mailto:{gw.config.deadlines.service_manager}", "notify-only")
    return isinstance(await carrier.post(gw.build_address(gw.code, route), letter), HandedOver)


def _find_post_to_manager(gw: Gateway) -> Post | None:
    carrier = gw.carriers.get("email")
    if not gw.config.deadlines.service_manager or gw.mail is None or carrier is None or not isinstance(carrier, Post):
        return None
    return carrier


def build_staff_letter(mark: str, subject: str, lines: Sequence[str]) -> Letter:
    """Build a letter to somebody of this authority. `mark`: the beginning of its reference, by what it is about."""
    entity = mail.build_entity("\n".join(lines) + "\n", None)
    return Letter(f"{mark}-{token_hex(8)}", subject, entity, demand_tls=False)
