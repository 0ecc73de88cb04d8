"""One request of one client, and the answers that an operation may give."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime

from aiohttp import web

from gateway.case_systems.idempotency import RequestClaim, StoredAnswer
from gateway.context import Gateway
from gateway.errors import GatewayError
from schemas import xml

GATEWAY = web.AppKey("gateway", Gateway)
PREFIX = "/api/v1"
JSON, XML, FORM, JWT = "application/json", "application/xml", "application/x-www-form-urlencoded", "application/jwt"


class Malformed(GatewayError):  # noqa: N818 - a refusal is an answer
    """The request is not written as the description says."""


class NotAcceptable(GatewayError):  # noqa: N818 - a refusal is an answer
    """The client takes none of the forms that there are."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What is answered."""

    status: int
    body: bytes = field(repr=False)
    kind: str = JSON
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for what; `claim` holds the key under which the answer is kept, where something is changed."""

    gw: Gateway
    client_id: str
    # Who acts, as the audit log has it.
    by: str
    parts: dict[str, str]
    query: dict[str, str] = field(repr=False)
    accept: str = ""
    kind: str = ""
    body: bytes = field(default=b"", repr=False)
    claim: RequestClaim | None = None

    @property
    def tried(self) -> RequestClaim:
        """The claim of a request that changes something."""
        assert self.claim is not None  # noqa: S101 - `guard` makes one for every POST
        return self.claim


def build_response(value: object, status: int = 200, place: str | None = None) -> ApiResponse:
    """One of the shapes, as JSON."""
    return ApiResponse(status, text_of(value), place=place)


def build_stored_response(answer: StoredAnswer) -> ApiResponse:
    """What was answered, now or before."""
    return ApiResponse(answer.status, answer.body, place=answer.place)


def text_of(shape: object) -> bytes:
    """A shape as JSON; moments as messages have them."""
    return json.dumps(asdict(shape), default=_plain, ensure_ascii=False).encode()  # type: ignore[call-overload]  # a dataclass


def _plain(value: object) -> str:
    return xml.TO_TEXT[datetime](value) if isinstance(value, datetime) else str(value)


def choose_form(accept: str, offered: tuple[str, ...]) -> str:
    """Which of these forms the client would rather have (RFC 9110, 12.5.1); the first where it does not say.

    Raises NotAcceptable.
    """
    wanted = [_range(part) for part in accept.split(",") if part.strip()]
    if not wanted:
        return offered[0]
    marks = {
        form: max((mark for mark in (_mark(form, wanted_range) for wanted_range in wanted)), default=(0, 0.0))
        for form in offered
    }
    best = max(offered, key=lambda form: marks[form][1])
    if marks[best][1] <= 0:
        raise NotAcceptable("request.not-acceptable", kinds=" or ".join(offered))
    return best


def _range(part: str) -> tuple[str, float]:
    name, *rest = (member.strip().lower() for member in part.split(";"))
    weight = next((member[2:] for member in rest if member.startswith("q=")), "1")
    try:
        return name, min(1.0, max(0.0, float(weight)))
    except ValueError:
        return name, 0.0


def _mark(form: str, wanted: tuple[str, float]) -> tuple[int, float]:
    """How closely this range names the form (the closest counts), and how much it is wanted."""
    name, weight = wanted
    near = {form: 3, form.split("/")[0] + "/*": 2, "*/*": 1}.get(name, 0)
    return near, weight if near else 0.0
