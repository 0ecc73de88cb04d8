"""Several gateway processes of one authority share one database: each notice is tried by one of them, once."""

import functools
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.core.delivery import DeliveryState
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import correspondents, outbox
from gateway.store.correspondents import Correspondent
from gateway.store.database import Tx
from tests import letters
from tests.children import notice
from tests.conftest import free_port, introduce, make, new_database
from tests.loaded import start_gateway

NOTICES, PROCESSES = 300, 3


@contextmanager
def serving(home: Path) -> Iterator[None]:
    words = ("serve", "--with-parent", "--home", str(home))
    with start_gateway(*words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


def another_home(home: Path, copy: Path, port: int) -> Path:
    """The same authority on another machine: the same keys and database, a port of its own."""
    shutil.copytree(home, copy)
    settings = (copy / "gateway.toml").read_text()
    own = next(line for line in settings.splitlines() if line.startswith("port"))
    (copy / "gateway.toml").write_text(settings.replace(own, f"port = {port}"))
    return copy


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_share_an_outbox_deliver_each_notice_once(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    shared = f"sqlite:///{tmp_path / 'shared.db'}"
    url = shared if kind == "sqlite" else new_database(request.getfixturevalue("postgres"))
    sandwell = make(tmp_path / "333", "333", "Sandwell", url)
    worcestershire = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, worcestershire)
    ready = prepare_messages(sandwell, [notice() for _ in range(NOTICES)], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, ready))
    homes = [another_home(tmp_path / "333", tmp_path / f"333-{n}", free_port()) for n in range(PROCESSES)]
    worcestershire.store.close()

    with serving(tmp_path / "885"), serving(homes[0]), serving(homes[1]), serving(homes[2]):
        until = time.monotonic() + 60
        while sandwell.store.look(lambda tx: outbox.count_by_state(tx, outbox.OPEN)) and time.monotonic() < until:
            time.sleep(0.1)

    sent = sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=NOTICES + 1))
    assert {one.state for one in sent} == {DeliveryState.RECEIVED}
    endings = [
        attempt["ending"]
        for one in sent
        for attempt in sandwell.store.look(functools.partial(outbox.list_tries, message_id=one.message_id))
    ]
    assert endings.count("receipted") == NOTICES
    sandwell.store.close()


def test_a_look_that_began_before_a_correspondent_was_entered_does_not_undo_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    has_read, goes_on = threading.Event(), threading.Event()
    list_all = correspondents.list_correspondents

    def slow(tx: Tx) -> list[Correspondent]:
        read = list_all(tx)
        if threading.current_thread() is earlier:
            has_read.set()
            goes_on.wait(1)
        return read

    earlier = threading.Thread(target=sandwell.refresh_trust)
    monkeypatch.setattr(correspondents, "list_correspondents", slow)
    earlier.start()
    has_read.wait(10)
    letters.enter(sandwell)
    goes_on.set()
    earlier.join()
    assert list(sandwell.correspondents) == ["330"]
    sandwell.store.close()
