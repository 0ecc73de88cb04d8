"""Authorities as they really run: processes of their own, two behind a balancer where the database is shared, and people
who reach them by commands and by the API alone.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession

from gateway import home_folder
from gateway.context import Gateway
from gateway.directories import keeper
from gateway.home_folder import CARD_FILE, KEYS, TLS_CERTIFICATE, TLS_KEY, TLS_NEXT, NewGateway
from keys import card
from keys.card import Card
from keys.ring import RING_FILE
from tests.command import run_command
from tests.conftest import free_port
from tests.loaded import Loaded

# `serve`, whose jobs look more often than once in a minute, in an hour, in six hours.
SERVE = """
from datetime import timedelta
from gateway import app
from gateway.__main__ import main
from gateway.auditing import restores, witness
from gateway.core import storage_rotation
from gateway.directories import rounds
from gateway.exchange import card_rounds, statements
from gateway.own_keys import storage

app.TAKE_UP_EVERY = storage.LOOK_EVERY = card_rounds.LOOK_EVERY = 0.5
app.NOTE_EVERY = app.CHECKPOINT_EVERY = rounds.LOOK_EVERY = 2.0
restores.LOOK_EVERY = witness.CHECK_EVERY = 5.0
card_rounds.LEAST_PAUSE = timedelta(seconds=1)
statements.ASKED_EVERY = 1.0
storage.SETTLE = storage_rotation.SETTLE = timedelta(seconds=3)
main()
"""
# What one home folder has and another of the same authority is given after a command, in this order.
COPIED = (
    *(f"{KEYS}/{RING_FILE}", CARD_FILE, TLS_NEXT, TLS_KEY, TLS_CERTIFICATE),
    *(f"{keeper.FOLDER}/{name}" for name in (keeper.KEPT, keeper.PUBLISHED)),
)
# Days; a certificate that ends before a card does is replaced with the card.
SHORT_DAYS = 100
# Commands run in this process, and change its standard streams: one at a time.
COMMANDS = asyncio.Lock()


class RefusedError(Exception):
    """A command, or a request of a case system, that was refused; its text is why."""


@dataclass
class Balancer:
    """Passes TCP through to the processes of one authority in turn, and over those that do not answer."""

    port: int
    backends: list[int]
    _turns: "count[int]" = field(default_factory=count)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._pass_through, "127.0.0.1", self.port)

    def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()

    async def _pass_through(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        turn = next(self._turns)
        for number in range(len(self.backends)):
            with suppress(OSError):
                port = self.backends[(turn + number) % len(self.backends)]
                behind = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pump(client, behind[1]), _pump(behind[0], answers))
                return
        answers.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    with suppress(OSError):
        writer.close()


@dataclass
class RunningAuthority:
    """One authority: its home folders, a process on each, and its case system."""

    code: str
    name: str
    folder: Path
    store_url: str
    processes: int
    balancer: Balancer = field(init=False)
    consoles: list[int] = field(init=False)
    homes: list[Path] = field(init=False)
    running: list[Loaded] = field(default_factory=list)
    secret: str = ""
    _http: ClientSession | None = None
    _token: str = ""
    _turns: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        """Set it up, as `init` does, with a certificate that does not last."""
        self.balancer = Balancer(free_port(), [free_port() for _ in range(self.processes)])
        self.consoles = [free_port() for _ in range(self.processes)]
        self.homes = [self.folder / f"{self.code}-{number}" for number in range(1, self.processes + 1)]
        new = NewGateway(
            code=self.code,
            name=self.name,
            port=self.balancer.port,
            telephone="01632 960101",
            store_url=self.store_url,
            console_port=self.consoles[0],
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home_folder, "TLS_DAYS", SHORT_DAYS)
            home_folder.create_gateway(self.homes[0], new)
        self._place_behind(self.balancer.port)

    def _place_behind(self, before: int) -> None:
        """Give the first home folder the port behind the balancer, and make the others like it."""
        _replace_line(self.homes[0], f"port = {before}", f"port = {self.balancer.backends[0]}")
        for number, home in enumerate(self.homes[1:], 1):
            shutil.copytree(self.homes[0], home)
            _replace_line(home, f"port = {self.balancer.backends[0]}", f"port = {self.balancer.backends[number]}")
            _replace_line(home, f"port = {self.consoles[0]}", f"port = {self.consoles[number]}")

    async def start(self) -> None:
        """Start every process, and wait until each answers."""
        for home in self.homes:
            log = (home.parent / f"{home.name}.log").open("ab")
            words = [sys.executable, "-c", SERVE, "serve", "--with-parent", "--home", str(home)]
            self.running.append(Loaded(words, stdin=subprocess.PIPE, stderr=log))
            log.close()
        if self._http is None:
            self._http = ClientSession()
            await self.balancer.open()
        for port in self.consoles:
            while not await self._is_there(port):
                await asyncio.sleep(0.1)

    async def _is_there(self, port: int) -> bool:
        assert self._http
        assert all(process.poll() is None for process in self.running), f"{self.code}: a process has ended"
        with suppress(ClientConnectionError):
            async with self._http.get(f"http://127.0.0.1:{port}/api/v1/openapi.json") as got:
                return got.status == 200
        return False

    async def kill(self) -> None:
        """Kill every process, at once."""
        for process in self.running:
            process.kill()
        await self._wait_for_processes()

    async def stop(self) -> None:
        """Stop every process, which lets what is under way end."""
        for process in self.running:
            process.terminate()
        await self._wait_for_processes()
        if self._http:
            await self._http.close()
            self.balancer.close()

    async def _wait_for_processes(self) -> None:
        for process in self.running:
            await asyncio.to_thread(process.wait, 30)
            assert process.stdin
            process.stdin.close()
        self.running.clear()

    async def run(self, *words: str, fails_with: int | None = 0) -> dict[str, Any]:
        """Run a command in the first home folder; return what it says. Raises RefusedError where it fails."""
        async with COMMANDS:
            done = await asyncio.to_thread(run_command, *words, "--home", str(self.homes[0]), "--json")
        if fails_with is not None and done.returncode != fails_with:
            raise RefusedError(f"{self.code} {' '.join(words)}: {done.returncode} {done.stdout}{done.stderr}")
        return dict(json.loads(done.stdout)) if done.stdout.strip() else {}

    def copy_to_other_homes(self) -> None:
        """Copy keys, then the card, then certificates, as the page of the process says after a command."""
        for home in self.homes[1:]:
            for name in COPIED:
                with suppress(FileNotFoundError):
                    (home / name).parent.mkdir(exist_ok=True)
                    shutil.copy(self.homes[0] / name, home / f"{name}.new")
                    (home / f"{name}.new").replace(home / name)

    async def restore(self, backup: Path, passphrase_file: Path, store_url: str) -> None:
        """Restore a backup on new machines, whose ports are those of the old ones, into an empty database."""
        folder = self.folder / "restored"
        folder.mkdir()
        self.homes = [folder / home.name for home in self.homes]
        words = ("--passphrase-file", str(passphrase_file), "--authority", self.code)
        await self.run("restore", str(backup), *words, *(("--store-url", store_url) if store_url else ()))
        self._place_behind(self.balancer.backends[0])

    def read_card(self) -> Card:
        """Read the newest card that it has made."""
        return card.read((self.homes[0] / CARD_FILE).read_text("ascii"))

    def open(self) -> Gateway:
        """Open the first home folder, as a command does."""
        return home_folder.open_gateway(self.homes[0])

    async def get(self, place: str) -> dict[str, Any]:
        """Have the case system ask for something."""
        return await self._request("GET", place, {})

    async def post(self, place: str, body: bytes) -> str:
        """Have the case system do something, asking again under its key until it is answered; return the id of the
        message. Raises RefusedError.
        """
        headers = {"Idempotency-Key": token_hex(8), "Content-Type": "application/json"}
        return str((await self._request("POST", place, headers, body))["id"])

    async def _request(
        self, method: str, place: str, headers: dict[str, str], body: bytes | None = None
    ) -> dict[str, Any]:
        assert self._http
        while True:
            base = f"http://127.0.0.1:{self.consoles[next(self._turns) % len(self.consoles)]}/api/v1"
            with suppress(ClientConnectionError):
                if not self._token:
                    self._token = await self._get_token(base)
                bearing = headers | {"Authorization": f"Bearer {self._token}"}
                async with self._http.request(method, f"{base}{place}", headers=bearing, data=body) as got:
                    if got.status < 400:
                        return dict(await got.json())
                    if got.status == 401:
                        self._token = ""
                    elif got.status < 500:
                        raise RefusedError(await got.text())
            await asyncio.sleep(0.2)

    async def _get_token(self, base: str) -> str:
        assert self._http
        form = {"grant_type": "client_credentials", "client_id": "cases", "client_secret": self.secret}
        async with self._http.post(f"{base}/token", data=form) as got:
            return str((await got.json())["access_token"])


def _replace_line(home: Path, old: str, new: str) -> None:
    file = home / "gateway.toml"
    text = file.read_text()
    assert text.count(f"{old}\n") == 1, old
    file.write_text(text.replace(f"{old}\n", f"{new}\n"))
