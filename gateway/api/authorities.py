"""Whom a notice may go to."""

from typing import Literal

from gateway.api.call import ApiResponse, Call, build_response
from gateway.api.guard import Operation
from gateway.api.shapes import Authorities, Known
from gateway.context import Gateway
from gateway.core.permissions import Permission
from schemas import codes


def list_authorities(call: Call) -> ApiResponse:
    """Every authority that there is, and how it is reached from here."""
    gw = call.gw
    live = codes.get_labels("authorities_live") | codes.get_labels("authorities_wales")
    known = sorted((code, name) for code, name in live.items() if code != gw.code)
    return build_response(Authorities(tuple(Known(code, name, _reached(gw, code)) for code, name in known)))


def _reached(gw: Gateway, code: str) -> Literal["sealed", "letter", "no"]:
    if gw.trust.knows(code):
        return "sealed"
    return "letter" if gw.letters_go_to(code) else "no"


OPERATIONS = (
    Operation(
        "GET",
        "/authorities",
        "listAuthorities",
        Permission.SEE_PARTNERS,
        "List authorities and how to reach them",
        list_authorities,
        gives=Authorities,
    ),
)
