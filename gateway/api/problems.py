"""Every error in one form (RFC 9457): a type, one sentence, our code, what to do next; and no traceback to anybody.

The status of an error stands beside its code, in `gateway/errors.csv` or `keys/refusals.csv`. Here is only which of
them stands for what aiohttp itself refused.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiohttp import web

from gateway.api.call import GATEWAY, ApiResponse, text_of
from gateway.api.shapes import Fault, Problem
from gateway.case_systems.clients import NotLetIn
from gateway.errors import (
    ConfigProblem,
    GatewayError,
    NotAllowed,
    StoreUnavailable,
    Unconfirmed,
    Unfit,
    count_problems,
)
from gateway.logs import log_failure
from keys.errors import Refusal
from schemas.findings import Finding, Unreadable

PROBLEM = "application/problem+json"
TYPE = "urn:cme-gateway:problem:"
RETRY_SECONDS = 30
# what aiohttp itself refuses, by its status: the code of its row
OF_HTTP = {
    404: "request.no-such-place",
    405: "request.method",
    413: "request.too-large",
    415: "request.content-type",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NoScope(NotAllowed):
    """The client may not do this."""


class TooFast(GatewayError):  # noqa: N818 - a refusal is an answer
    """More requests than were agreed."""

    def __init__(self, seconds: int) -> None:
        """`seconds`: after which there is room again."""
        super().__init__("request.too-fast", seconds=seconds)
        self.seconds = seconds


@web.middleware
async def explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return what was raised outside the handlers, as a problem."""
    try:
        return await handler(request)
    except web.HTTPException as why:
        if why.status < 400:
            raise
        headers = {"Allow": why.headers["Allow"]} if "Allow" in why.headers else {}
        return build_web_response(_of_http(why), headers)
    except Exception as why:  # noqa: BLE001 - the last line before a client
        return build_web_response(*explain_refusal(why, request.app[GATEWAY].config.console_url))


def build_web_response(reply: ApiResponse, headers: Mapping[str, str] | None = None) -> web.Response:
    """As aiohttp has it."""
    more = dict(headers or {}) | ({"Location": reply.place} if reply.place else {})
    if reply.status == 204:
        return web.Response(status=204, headers=more)
    kind = reply.kind if reply.kind == PROBLEM or reply.status < 400 else PROBLEM
    return web.Response(status=reply.status, body=reply.body, content_type=kind, headers=more)


def build_problem(
    status: int, code: str, sentence: str, next_step: str = "", errors: Iterable[Fault] = ()
) -> ApiResponse:
    """One problem."""
    return ApiResponse(status, text_of(Problem(TYPE + code, status, sentence, code, next_step, tuple(errors))), PROBLEM)


def explain_refusal(why: Exception, realm: str = "") -> tuple[ApiResponse, dict[str, str]]:
    """What a flow or a guard raised, as a problem, and the headers that belong to it."""
    match why:
        case NotLetIn():
            return _of_error(why), {"WWW-Authenticate": f'Bearer realm="{realm}", error="invalid_token"'}
        case NoScope():
            return _of_error(why), {"WWW-Authenticate": f'Bearer realm="{realm}", error="insufficient_scope"'}
        case TooFast():
            return _of_error(why), {"Retry-After": str(why.seconds)}
        case TimeoutError():
            return _of_error(GatewayError("request.too-slow")), {}
        case web.RequestPayloadError():
            return _of_error(GatewayError("request.body")), {}
        case StoreUnavailable():
            log_failure("call", why)
            return _of_error(GatewayError("api.unavailable").with_code(why.code)), _later()
        case ConfigProblem():
            log_failure("call", why)
            return _of_error(why), {}
        case GatewayError():
            return _of_error(why), _later() if why.status == 503 else {}
        case Unreadable():
            unreadable = GatewayError("message.unreadable").with_code(why.code)
            return _of_error(unreadable, why.problems), {}
        case Refusal():
            return build_problem(why.status, why.code, why.sentence, why.next_on_page), {}
    log_failure("call", why)
    return _of_error(GatewayError("api.internal")), _later()


def _later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)}


def _of_http(why: web.HTTPException) -> ApiResponse:
    if why.status in OF_HTTP:
        return _of_error(GatewayError(OF_HTTP[why.status]))
    return build_problem(why.status, f"http.{why.status}", why.reason, "See /api/v1/openapi.json for what is accepted.")


def _of_error(why: GatewayError, findings: Iterable[Finding] = ()) -> ApiResponse:
    """One error as a problem. What was found wrong with a notice is listed beside the sentence, not in it."""
    match why:
        case Unfit():
            listed, findings = (
                GatewayError("notice.unfit", "listed", problems=count_problems(why.findings)),
                why.findings,
            )
        case Unconfirmed():
            listed, findings = GatewayError("notice.unconfirmed", "listed"), why.findings
        case _:
            listed = why
    return build_problem(listed.status, why.code, listed.sentence, listed.next_on_page, map(build_fault, findings))


def build_fault(finding: Finding) -> Fault:
    """A finding, with the place of its element in the message."""
    confirmable = finding.level == "warning"
    return Fault(
        finding.code, finding.sentence, "#" + finding.element.removeprefix("Message"), finding.line, confirmable
    )
