"""A gateway that runs as a process of its own, so that what hangs it hangs no test; its log is kept."""

import asyncio
import random
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.loaded import Loaded

SEED = random.SystemRandom().randrange(2**32)
# Seconds: requests under way have twenty, and machines that run tests are slow.
STOPS_WITHIN = 45.0
MAIN = "from gateway.__main__ import main; main()"


@dataclass(frozen=True)
class Served:
    """The process, and what it has said."""

    process: subprocess.Popen[bytes]
    said: Path

    def lines(self) -> list[str]:
        return self.said.read_text("utf-8", "replace").splitlines()

    async def stop(self) -> int:
        """Tell it to stop: its exit code. Raises TimeoutError where it does not."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPS_WITHIN):
            while self.process.poll() is None:
                await asyncio.sleep(0.05)
        return self.process.returncode


def unproven() -> ssl.SSLContext:
    """TLS as somebody speaks it who does not care who answers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@asynccontextmanager
async def served(home: Path, port: int, *, before: str = "", prefix: Sequence[str] = ()) -> AsyncIterator[Served]:
    """`serve` for this home folder.

    `before`: Python that the process runs first; `prefix`: the command that runs it.
    """
    said = home.parent / f"{home.name}.log"
    process = _start(home, said, before, prefix)
    try:
        await _up(process, port)
        yield Served(process, said)
    finally:
        process.kill()
        process.wait()


def _start(home: Path, said: Path, before: str, prefix: Sequence[str]) -> subprocess.Popen[bytes]:
    code = f"import sys; sys.argv = ['cme-gateway', 'serve', '--home', {str(home)!r}]\n{before}\n{MAIN}"
    with said.open("wb") as log:
        # A prefix is another program: what that runs is loaded anew.
        return Loaded([*prefix, sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=log)


async def _up(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        assert process.poll() is None, "it ended at once"
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it does not start")


def browser(seconds: float = 60.0) -> aiohttp.ClientSession:
    """Many browsers at once, without cookies."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0, ssl=unproven()),
        timeout=aiohttp.ClientTimeout(seconds),
    )
