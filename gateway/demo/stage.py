"""Where the demo plays: three homes, a process for each gateway, the servers around them, and wires between.

All of it is decided once and kept in the folder, so that a demo that was killed goes on where it was.
"""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway import home_folder
from gateway.authorities import partners
from gateway.context import Gateway, wall_clock
from gateway.demo import mail, routes
from gateway.demo.routes import Wire
from gateway.errors import NotAllowed, Unusable
from gateway.settings.rules import FILE
from keys.errors import CardOlder
from schemas.identifiers import build_uuid7
from schemas.shapes import MessageId

# Ofcom's numbers for drama.
TELEPHONE = {"333": "01632 960101", "885": "01632 960202", "330": "01632 960303"}
MASH_TELEPHONE = {"333": "01632 960111", "885": "01632 960212", "330": "01632 960313"}
NAMES = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham"}
PORTS = (*TELEPHONE, "333 console", "885 console", "885 wire", "330 wire", "sftp", "sftp wire", "smtp", "imap")
WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided once and kept in the folder: the ports, an id for each step, and whether there
    are mail servers.
    """

    ports: dict[str, int]
    ids: dict[str, MessageId]
    # Where their files lie.
    mail: Path | None


def make_plan(folder: Path, steps: Iterable[str], *, email: bool) -> Plan:
    """Return what was decided for this folder; now, where nothing was. Raises NotAllowed, Unusable."""
    path = folder / "demo.json"
    if (folder / FILE).exists():
        raise NotAllowed("demo.real", folder=folder)
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ids = {name: build_uuid7(wall_clock(), token_bytes(10)) for name in steps}
            made = {"ports": {name: _free_port() for name in PORTS}, "ids": ids, "mail": None}
            if email:
                made["mail"] = str(mail.new_home())
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(made))
            temporary.rename(path)
        stored = json.loads(path.read_text())
    except OSError as why:
        raise Unusable("demo.unwritable", folder=folder, why=why.strerror) from None
    if stored["ports"].keys() != set(PORTS):
        raise Unusable("demo.older", folder=folder)
    plan = Plan(stored["ports"], stored["ids"], Path(stored["mail"]) if stored["mail"] else None)
    # Where it lies, whatever was there may have been cleared away.
    if plan.mail is not None:
        mail.prepare_servers(mail.Servers(plan.mail, plan.ports["smtp"], plan.ports["imap"]))
    return plan


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Does nobody listen there?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def make_gateway(folder: Path, code: str, plan: Plan) -> None:
    """A gateway under another name, then renamed: a demo that was killed half-way starts this step anew."""
    home, servers, ports = folder / code, folder / "sftp", plan.ports
    if (home / FILE).exists():
        return
    servers.mkdir(exist_ok=True)
    routes.make_keys(servers)
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    console = ports.get(f"{code} console", 0)
    home_folder.create_gateway(
        fresh,
        home_folder.NewGateway(
            code=code, name=NAMES[code], port=ports[code], telephone=TELEPHONE[code], console_port=console
        ),
    )
    folders = {"folder": "one", "import_folder": "one-import", "answers_folder": "one-answers"}
    with (fresh / FILE).open("a") as settings:
        settings.write(f'\n[mash]\nname = "{NAMES[code]} MASH"\ntelephone = "{MASH_TELEPHONE[code]}"\n')
        settings.write("\n[one]\n" + "".join(f'{setting} = "{name}"\n' for setting, name in folders.items()))
    for name in folders.values():
        (fresh / name).mkdir()
    more = routes.build_settings(servers, ports["sftp wire"], its_own=code == "885")
    if plan.mail is not None:
        mails = mail.Servers(plan.mail, ports["smtp"], ports["imap"])
        more += mails.build_settings(f"gateway@{NAMES[code].lower()}.example")
    _set_routes(fresh, code, ports, more)
    fresh.rename(home)


def _set_routes(home: Path, code: str, ports: Mapping[str, int], more: str) -> None:
    """Partners reach Worcestershire, and its mailbox at Birmingham, by wires that can be cut."""
    text = (home / FILE).read_text()
    if wire := ports.get(f"{code} wire"):
        text = text.replace(f":{ports[code]}/exchange", f":{wire}/exchange")
    if code == "885":
        gw, host = home_folder.open_gateway(home), home.with_name("330")
        partners.add_partner(gw, (host / home_folder.CARD_FILE).read_text("ascii"), by="demo")
        gw.store.close()
        text += '\n[mailbox]\nhost = "330"\n'
    (home / FILE).write_text(text + (more if code != "330" else '\n[hosting]\nowners = "885"\n'))
    home_folder.renew_card(home, by="demo")


@asynccontextmanager
async def open_wires(folder: Path, plan: Plan) -> AsyncIterator[dict[str, Wire]]:
    """Yield the servers, and the wires by which Worcestershire is reached, by the route that each carries."""
    ports = plan.ports
    wires = {
        "https": Wire(ports["885 wire"], ports["885"]),
        "mailbox": Wire(ports["330 wire"], ports["330"]),
        "sftp": Wire(ports["sftp wire"], ports["sftp"]),
    }
    async with routes.sftp_server(folder / "sftp", ports["sftp"]), AsyncExitStack() as stack:
        if plan.mail is not None:
            await stack.enter_async_context(_run_mail_servers(plan.mail, ports["smtp"], ports["imap"]))
        for wire in wires.values():
            await wire.let_through()
        try:
            yield wires
        finally:
            for wire in wires.values():
                await wire.break_off()


@asynccontextmanager
async def _run_mail_servers(home: Path, smtp: int, imap: int) -> AsyncIterator[None]:
    """Run the mail servers, for as long as inside."""
    with ExitStack() as servers:
        starting = asyncio.create_task(asyncio.to_thread(servers.enter_context, mail.run_servers(home, smtp, imap)))
        try:
            await asyncio.shield(starting)
            yield
        finally:
            # A thread cannot be cancelled: what it has begun to start is stopped once it is started.
            await asyncio.wait([starting])


def exchange_cards(first: Gateway, second: Gateway) -> None:
    """Each confirms the other's card, unless it has it."""
    for gw, there in ((first, second), (second, first)):
        # It has the card already.
        with suppress(NotAllowed, CardOlder):
            partners.add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="demo")


@asynccontextmanager
async def serve_homes(homes: Sequence[Path]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Yield a gateway process for each home, for as long as inside."""
    processes: list[asyncio.subprocess.Process] = []
    try:
        for home in homes:
            # One by one: those that run already are stopped where the next cannot be started.
            processes.append(await _start(home))  # noqa: PERF401
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in processes))


async def _start(home: Path) -> asyncio.subprocess.Process:
    with (home / "serve.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(home),
            stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
        )  # fmt: skip


async def wait_until_ready(gw: Gateway, process: asyncio.subprocess.Process) -> None:
    """Wait until the gateway says that it is ready. Raises Unusable where it has ended instead, or never does."""
    trusted = ssl.create_default_context(cafile=str(gw.config.home / home_folder.TLS_CERTIFICATE))
    url = f"https://127.0.0.1:{gw.config.listen.port}/readyz"
    async with ClientSession(timeout=ClientTimeout(total=2)) as session, _patience(f"{gw.own_card.name}'s gateway"):
        while True:
            if process.returncode is not None:
                raise Unusable("demo.ended", name=gw.own_card.name, log=gw.config.home / "serve.log")
            with suppress(ClientError, TimeoutError):
                async with session.get(url, ssl=trusted) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


async def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for it. Raises Unusable where it does not come true in a minute."""
    async with _patience(what):
        while not true():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield
    except TimeoutError:
        raise Unusable("demo.waited", what=what) from None
