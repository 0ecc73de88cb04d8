"""Syntax trees of the whole code are read once for each module of tests, and given back after it."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _trees_given_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget what the cached functions of the module hold: a million nodes would slow every collection after it."""
    yield
    for value in vars(request.module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
