"""The command line, in this process: what it prints and how it ends, without the second and a half of a new process.

A command that is killed, waits for a signal, or writes to a file that is full needs a process of its own.
"""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import cli


def run_command(*words: str, say: str | bytes = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run `cme-gateway` with these words; what it is told on its standard input is `say`."""
    spoken = say if isinstance(say, bytes) else say.encode()
    # A test may have a loop of its own, which a command must not meet.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(_run, list(words), spoken, env).result()


def _run(words: list[str], said: bytes, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    out, err = io.BytesIO(), io.BytesIO()
    streams = {"stdin": io.BytesIO(said), "stdout": out, "stderr": err}
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in streams.items():
            patch.setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8", write_through=True))
        for name, value in ({"COLUMNS": "80"} | env).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["cme-gateway", *words])
        code = _exit_code()
        texts = [stream.getvalue().decode("utf-8", "replace") for stream in (out, err)]
    return subprocess.CompletedProcess(["cme-gateway", *words], code, *texts)


def _exit_code() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
