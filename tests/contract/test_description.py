"""The description of the API is OpenAPI 3.1, says what the code does, and real requests made from it are answered as it
says.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy, booleans
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gateway.api.application import list_operations
from gateway.api.description import build_description
from gateway.api.guard import KEY
from gateway.app import run_gateway
from gateway.case_systems import clients
from gateway.context import Gateway
from gateway.core.permissions import SCOPES, Scope
from gateway.store import inbox
from keys import api_token
from schemas import codes
from tests.conftest import introduce, make
from tests.consoles import house
from tests.flows.test_api import came

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
# Of each operation in each mode: all of them within half a minute.
EXAMPLES = 30
DOCUMENT = build_description(list_operations())


def test_it_is_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_operation_names_the_scopes_that_grant_it() -> None:
    for one in list_operations():
        said = DOCUMENT["paths"][one.path][one.method.lower()]
        assert {scope for each in said["security"] for scope in each["client"]} == {
            str(scope) for scope in Scope if one.act in SCOPES[scope]
        }
        assert said["security"], f"{one.name} is granted by no scope"


def test_code_lists_are_those_of_the_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["restriction_levels"]["enum"] == list(codes.get_labels("restriction_levels"))
    assert schemas["Child"]["properties"]["Sex"] == {"$ref": "#/components/schemas/sexes"}


@pytest.fixture(scope="module")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Worcestershire's gateway runs in a thread: its address, a token that may do everything, and the id of a notice
    that came.
    """
    folder = tmp_path_factory.mktemp("described")
    settings = "[api]\nrequests_per_minute = 100000"
    gw, sandwell = (
        house(folder / "885", "885", "Worcestershire", (), settings),
        make(folder / "333", "333", "Sandwell"),
    )
    introduce(gw, sandwell)
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(gw, sandwell, ready, stop)))
    thread.start()
    assert ready.wait(60)
    clients.add_client(gw, "fuzzer", "An invented case system", Scope, "agnes")
    token = api_token.issue("fuzzer", tuple(Scope), audience=clients.get_token_audience(gw), ring=gw.ring, now=gw.now())
    [notice] = gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))
    yield gw.config.console_url, token, notice.message_id
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    for one in (gw, sandwell):
        one.store.close()


async def _serve(gw: Gateway, sandwell: Gateway, ready: threading.Event, stop: asyncio.Event) -> None:
    async with run_gateway(gw):
        await came(gw, sandwell)
        ready.set()
        await stop.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
# The gateway's own thread uses `random`.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_requests_made_from_the_description_are_answered_as_it_says(
    running_gateway: tuple[str, str, str], mode: GenerationMode
) -> None:
    address, token, notice = running_gateway
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    for found in schema.get_all_operations():
        one = found.ok()  # type: ignore[union-attr]  # the document was validated
        # Else nothing can be wrong.
        if mode is GenerationMode.POSITIVE or one.body or one.path_parameters or one.query:
            _fuzz(one.as_strategy(mode), token, notice)


def _fuzz(cases: SearchStrategy[Any], token: str, notice: str) -> None:
    """Some requests of one operation, every other of a notice that is there; each with a key of its own, so that none
    is a repeat.
    """

    asked = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, booleans())
    def holds(case: Any, of_a_real_one: bool) -> None:
        nonlocal asked
        asked += 1
        if of_a_real_one and "notice" in (case.path_parameters or {}):
            case.path_parameters["notice"] = notice
        if re.fullmatch(KEY, str(case.headers.get("Idempotency-Key", ""))):
            case.headers["Idempotency-Key"] = token_hex(16)
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    holds()
    assert asked > 0, "no request was made"
