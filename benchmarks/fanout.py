"""One enquiry to every authority of England, and the stand-down after it: 152 real gateways on loopback.

    python -m benchmarks.fanout [authorities]

Sandwell runs in this process; the others, each with keys, certificate, HTTPS server and SQLite database of its own,
together in one other process. Queued: checked, sealed and durable for all. Last receipt: from the same moment on, the
last verified receipt is durable. Bare: as many TLS connections to the same servers, each with one small request, by
plain aiohttp; and as many durable commits one after the other, two for each message, on the same disk. Absolute figures
move with the machine; the ratios less.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, text

from gateway import app, home_folder
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.exchange import enquire
from gateway.exchange.stand_down import stand_down_search
from gateway.store import tables
from schemas import codes
from schemas.message import LocatedNotice
from tests.children import notice
from tests.conftest import free_port

ROUNDS = 5
OURS = "333"
READY = "ready"
UNDER_WAY = select(func.count()).where(tables.outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)))


def make(folder: Path, authorities: Sequence[str]) -> None:
    """A gateway for each."""
    for code in authorities:
        home = folder / code
        home_folder.create_gateway(
            home, home_folder.NewGateway(code=code, name=code, port=free_port(), telephone="01632 960101")
        )


def introduce(folder: Path, authorities: Sequence[str]) -> None:
    """Sandwell and each of the others confirm each other's cards."""
    ours = home_folder.open_gateway(folder / OURS)
    for code in authorities:
        there = home_folder.open_gateway(folder / code)
        for gw, card in ((ours, folder / code), (there, folder / OURS)):
            add_partner(gw, (card / home_folder.CARD_FILE).read_text("ascii"), by="bench")
        there.store.close()
    ours.store.close()


async def host(folder: Path, authorities: Sequence[str]) -> None:
    """Run all of them until our standard input ends."""
    async with AsyncExitStack() as stack:
        for code in authorities:
            await stack.enter_async_context(app.run_gateway(home_folder.open_gateway(folder / code)))
        print(READY, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def until_receipted(gw: Gateway) -> None:
    """Until nothing is under way."""
    while await gw.store.read(lambda tx: tx.scalar(UNDER_WAY)):
        await asyncio.sleep(0.02)


async def round_of(gw: Gateway, authorities: Sequence[str]) -> tuple[float, float, float, float]:
    """Seconds: the enquiry queued, its last receipt; the stand-down queued, its last receipt."""
    began = time.perf_counter()
    done = enquire.ask_authorities(gw, notice(name="whereabouts-enquiry"), authorities, {}, "bench")
    queued = time.perf_counter() - began
    await until_receipted(gw)
    receipted = time.perf_counter() - began
    assert len(done.asked) == len(authorities), done.not_asked
    body = LocatedNotice(located_on=gw.now().date(), way="in-education", ring=gw.build_officer("Bench Invented"))
    began = time.perf_counter()
    told = stand_down_search(gw, done.case, body, "bench")
    told_queued = time.perf_counter() - began
    await until_receipted(gw)
    assert len(told) == len(authorities)
    states = select(func.count()).where(
        tables.outbox.c.message_id.in_(told), tables.outbox.c.state == DeliveryState.RECEIVED
    )
    assert gw.store.look(lambda tx: tx.scalar(states)) == len(told)
    return queued, receipted, told_queued, time.perf_counter() - began


async def bare_connections(folder: Path, authorities: Sequence[str]) -> float:
    """Seconds for a new connection and one request to each, all at once."""
    addresses = [home_folder.open_gateway(folder / code) for code in authorities]
    urls = [f"https://127.0.0.1:{gw.config.listen.port}/healthz" for gw in addresses]
    for gw in addresses:
        gw.store.close()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, limit=0)) as client:

        async def get(url: str) -> None:
            async with client.get(url) as answer:
                await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(get(url) for url in urls))
        return time.perf_counter() - began


def bare_commits(gw: Gateway, count: int) -> float:
    """Seconds for so many durable transactions of one row, one after the other, in a table of their own."""
    gw.store.run(lambda tx: tx.execute(text("CREATE TABLE IF NOT EXISTS bare (at TEXT)")))
    began = time.perf_counter()
    for _ in range(count):
        gw.store.run(lambda tx: tx.execute(text("INSERT INTO bare VALUES ('x')")))
    return time.perf_counter() - began


async def main(count: int) -> None:
    """Measure, and print the table."""
    authorities = [code for code in codes.get_labels("authorities_live") if code != OURS][:count]
    with TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        make(folder, [OURS, *authorities])
        introduce(folder, authorities)
        made = time.perf_counter() - began
        words = [sys.executable, "-m", "benchmarks.fanout", "host", str(folder), *authorities]
        others = await asyncio.create_subprocess_exec(
            *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert others.stdout is not None
        assert (await others.stdout.readline()).decode().strip() == READY
        gw = home_folder.open_gateway(folder / OURS)
        connections = [await bare_connections(folder, authorities)]
        async with app.run_gateway(gw):
            rounds = [await round_of(gw, authorities) for _ in range(ROUNDS)]
        connections.append(await bare_connections(folder, authorities))
        commits = bare_commits(gw, 2 * len(authorities))
        gw.store.close()
        assert others.stdin is not None
        others.stdin.close()
        await others.wait()
    show(len(authorities), rounds, median(connections), commits, made)


def show(
    count: int, rounds: Sequence[tuple[float, float, float, float]], connections: float, commits: float, made: float
) -> None:
    """Print each round and the median of them; the first opens the connections."""
    out = Console(highlight=False, width=100)
    out.print(f"{count} gateways on loopback, made in {made:.0f} s; {datetime.now(UTC):%d %b %Y}\n")
    columns = ("Seconds", "enquiry queued", "last receipt", "stand-down queued", "last receipt")
    table = Table(*columns, box=None, pad_edge=False)
    for number, taken in enumerate(rounds, 1):
        table.add_row(f"round {number}", *(f"{one:.2f}" for one in taken))
    middle = [median(one[at] for one in rounds) for at in range(4)]
    table.add_row("median", *(f"[bold]{one:.2f}[/bold]" for one in middle))
    out.print(table)
    out.print(
        f"\nbare: {count} connections with a request each {connections:.2f} s; {2 * count} commits {commits:.2f} s"
    )
    out.print(f"last receipt / bare, both together: {middle[1] / (connections + commits):.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["host"]:
        asyncio.run(host(Path(sys.argv[2]), sys.argv[3:]))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 152))
