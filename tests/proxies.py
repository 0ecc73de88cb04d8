"""A real proxy, started by the tests: tinyproxy, which opens tunnels with or without a sign-in. And servers that answer
in its place what a proxy must not.
"""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.needs import need

# A network of documents (RFC 5737): nothing is sent there.
NOBODYS = ("192.0.2.254", 9)


def find_machine_address() -> str:
    """An address of this machine that is not loopback, which is never reached through a proxy."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NOBODYS)
        except OSError:
            pytest.skip("this machine has no address besides loopback")
        return str(probe.getsockname()[0])


@dataclass(frozen=True)
class RunningProxy:
    """A proxy on loopback, and its log."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """As the settings name it."""
        return f"http://127.0.0.1:{self.port}"

    def list_targets(self) -> list[str]:
        """For what tunnels were asked of it, as host and port."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return [line.rsplit("CONNECT ", 1)[1].split()[0] for line in lines if "): CONNECT " in line]


@contextmanager
def run_proxy(folder: Path, port: int, *settings: str) -> Iterator[RunningProxy]:
    """Start tinyproxy with these lines in its settings besides ours; stop it afterwards."""
    need("tinyproxy")
    folder.mkdir(exist_ok=True)
    file, log = folder / "tinyproxy.conf", folder / f"tinyproxy-{port}.log"
    lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 30", "MaxClients 50", "LogLevel Info", *settings]
    file.write_text("\n".join([*lines, ""]))
    with log.open("wb") as out:
        process = subprocess.Popen(["tinyproxy", "-d", "-c", str(file)], stdout=out, stderr=out)
    try:
        ends = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.02)
        yield RunningProxy(port, log)
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


@asynccontextmanager
async def answer_with(answer: bytes | None, port: int, host: str = "127.0.0.1") -> AsyncIterator[None]:
    """A server that says this to whoever sends a line, and closes; None: it says nothing, for as long as it is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readline()
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield
    finally:
        server.close()
