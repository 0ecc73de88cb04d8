"""Fixtures of more than one module of flows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.application import build_application
from tests.conftest import introduce
from tests.consoles import house
from tests.flows.test_console_oversight import Visitor


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """Sandwell's console, and Worcestershire, which is a partner."""
    gw, there = house(tmp_path / "333", "333", "Sandwell"), house(tmp_path / "885", "885", "Worcestershire", ())
    introduce(gw, there)
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield Visitor(gw, there, client)
    await client.close()
    for one in (gw, there):
        one.store.close()
