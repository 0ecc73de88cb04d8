"""Every operation of the API with the permission that it needs, checked here before the operation runs.

In this order: the token and its client; the act, by the scopes of both, in the one table of `core.permissions`; how
much the client may ask for; what was sent, in its form and size; and, where something is changed, whether it was
answered before. An operation without an act is open to everybody; a test holds the list of those.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from gateway.api.call import GATEWAY, JSON, ApiResponse, Call, Malformed, build_stored_response
from gateway.api.problems import NoScope, TooFast, build_web_response, explain_refusal
from gateway.case_systems import clients, idempotency
from gateway.case_systems.idempotency import StoredAnswer
from gateway.core.permissions import Permission, Scope, is_allowed
from gateway.partner_api.callers import READ_SECONDS, MessageBudget, get_shared_budget
from schemas.xml import MAX_BYTES

Answers = Callable[[Call], ApiResponse]
BUDGETS = web.AppKey("budgets", dict[str, MessageBudget])
# Of addresses, and what they look like.
PARTS = {
    "notice": "(?:[0-9]{3}-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "receipt": "[0-9]{1,15}",
    "reply": "[0-9]{1,15}",
    "webhook": "wh-[0-9a-f]{24}",
}
# A string of RFC 8941, or bare as many send it.
KEY = r'"[A-Za-z0-9._~-]{1,64}"|[A-Za-z0-9._~-]{1,64}'


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may stand in a query: nothing about a child."""

    name: str
    says: str
    schema: dict[str, Any]
    must: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one address: the permission that it needs, its handler, and its description."""

    method: str
    path: str
    name: str
    act: Permission | None
    says: str
    answer: Answers
    # A shape, the name of a schema, or None for nothing.
    gives: object = None
    status: int = 200
    # A shape, or a class of a message.
    takes: object = None
    # Of what it takes.
    kinds: tuple[str, ...] = (JSON,)
    # Of what it gives.
    forms: tuple[str, ...] = (JSON,)
    query: tuple[Parameter, ...] = ()


def add_routes(app: web.Application, operations: tuple[Operation, ...]) -> None:
    """Open these operations in the application."""
    for operation in operations:
        path = re.sub(r"\{(\w+)\}", lambda part: f"{{{part[1]}:{PARTS[part[1]]}}}", operation.path)
        app.router.add_route(operation.method, path, guard_operation(operation))


def guard_operation(operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler, for those who may call."""

    async def answer(request: web.Request) -> web.StreamResponse:
        gw = request.app[GATEWAY]
        client, scopes = await asyncio.to_thread(clients.get_token_client, gw, _token(request))
        _check_act(operation, scopes)
        take_request(request, client.id)
        actor = clients.name_actor(client)
        call = Call(gw, client.id, actor, dict(request.match_info), _query(request, operation), _accept(request))
        if operation.method != "POST":
            return build_web_response(await asyncio.to_thread(operation.answer, call))
        call = replace(call, kind=_kind(request, operation), body=await read_body(request))
        return await _once(request, operation, call)

    answer.operation = operation  # type: ignore[attr-defined]  # for the test that walks through all
    return answer


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_act(operation: Operation, scopes: tuple[Scope, ...]) -> None:
    if operation.act is None or not is_allowed(scopes, operation.act):
        raise NoScope("client.scope", "token")


def take_request(request: web.Request, name: str) -> None:
    """Take one request from what this client may ask for. Raises TooFast."""
    gw = request.app[GATEWAY]
    budget = get_shared_budget(request.app[BUDGETS], name, gw.config.api.requests_per_minute, gw)
    if wait := budget.take_messages(1, time.monotonic()):
        raise TooFast(int(wait) + 1)


def _query(request: web.Request, operation: Operation) -> dict[str, str]:
    known = {parameter.name: parameter for parameter in operation.query}
    if request.query.keys() - known.keys() or len(request.query) > len(set(request.query)):
        raise _malformed("the query has a parameter that is not known, or the same parameter twice")
    values = {name: str(value) for name, value in request.query.items()}
    for parameter in operation.query:
        if parameter.must and parameter.name not in values:
            raise _malformed(f"the query has no {parameter.name}")
        if parameter.name in values and not re.fullmatch(_form(parameter), values[parameter.name], re.ASCII):
            raise _malformed(f"{parameter.name} is not in the right format")
    return values


def _form(parameter: Parameter) -> str:
    schema = parameter.schema
    return "|".join(schema["enum"]) if "enum" in schema else schema["pattern"].removeprefix("^").removesuffix("$")


def _malformed(what: str) -> Malformed:
    return Malformed("request.malformed", what=what)


def _accept(request: web.Request) -> str:
    return ",".join(request.headers.getall("Accept", []))


def _kind(request: web.Request, operation: Operation) -> str:
    charset = (request.charset or "utf-8").lower()
    if operation.takes and (request.content_type not in operation.kinds or charset not in ("utf-8", "us-ascii")):
        raise web.HTTPUnsupportedMediaType
    return request.content_type


async def read_body(request: web.Request, most: int = MAX_BYTES) -> bytes:
    """The body, from one who sends it in time, and not too much."""
    body = bytearray()
    async with asyncio.timeout(READ_SECONDS):
        async for part in request.content.iter_any():
            body += part
            if len(body) > most:
                raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
    return bytes(body)


async def _once(request: web.Request, operation: Operation, call: Call) -> web.Response:
    """Return the answer of the handler, or the one that it gave before."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not re.fullmatch(KEY, key, re.ASCII) or len(request.headers.getall("Idempotency-Key")) > 1:
        raise Malformed("once.no-key")
    asked = [request.query_string.encode()] if request.query_string else []
    request_parts = (request.method.encode(), request.path.encode(), call.kind.encode(), call.body, *asked)
    begun = await asyncio.to_thread(idempotency.begin_request, call.gw, call.client_id, key.strip('"'), request_parts)
    if isinstance(begun, StoredAnswer):
        return build_web_response(build_stored_response(begun), {"Idempotency-Replayed": "true"})
    reply, headers = await asyncio.to_thread(_tried, operation, replace(call, claim=begun))
    await asyncio.to_thread(
        idempotency.settle_request, call.gw, begun, StoredAnswer(reply.status, reply.body, reply.place)
    )
    return build_web_response(reply, headers)


def _tried(operation: Operation, call: Call) -> tuple[ApiResponse, dict[str, str]]:
    try:
        return operation.answer(call), {}
    except Exception as why:  # noqa: BLE001 - a refusal is an answer too, and is kept
        return explain_refusal(why)
