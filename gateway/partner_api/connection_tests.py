"""`POST /exchange/v1/test`: a partner's test of the connection in, our answer out, both sealed.

Who calls is settled before the body is read. A test costs what a message does.
"""

from aiohttp import web

from adapters.https import TEST_TYPE
from gateway.errors import Busy, NotFound
from gateway.exchange.connection_tests import EVERY, answer_connection_test
from gateway.partner_api.callers import GATEWAY, identify_caller, read_body, refuse_too_many
from gateway.partner_api.problems import build_problem
from keys.errors import Refusal


async def take_connection_test(request: web.Request) -> web.Response:
    """Answer a partner's test of the connection."""
    gw = request.app[GATEWAY]
    caller = await identify_caller(request)
    if refused := refuse_too_many(request, caller, 1):
        return refused
    if request.content_type != TEST_TYPE:
        return build_problem(415, "exchange.content-type", f"Send {TEST_TYPE}.")
    async with read_body(request, caller) as body:
        sealed = body
    try:
        answer = await answer_connection_test(gw, caller, sealed)
    except Busy as why:
        return build_problem(429, why.code, why.sentence, retry=int(EVERY.total_seconds()))
    except (Refusal, NotFound) as why:
        return build_problem(409, why.code, why.sentence)
    return web.Response(body=answer, content_type=TEST_TYPE)
