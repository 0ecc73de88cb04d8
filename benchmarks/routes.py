"""Each route for the whole way of a message, beside the bare cost of carrying the same bytes, in the same run.

    python -m benchmarks.routes [messages]

Sandwell runs in this process; Worcestershire, the mailbox's host, OpenSSH's server and the mail servers in processes of
their own. Bare: the same sealed messages and as many bytes of receipts, a batch at a time, carried there and back by
plain asyncssh, by plain SMTP and IMAP, or posted to a server that reads and forgets. Absolute figures move with the
machine; the ratio less.
"""

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import aiosmtplib
import asyncssh
from aiohttp import web
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from adapters import email, mail
from adapters.client import Client
from adapters.imap import Inbox
from adapters.route import RouteAddress
from gateway import app
from gateway.core.delivery import DeliveryState
from gateway.exchange import collect
from gateway.exchange.deliver import BATCH
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.store import tables
from tests.children import notice
from tests.contract.test_hostile_servers import server
from tests.contract.worlds import WORLDS, World

PEERS = {"email": ["885"], "https": ["885"], "mailbox": ["330", "885"], "sftp": ["885"]}
ON_THE_WAY = select(func.count()).where(tables.outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)))
NOW = datetime.now(UTC)
RECEIPTS = b"\n".join([b"r" * 700] * BATCH)


@asynccontextmanager
async def processes(folder: Path, codes: list[str]) -> AsyncIterator[None]:
    """A gateway process for each of these."""
    started = []
    for code in codes:
        with (folder / code / "gateway.toml").open("a") as settings:
            settings.write("\n[limits]\nmessages_per_minute = 1000000\n")
        words = [sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(folder / code)]
        started.append(await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
    await asyncio.sleep(3)
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            await process.wait()


async def whole(world: World, folder: Path, messages: int) -> float:
    """Messages a second, from their queueing to the last verified receipt, by this route alone."""
    sandwell = world.sandwell
    sandwell.carriers = {world.kind: sandwell.carriers[world.kind]}
    servers = world.serving() if world.kind in ("email", "sftp") else nullcontext()
    async with servers, processes(folder, PEERS[world.kind]), app.run_gateway(sandwell):
        ready = [notice() for _ in range(messages)]
        began = time.perf_counter()
        for at in range(0, messages, BATCH):
            send_notices(sandwell, ready[at : at + BATCH], by="bench")
        while await sandwell.store.read(lambda tx: tx.scalar(ON_THE_WAY)):
            await asyncio.sleep(0.02)
        return messages / (time.perf_counter() - began)


async def bare_https(folder: Path, body: bytes, batches: int, world: World) -> float:
    """Post the bytes to a server that reads and forgets them."""

    async def forget(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=RECEIPTS)

    client = Client()
    async with server(folder, forget) as address:
        began = time.perf_counter()
        for _ in range(batches):
            await client.send_request(
                "POST", address, "/", body=body, kind="application/octet-stream", most=len(RECEIPTS)
            )
        seconds = time.perf_counter() - began
        await client.close()
    return batches * BATCH / seconds


async def bare_sftp(folder: Path, body: bytes, batches: int, world: World) -> float:
    """Write, rename, read and remove the files that a batch needs, there and back."""
    address: RouteAddress = world.address
    place, login = urlsplit(address.url), address.login
    assert login is not None
    assert address.pin is not None
    assert login.private_key is not None
    async with (
        world.serving(),
        asyncssh.connect(
            place.hostname or "",
            place.port or 22,
            username=login.user,
            client_keys=[asyncssh.import_private_key(login.private_key)],
            known_hosts=([asyncssh.import_public_key(address.pin)], [], []),
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):
        began = time.perf_counter()
        for number in range(batches):
            for side, content in (("in", body), ("out", RECEIPTS)):
                name = f"{place.path}/{side}/bare-{number}"
                async with sftp.open(f"{name}.part", "wb") as file:
                    await file.write(content)
                await sftp.posix_rename(f"{name}.part", name)
                async with sftp.open(name, "rb") as file:
                    await file.read()
                await sftp.remove(name)
        return batches * BATCH / (time.perf_counter() - began)


async def bare_email(folder: Path, body: bytes, batches: int, world: World) -> float:
    """Send a mail with the bytes that a batch needs, there and back, over one connection, and read both."""
    account = world.address.mail
    assert account is not None
    assert account.login is not None
    place, trusted = urlsplit(account.smtp), ssl.create_default_context(cadata=account.authorities)
    async with world.serving():
        relay = aiosmtplib.SMTP(hostname=place.hostname, port=place.port, start_tls=True, tls_context=trusted)
        began = time.perf_counter()
        async with relay:
            await relay.login(account.login.user, account.login.password or "")
            for _ in range(batches):
                for kind, content in (("sealed", body), ("receipts", RECEIPTS)):
                    _, raw = mail.build_sealed_mail(
                        "333", kind, content, sender=account.address, to=account.address, now=NOW
                    )
                    await relay.sendmail(account.address, [account.address], raw)
        inbox, come = Inbox(account), 0
        while come < 2 * batches:
            for uid, _ in await asyncio.to_thread(inbox.fetch_mails):
                await asyncio.to_thread(inbox.remove_mail, uid)
                come += 1
        seconds = time.perf_counter() - began
        await asyncio.to_thread(inbox.close)
    return batches * BATCH / seconds


BARE = {"email": bare_email, "https": bare_https, "mailbox": bare_https, "sftp": bare_sftp}


async def main(messages: int) -> None:
    """Measure each route, and print the table."""
    collect.LOOK_EVERY = (
        # A partner's receipts are looked for every two seconds; here the rate counts, not the wait.
        0.2
    )
    email.POLL_SECONDS = 0.2
    table = Table("Route", "messages/s", "the same bytes alone", "ratio", box=None, pad_edge=False)
    for kind, make in WORLDS.items():
        with TemporaryDirectory() as name:
            folder = Path(name)
            world = make(folder)
            body = b"\n".join(one.sealed for one in prepare_messages(world.sandwell, [notice()], "bench") * BATCH)
            bare = await BARE[kind](folder, body, max(1, messages // BATCH), world)
            rate = await whole(world, folder, messages)
            await world.close()
        table.add_row(kind, f"{rate:.0f}", f"{bare:.0f}", f"{rate / bare:.3f}")
    Console(highlight=False, width=100).print(table)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
