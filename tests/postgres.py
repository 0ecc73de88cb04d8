"""A real PostgreSQL server, started by the tests in a folder of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.disk import DISK
from tests.needs import need

# The server refuses to run as root.
OWNER = "postgres"


def programs() -> Path:
    """The folder of the newest server installed."""
    return max(Path("/usr/lib/postgresql").glob("*/bin/postgres")).parent


def _run(*words: str) -> None:
    as_owner = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*as_owner, *words], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{words[0]}: {done.stdout} {done.stderr}"


@dataclass(frozen=True)
class Server:
    """A server on loopback, in a folder of its own. `url` lacks the name of the database.

    One that is not `durable` never waits for the disk: no test may kill it and count on what it had committed.
    """

    programs: Path
    folder: str
    port: int
    durable: bool

    @property
    def url(self) -> str:
        """As SQLAlchemy names it."""
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        # Each process of tests has a server of its own.
        options += " -c shared_buffers=16MB"
        if not self.durable:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        self._control("-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self._control("-m", "immediate", "stop")

    def reload(self) -> None:
        """Have it read its settings, and who may come in, again."""
        self._control("reload")

    def _control(self, *words: str) -> None:
        _run(str(self.programs / "pg_ctl"), "-D", f"{self.folder}/data", *words)


@contextmanager
def server(port: int, *, durable: bool = False) -> Iterator[Server]:
    """Make a server and start it, a `durable` one on the disk; remove it afterwards."""
    need("PostgreSQL")
    folder = mkdtemp(prefix="cme-postgres-", dir=DISK if durable else None)
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    _run(str(programs() / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", OWNER)
    made = Server(programs(), folder, port, durable)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)
