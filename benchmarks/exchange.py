"""The whole way of a message, measured between two processes, beside the bare cost of its parts in the same run.

    python -m benchmarks.exchange [messages]

Whole way: queued, signed, sealed, sent over TLS, opened, verified, checked, durable, receipt verified and durable.
Sandwell runs in this process; Worcestershire in one of its own. Absolute figures move with the machine; the ratio less.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from gateway import app
from gateway.authority import Authority
from gateway.core.delivery import State
from gateway.deliver import BATCH
from gateway.send import send
from gateway.store import outbox
from keys import envelope, receipt
from schemas import rules, xml
from tests.children import notice
from tests.conftest import free_port, introduce

CORES = 2
ROUNDS = 300  # of each part


def cost(work: Callable[[], object]) -> float:
    """The median of a part's time, in microseconds."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        work()
        taken.append((time.perf_counter_ns() - began) / 1000)
    return median(taken)


def parts(here: Authority, there: Authority, folder: Path) -> dict[str, float]:
    """Microseconds of each part for one message, over both sides."""
    message = notice()
    text = xml.write(message)
    names = envelope.Names(message.header.message_id, "333", "885")
    sealed = envelope.seal(text, names=names, ring=here.ring, trust=here.trust, now=here.now())
    digest = sha256(sealed).hexdigest()

    def sign_receipt() -> str:
        return receipt.issue(
            audience="333",
            message_id=names.message_id,
            sha256=digest,
            codes=(),
            checkpoint=None,
            ring=there.ring,
            now=there.now(),
        )

    token = sign_receipt()

    def verify_receipt() -> object:
        return receipt.verify(token, issuer="885", audience="333", sha256=digest, trust=here.trust, now=here.now())

    with (folder / "fsync").open("wb") as file:

        def sync() -> None:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())

        fsync = cost(sync)
    return {
        "sign and seal": cost(
            lambda: envelope.seal(text, names=names, ring=here.ring, trust=here.trust, now=here.now())
        ),
        "open and verify": cost(lambda: envelope.unseal(sealed, ring=there.ring, trust=there.trust, now=there.now())),
        "sign receipt": cost(sign_receipt),
        "verify receipt": cost(verify_receipt),
        "write XML and XSD": cost(lambda: xml.write(message)),
        "read XML and XSD": cost(lambda: xml.read(text)),
        "rules, both sides": 2 * cost(lambda: rules.check(message, today=here.now().date())),
        f"fsync, its share of a batch of {BATCH}": 4 * fsync / BATCH,
    }


async def whole(here: Authority, messages: int) -> tuple[float, list[float]]:
    """Seconds for all of them, and for each message the seconds from its queueing to its verified receipt."""
    ready = [notice() for _ in range(messages)]
    began = time.perf_counter()
    for at in range(0, messages, BATCH):
        await send(here, ready[at : at + BATCH], by="bench")
        await asyncio.sleep(0)
    while await here.store.read(lambda tx: outbox.oldest_open(tx)):
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    done = here.store.look(lambda tx: outbox.search(tx, states=[State.RECEIVED], limit=messages))
    assert len(done) == messages, "not every message was received"
    return seconds, sorted((one.state_at - one.queued_at).total_seconds() for one in done)


async def main(messages: int) -> None:
    """Measure, and print the table."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for code, called in (("333", "Sandwell"), ("885", "Worcestershire")):
            app.create(folder / code, code=code, name=called, port=free_port(), telephone="01632 960101")
        for code in ("333", "885"):
            with (folder / code / "gateway.toml").open("a") as settings:
                settings.write("\n[limits]\nmessages_per_minute = 1000000\n")
        here, there = (app.open_authority(folder / code) for code in ("333", "885"))
        introduce(here, there)
        bare = parts(here, there, folder)
        there.store.close()
        command = [sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(folder / "885")]
        partner = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        await asyncio.sleep(3)
        async with app.running(here):
            await whole(here, BATCH)  # warm
            seconds, taken = await whole(here, messages)
        partner.terminate()
        await partner.wait()
        here.store.close()
    show(messages, seconds, taken, bare)


def show(messages: int, seconds: float, taken: list[float], bare: dict[str, float]) -> None:
    """Print what was measured."""
    table = Table("part", "microseconds a message", box=None, pad_edge=False)
    for part, microseconds in sorted(bare.items(), key=lambda row: -row[1]):
        table.add_row(part, f"{microseconds:9.0f}")
    limit = CORES * 1e6 / sum(bare.values())
    rate = messages / seconds
    out = Console(highlight=False)
    out.print(table)
    out.print(
        f"\nlimit that these parts set on {CORES} cores: {limit:.0f} messages/s (HTTP, TLS and SQL are not in it)"
    )
    out.print(f"whole way, {messages} messages:         [bold]{rate:.0f} messages/s[/bold], ratio {rate / limit:.2f}")
    out.print(
        f"from queued to receipt verified: p50 {taken[len(taken) // 2]:.2f} s, p99 {taken[len(taken) * 99 // 100]:.2f} s (all queued at once)"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
