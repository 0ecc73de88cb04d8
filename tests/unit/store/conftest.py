"""A database with every table and nothing in them, once of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.database import Store
from tests.conftest import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    made = Store(new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else url)
    made.migrate(create=True)
    yield made
    made.close()
