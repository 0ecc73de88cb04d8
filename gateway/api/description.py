"""OpenAPI 3.1, made of the operations, the shapes of answers, and the classes of a message: it cannot say what is not
so.
"""

import inspect
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gateway.api.call import FORM, JSON, PREFIX, XML
from gateway.api.guard import KEY, PARTS, Operation
from gateway.api.notices import CONFIRMED, DOUBTS
from gateway.api.problems import PROBLEM
from gateway.api.shapes import Happened, Problem, Token
from gateway.core import labels
from gateway.core.permissions import SCOPES, Scope
from gateway.core.webhook_events import WebhookEvent
from schemas.json import MOMENT
from schemas.json_schema import REF, build_definitions

VERSION = "1"
ALWAYS = {
    401: "the token is missing or not valid",
    403: "the token does not allow this",
    429: "too many requests",
    500: "a fault in the gateway",
    503: "nothing can be saved at the moment",
}
OF_PARTS = {404: "there is nothing under this id"}
OF_QUERY = {400: "the query is not valid"}
OF_POST = {
    400: "the Idempotency-Key is missing, or the body cannot be read",
    408: "the body did not arrive in time",
    409: "not possible in this state, or the same request is already being processed",
    413: "the body is too large for a message",
    415: "the body is in a format that is not accepted",
    422: "the message breaks the schema or a rule, or the key was used for another request",
}
OF_NOTICE = {406: "no accepted format is available", 410: "the notice was permanently deleted"}
SAYS_PARTS = {
    "notice": "The id of a message",
    "receipt": "The number of a receipt",
    "reply": "The number of an email reply",
    "webhook": "The id of a webhook",
}
SIMPLE: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time", "pattern": f"^{MOMENT.pattern}$"},
}


def build_description(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document."""
    schemas = build_definitions()
    schemas["NoticeToSend"] = _to_send(schemas["Message"])
    for shape in (Problem, Token, Happened, *_shapes(operations)):
        _collect(shape, schemas)
    paths: dict[str, Any] = {"/token": {"post": _token()}}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cme-gateway",
            "version": VERSION,
            "summary": "Children missing education notices, for the connected systems of one local authority.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "webhooks": {event.value: {"post": _told_of(event)} for event in WebhookEvent},
        "components": {"schemas": schemas, "securitySchemes": {"client": _scheme()}},
    }


def _to_send(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the codes of the doubts that its caller confirms."""
    says = "The codes of warnings that an officer has checked. The refusal names them."
    member = {"type": "array", "items": {"type": "string", "enum": DOUBTS}, "description": says}
    kinds = [kind | {"properties": kind["properties"] | {CONFIRMED: member}} for kind in message["oneOf"]]
    return {"description": f"A Message, and the warnings that are confirmed ({CONFIRMED}).", "oneOf": kinds}


def _shapes(operations: Sequence[Operation]) -> list[type]:
    shapes = [shape for operation in operations for shape in (operation.gives, operation.takes)]
    return [shape for shape in shapes if isinstance(shape, type) and shape.__module__.startswith("gateway.")]


def _scheme() -> dict[str, Any]:
    says = {str(scope): ". ".join(labels.explain_scope(scope)) for scope in Scope}
    return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": f"{PREFIX}/token", "scopes": says}}}


def scopes_of(operation: Operation) -> list[str]:
    """Any one of these scopes grants it."""
    return [str(scope) for scope in Scope if operation.act in SCOPES[scope]]


def _operation(operation: Operation) -> dict[str, Any]:
    answers = {operation.status: _given(operation)} | {
        status: _problem(says) for status, says in _refusals(operation).items()
    }
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "parameters": _parameters(operation),
        "responses": {str(status): answer for status, answer in sorted(answers.items())},
        "security": [{"client": [scope]} for scope in scopes_of(operation)],
    }
    if operation.takes is not None:
        content = {kind: {"schema": _schema_in(operation, kind)} for kind in operation.kinds}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _schema_in(operation: Operation, kind: str) -> dict[str, Any]:
    if kind == XML:
        return {"type": "string", "description": "A Message, by message-1.xsd."}
    return _ref(operation.takes)


def _given(operation: Operation) -> dict[str, Any]:
    if operation.gives is None:
        return {"description": "Done."}
    content = {form: {"schema": _ref(operation.gives)} if form == JSON else {} for form in operation.forms}
    made: dict[str, Any] = {
        "description": "Done." if operation.status == 200 else "Accepted and saved.",
        "content": content,
    }
    if operation.status in (201, 202):
        made["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where to get its status."}}
    return made


def _refusals(operation: Operation) -> dict[int, str]:
    refusals = dict(ALWAYS)
    refusals |= OF_PARTS if "{" in operation.path else {}
    refusals |= OF_POST if operation.method == "POST" else OF_QUERY
    return refusals | (OF_NOTICE if len(operation.forms) > 1 else {})


def _problem(says: str) -> dict[str, Any]:
    return {"description": says.capitalize() + ".", "content": {PROBLEM: {"schema": {"$ref": f"{REF}Problem"}}}}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": SAYS_PARTS[name],
            "schema": {"type": "string", "pattern": f"^{form}$"},
        }
        for name, form in PARTS.items()
        if f"{{{name}}}" in operation.path
    ]
    parameters += [
        {"name": each.name, "in": "query", "required": each.must, "description": each.says, "schema": each.schema}
        for each in operation.query
    ]
    if operation.method == "POST":
        says = "A new key for each request. Use the same key when you repeat a request. Kept for 24 hours."
        schema = {"type": "string", "pattern": f"^({KEY})$"}
        parameters.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "description": says, "schema": schema}
        )
    return parameters


def _told_of(event: WebhookEvent) -> dict[str, Any]:
    headers = [
        {"name": f"webhook-{name}", "in": "header", "required": True, "schema": {"type": "string"}}
        for name in ("id", "timestamp", "signature")
    ]
    return {
        "operationId": event.name.lower(),
        "summary": labels.explain_event(event),
        "parameters": headers,
        "requestBody": {"required": True, "content": {JSON: {"schema": _ref(Happened)}}},
        "responses": {"2XX": {"description": "Received. After any other answer the event is sent again."}},
        "security": [],
    }


def _token() -> dict[str, Any]:
    fields_of_form = {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
        "scope": {
            "type": "string",
            "description": "With spaces between them. Default: all scopes of the client.",
        },
    }
    form = {"type": "object", "properties": fields_of_form, "required": ["grant_type", "client_id", "client_secret"]}
    refusals = {
        400: "the request for a token is not valid, or asks for a scope that the client does not have",
        401: "the client is not known, was removed or is locked, or the secret is wrong",
        **{status: OF_POST[status] for status in (408, 413, 415)},
        **{status: ALWAYS[status] for status in (429, 500, 503)},
    }
    return {
        "operationId": "getToken",
        "summary": "Get an access token",
        "requestBody": {"required": True, "content": {FORM: {"schema": form}}},
        "responses": {
            "200": {"description": "Done.", "content": {JSON: {"schema": {"$ref": f"{REF}Token"}}}},
            **{str(status): _problem(says) for status, says in sorted(refusals.items())},
        },
        "security": [],
    }


def _ref(shape: object) -> dict[str, Any]:
    name = shape.__name__ if isinstance(shape, type) else str(shape)
    return {"$ref": REF + name}


def _collect(shape: type, schemas: dict[str, Any]) -> None:
    """This shape and those within it, by name."""
    if shape.__name__ in schemas:
        return
    hints = get_type_hints(shape)
    schemas[shape.__name__] = {
        "type": "object",
        "description": inspect.getdoc(shape),
        "properties": {member.name: _of(hints[member.name], schemas) for member in fields(shape)},
        "required": [member.name for member in fields(shape)],
    }


def _of(hint: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(inner)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [member.value for member in hint]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _of(inner[0], schemas)}
    if get_origin(hint) in (types.UnionType, typing.Union):
        return {"anyOf": [_of(inner[0], schemas), {"type": "null"}]}
    if is_dataclass(hint) and isinstance(hint, type):
        _collect(hint, schemas)
        return {"$ref": REF + hint.__name__}
    return SIMPLE[hint]
