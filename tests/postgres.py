"""A real PostgreSQL server, started by the tests in a folder of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

OWNER = "postgres"  # the server refuses to run as root


def programs() -> Path | None:
    """The folder of the newest server installed, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _run(*words: str) -> None:
    as_owner = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*as_owner, *words], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{words[0]}: {done.stdout} {done.stderr}"


@contextmanager
def server(port: int) -> Iterator[str]:
    """Start a server on loopback; gives the URL of its first database, without the name."""
    bin_folder = programs()
    if bin_folder is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and CI must have it")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = mkdtemp(prefix="cme-postgres-")
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    _run(str(bin_folder / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", OWNER)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    _run(str(bin_folder / "pg_ctl"), "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
    try:
        yield f"postgresql+psycopg://{OWNER}@127.0.0.1:{port}"
    finally:
        _run(str(bin_folder / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder)
