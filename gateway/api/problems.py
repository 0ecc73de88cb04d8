"""Every error in one form (RFC 9457): a type, one sentence, our code, what to do next; and no traceback to anybody."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiohttp import web

from gateway.api.call import HERE, Malformed, NotAcceptable, Reply, text_of
from gateway.api.shapes import Fault, Problem
from gateway.case_systems.clients import NotLetIn
from gateway.case_systems.idempotency import OtherRequest
from gateway.errors import ConfigProblem, GatewayError, NotAllowed, NotFound, StoreUnavailable, Unconfirmed, Unfit
from gateway.logs import failed
from keys.errors import Destroyed, Refusal
from schemas.findings import Finding, Unreadable

PROBLEM = "application/problem+json"
TYPE = "urn:cme-gateway:problem:"
RETRY_SECONDS = 30
OF_HTTP = {
    404: ("request.no-such-place", "There is nothing at this address.", "Look at /api/v1/openapi.json."),
    405: ("request.method", "This address does not take this method.", "The Allow header names those that it takes."),
    413: ("request.too-large", "The request is larger than any message.", "Send one message in one request."),
    415: ("request.content-type", "The body has a form that is not read here.", "Look at /api/v1/openapi.json."),
}
UNPROCESSABLE = (
    "webhook.host",
    "webhook.no-event",
    "notice.not-ours",
    "notice.not-alone",
    "notice.other-case",
    "reply.restricted",
    "reply.not-an-enquiry",
    "reply.not-answerable",
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NoScope(NotAllowed):
    """The client may not do this."""


class TooFast(GatewayError):  # noqa: N818 - a refusal is an answer
    """More requests than were agreed."""

    def __init__(self, seconds: int) -> None:
        """`seconds`: after which there is room again."""
        super().__init__("request.too-fast", "More requests than were agreed.", f"Wait {seconds} seconds.")
        self.seconds = seconds


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What was raised outside the rooms, as a problem."""
    try:
        return await handler(request)
    except web.HTTPException as why:
        if why.status < 400:
            raise
        code, sentence, next_step = OF_HTTP.get(why.status, (f"http.{why.status}", why.reason, ""))
        headers = {"Allow": why.headers["Allow"]} if "Allow" in why.headers else {}
        return response(problem(why.status, code, sentence, next_step), headers)
    except Exception as why:  # noqa: BLE001 - the last line before a client
        return response(*told(why, request.app[HERE].config.console_url))


def response(reply: Reply, headers: Mapping[str, str] | None = None) -> web.Response:
    """As aiohttp has it."""
    more = dict(headers or {}) | ({"Location": reply.place} if reply.place else {})
    if reply.status == 204:
        return web.Response(status=204, headers=more)
    kind = reply.kind if reply.kind == PROBLEM or reply.status < 400 else PROBLEM
    return web.Response(status=reply.status, body=reply.body, content_type=kind, headers=more)


def problem(status: int, code: str, sentence: str, next_step: str = "", errors: Iterable[Fault] = ()) -> Reply:
    """One problem. A next step that names a command is for a terminal, which a case system is not."""
    said = "" if "cme-gateway" in next_step else next_step
    return Reply(status, text_of(Problem(TYPE + code, status, sentence, code, said, tuple(errors))), PROBLEM)


def told(why: Exception, realm: str = "") -> tuple[Reply, dict[str, str]]:
    """What a flow or a guard raised, as a problem, and the headers that belong to it."""
    match why:
        case NotLetIn():
            challenge = f'Bearer realm="{realm}", error="invalid_token"'
            return _of(401, why), {"WWW-Authenticate": challenge}
        case NoScope():
            return _of(403, why), {"WWW-Authenticate": f'Bearer realm="{realm}", error="insufficient_scope"'}
        case TooFast():
            return _of(429, why), {"Retry-After": str(why.seconds)}
        case TimeoutError():
            return problem(408, "request.too-slow", "The request took too long to arrive.", "Send it again."), {}
        case web.RequestPayloadError():
            return problem(400, "request.body", "The body cannot be read.", "Send it whole, and not compressed."), {}
        case StoreUnavailable():
            failed("call", why)
            return problem(503, why.code, "Nothing can be read or kept now.", "Try again later."), _later()
        case ConfigProblem():
            failed("call", why)
            return problem(500, why.code, why.sentence, "Tell whoever runs this gateway."), {}
    if (status := _status(why)) is not None:
        return _of(status, why), {}
    failed("call", why)
    return problem(500, "api.internal", "Something went wrong here.", "Try again; tell whoever runs it."), _later()


def _later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)}


def _status(why: Exception) -> int | None:
    match why:
        case Malformed():
            return 400
        case NotFound():
            return 404
        case NotAcceptable():
            return 406
        case Destroyed():
            return 410
        case Unfit() | Unconfirmed() | Unreadable() | OtherRequest():
            return 422
        case GatewayError():
            return 422 if why.code in UNPROCESSABLE else 409
        case Refusal():
            return 409
    return None


def _of(status: int, why: Exception) -> Reply:
    match why:
        case Unfit():
            return problem(status, why.code, "The notice breaks a rule.", why.next_step, map(fault, why.findings))
        case Unconfirmed():
            sentence = "Somebody must look at this notice before it goes; nothing was kept."
            next_step = (
                "Correct it, or send it as a new request with the codes in Confirmed, if it is right as it stands."
            )
            return problem(status, why.code, sentence, next_step, map(fault, why.findings))
        case Unreadable():
            sentence, next_step = "The text is not a message of the schema.", "Correct it; nothing was kept."
            return problem(status, why.code, sentence, next_step, map(fault, why.problems))
        case GatewayError() | Refusal():
            return problem(status, why.code, why.sentence, why.next_step)
    raise AssertionError("nothing else has a status")


def fault(finding: Finding) -> Fault:
    """A finding, with the place of its element in the message."""
    confirmable = finding.level == "warning"
    return Fault(
        finding.code, finding.sentence, "#" + finding.element.removeprefix("Message"), finding.line, confirmable
    )
