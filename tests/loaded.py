"""A process of the gateway, without the second and a half in which Python loads it.

One process loads the whole gateway and does nothing else: it has no thread, no event loop, no database, and no socket
but the one on which it is asked. It is forked for each gateway that a test starts. The result is a process like any
other, and a child of whoever asked: it has its own number, standard streams, environment and, where that is wanted,
session; it is killed and waited for as any other; and its random numbers are its own, for Python and OpenSSL notice a
fork.

Where the start itself is the subject (the entry point, a signal while Python loads, another file system, a limit that a
command sets), a test starts `python -m gateway` for real: tests/flows/test_command_line.py has most of these.
"""

import atexit
import ctypes
import gc
import inspect
import json
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from keys import key_file

PROJECT = Path(__file__).parents[1]
PACKAGES = ("adapters", "gateway", "keys", "schemas")
# Loaded by others only once they need it: each would be loaded again in each process.
WHEN_NEEDED = (
    "encodings.idna",
    "govuk_frontend_jinja",
    "psycopg",
    "pydantic.type_adapter",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "typer._adapters",
)
# Of a request, most of which is the environment.
MOST_BYTES = 2**17
# prctl(2).
PR_SET_CHILD_SUBREAPER = 36
PARAMETERS = tuple(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]


def start_gateway(*words: str, **options: Any) -> "Loaded":
    """Start `python -m gateway` with these words; the options are those of `subprocess.Popen`."""
    return Loaded([sys.executable, "-m", "gateway", *words], **options)


class Loaded(subprocess.Popen[Any]):
    """`subprocess.Popen`, which forks where it is told to start `python -m gateway`, or `python -c`
    with code for one.
    """

    def _execute_child(self, *given: Any) -> None:
        named = dict(zip(PARAMETERS, given, strict=True))
        line = list(named["args"])
        loaded = line[0] == sys.executable and (line[1:3] == ["-m", "gateway"] or line[1] == "-c")
        if sys.platform != "linux" or not loaded:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        pipes = [named[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        request = {
            "words": line[1:],
            "folder": os.fspath(named["cwd"] or Path.cwd()),
            "environment": dict(named["env"] or os.environ),
            "session": named["start_new_session"],
            # They cost there what they cost here.
            "passphrases": key_file.SCRYPT,
        }
        streams = [
            number if pipe == -1 else pipe for number, pipe in zip((0, 1, 2), (pipes[0], *pipes[3::2]), strict=True)
        ]
        self.pid = loaded_process().fork_process(request, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


@dataclass
class LoadedProcess:
    """The process that has loaded the gateway, as it is asked."""

    asks: socket.socket
    # None where somebody else started it.
    process: subprocess.Popen[bytes] | None = None
    lock: Lock = field(default_factory=Lock)

    def fork_process(self, request: dict[str, object], streams: list[int]) -> int:
        """Return the number of the new process, which is a child of this one."""
        with self.lock, _adopts_orphans():
            socket.send_fds(self.asks, [json.dumps(request).encode()], streams)
            return int(self.asks.recv(64))

    def end(self) -> None:
        """Let it see that nobody asks any more."""
        self.asks.close()
        if self.process:
            self.process.wait()


@contextmanager
def _adopts_orphans() -> Iterator[None]:
    """Be the parent of a process below us whose own parent ends."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


# In a process that was itself forked.
_LENT: list[LoadedProcess] = []


def loaded_process() -> LoadedProcess:
    """Return the process that has loaded the gateway; the first time, start it. It ends when this process does."""
    return _LENT[0] if _LENT else _start_loading()


@cache
def _start_loading() -> LoadedProcess:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.loaded", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    started = LoadedProcess(ours, process)
    atexit.register(started.end)
    return started


def main() -> None:
    """Load the gateway, then be forked as often as is asked; in what was forked, do what was asked."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    load_gateway()
    request = _wait_for_request(asked)
    _become(request)
    # It starts gateways itself.
    if "demo" in request["words"]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            _close_streams()
            request = _wait_for_request(theirs)
            _become(request)
        else:
            theirs.close()
            _LENT.append(LoadedProcess(ours))
            subprocess.Popen = Loaded  # type: ignore[misc]
    _run(request["words"])


def load_gateway() -> None:
    """Load every module of the product, and what others load only when they need it."""
    gc.disable()
    for name in PACKAGES:
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            # Alembic loads migrations itself; a program's own module is run, not loaded.
            if ".migrations." not in module.name and not module.name.endswith(".__main__"):
                import_module(module.name)
    for name in WHEN_NEEDED:
        import_module(name)
    gc.collect()
    # So that what is loaded stays shared.
    gc.freeze()
    gc.enable()


def _wait_for_request(asked: socket.socket) -> dict[str, Any]:
    """Fork for each request; return it in what was forked. The process ends when nobody can ask any more."""
    while True:
        body, streams, _, _ = socket.recv_fds(asked, MOST_BYTES, 3)
        if not body:
            os._exit(0)
        number = _fork_orphan()
        if number == 0:
            asked.close()
            for stream, descriptor in enumerate(streams):
                os.dup2(descriptor, stream)
                os.close(descriptor)
            return dict(json.loads(body))
        for descriptor in streams:
            os.close(descriptor)
        with suppress(BrokenPipeError):
            asked.send(str(number).encode())


def _fork_orphan() -> int:
    """Fork a process whose parent has ended, so that whoever asked adopts it: its number, or 0 in itself."""
    reads, writes = os.pipe()
    between = os.fork()
    if between == 0:
        number = os.fork()
        if number == 0:
            os.close(reads)
            os.close(writes)
            return 0
        os.write(writes, str(number).encode())
        os._exit(0)
    os.close(writes)
    os.waitpid(between, 0)
    with os.fdopen(reads, "rb") as answer:
        return int(answer.read())


def _become(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    key_file.SCRYPT.update(request["passphrases"])
    if request["session"]:
        os.setsid()
    # What Python knows of a stream, such as whether it can be sought in, is that of the former one.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _close_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _run(words: list[str]) -> None:
    kind, what, *more = words
    sys.argv = [kind if kind == "-c" else str(PROJECT / "gateway" / "__main__.py"), *more]
    if kind == "-c":
        exec(what, {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
        return
    from gateway.__main__ import main as run_gateway

    run_gateway()


if __name__ == "__main__":
    main()
