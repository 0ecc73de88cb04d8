"""Two authorities that trust each other, each with its own folder, keys, database and port."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import app
from gateway.authority import Authority
from gateway.partners import add


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def introduce(one: Authority, other: Authority) -> None:
    """Each confirms the other's card."""
    for here, there in ((one, other), (other, one)):
        add(here, (there.config.home / app.CARD_FILE).read_text("ascii"), by="test")


def make(home: Path, code: str, name: str) -> Authority:
    """A gateway in a folder of its own."""
    app.create(home, code=code, name=name, port=free_port())
    return app.open_authority(home)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Authority, Authority]]:
    """Sandwell and Worcestershire."""
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for here in (sandwell, worcestershire):
        here.store.close()
