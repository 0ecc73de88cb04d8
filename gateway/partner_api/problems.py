"""Every error in one form (RFC 9457), and no traceback to anybody.

These are read by a partner's gateway, which acts by status and code, and by whoever reads its log: so there is no step
for a page or a terminal of ours, and what HTTP alone refuses has its status, code and sentence together at its place in
this package. What a flow refused has those of its row in `gateway/errors.csv`.
"""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.errors import GatewayError, StoreUnavailable
from gateway.logs import log_failure

RETRY_SECONDS = 30


class BodyRefused(Exception):  # noqa: N818 - a refusal is an answer
    """A request is refused while its body is read: with this answer."""

    def __init__(self, answer: web.Response) -> None:
        """Keep `answer`, which the caller gets."""
        super().__init__(answer.status)
        self.answer = answer


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def turn_errors_into_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what a handler raises as a problem."""
    try:
        return await handler(request)
    except BodyRefused as why:
        return why.answer
    except web.HTTPUnauthorized as why:
        return build_problem(401, why.text or "bearer.malformed", "The caller did not prove its identity.")
    except web.HTTPRequestEntityTooLarge:
        most = request.client_max_size
        return build_problem(413, "exchange.too-large", f"At most {most} bytes in one request.")
    except web.HTTPException as why:
        allow = {"Allow": why.headers["Allow"]} if "Allow" in why.headers else None
        return build_problem(why.status, f"http.{why.status}", why.reason, headers=allow)
    except TimeoutError:
        return build_problem(408, "exchange.too-slow", "The request took too long to arrive.")
    except StoreUnavailable as why:
        log_failure("request", why)
        return build_problem(503, why.code, "Nothing can be saved at the moment. Try again later.", retry=RETRY_SECONDS)
    except GatewayError as why:
        return build_problem(403, why.code, why.sentence)
    except Exception as why:  # noqa: BLE001 - the last line before the caller
        log_failure("request", why)
        return build_problem(
            500, "exchange.internal", "This is a fault in the gateway. Try again later.", retry=RETRY_SECONDS
        )


def build_problem(
    status: int, code: str, sentence: str, *, retry: int | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    """Build the answer that tells of one problem."""
    body = json.dumps({"type": f"urn:cme-exchange:problem:{code}", "status": status, "title": sentence})
    extra = dict(headers or {}) | ({"Retry-After": str(retry)} if retry else {})
    return web.Response(status=status, text=body, content_type="application/problem+json", headers=extra)
