"""Two authorities that trust each other, each with its own folder, keys, database and port."""

import socket
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy import create_engine

from gateway import setup
from gateway.authorities.partners import add
from gateway.authority import Authority
from tests.postgres import server


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def introduce(one: Authority, other: Authority) -> None:
    """Each confirms the other's card."""
    for here, there in ((one, other), (other, one)):
        add(here, (there.config.home / setup.CARD_FILE).read_text("ascii"), by="test")


def make(home: Path, code: str, name: str, store_url: str = "") -> Authority:
    """A gateway in a folder of its own."""
    setup.create(home, code=code, name=name, port=free_port(), telephone="01632 960101", store_url=store_url)
    return setup.open_authority(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """One server for the whole run; each test makes databases of its own in it."""
    with server(free_port()) as made:
        yield made.url


def new_database(server_url: str) -> str:
    """An empty database in that server."""
    name = f"gateway_{token_hex(6)}"
    engine = create_engine(f"{server_url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{server_url}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Authority, Authority]]:
    """Sandwell and Worcestershire, on either database."""
    urls = ["", ""]
    if request.param == "postgresql":
        urls = [new_database(request.getfixturevalue("postgres")) for _ in urls]
    sandwell = make(tmp_path / "333", "333", "Sandwell", urls[0])
    worcestershire = make(tmp_path / "885", "885", "Worcestershire", urls[1])
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for here in (sandwell, worcestershire):
        here.store.close()
