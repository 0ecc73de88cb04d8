"""The whole way of a message, measured between two processes, beside the bare cost of its parts in the same run.

    python -m benchmarks.exchange [messages]

Whole way: queued, signed, sealed, sent over TLS, opened, verified, checked, durable, receipt verified and durable.
Sandwell runs in this process; Worcestershire in one of its own. Absolute figures move with the machine; the ratio less.
"""

import asyncio
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.limit import CORES, DURABLE_WRITES, Limit, measure_together, median_us, messages_per_second
from gateway import app, setup
from gateway.authority import Authority
from gateway.core.delivery import State
from gateway.deliver import BATCH
from gateway.send import send
from gateway.store import outbox
from keys import at_rest, envelope, receipt
from schemas import rules, xml
from tests.children import notice
from tests.conftest import free_port, introduce


def stages(here: Authority, there: Authority, text: bytes, sealed: bytes, names: envelope.Names) -> dict[str, float]:
    """Microseconds of each of our own stages for one message."""
    message, digest, today = xml.read(text), sha256(sealed).hexdigest(), here.now().date()

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

    return {
        "write XML and check it": median_us(lambda: xml.write(message)),
        "sign and seal": median_us(
            lambda: envelope.seal(text, names=names, ring=here.ring, trust=here.trust, now=here.now())
        ),
        "open and verify": median_us(
            lambda: envelope.unseal(sealed, ring=there.ring, trust=there.trust, now=there.now())
        ),
        "read XML and check it": median_us(lambda: xml.read(text)),
        "rules, both sides": 2 * median_us(lambda: rules.check(message, today=today)),
        "lock our copy, both sides": 2 * median_us(lambda: at_rest.lock(text, about=names.message_id, ring=here.ring)),
        "sign receipt": median_us(sign_receipt),
        "verify receipt": median_us(verify_receipt),
    }


async def whole(here: Authority, messages: int) -> tuple[float, list[float]]:
    """Seconds for all of them, and for each message the seconds from its queueing to its verified receipt."""
    ready = [notice() for _ in range(messages)]
    began = time.perf_counter()
    for at in range(0, messages, BATCH):
        await send(here, ready[at : at + BATCH], by="bench")
        await asyncio.sleep(0)
    while await here.store.read(outbox.oldest_open):
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - began
    done = here.store.look(lambda tx: outbox.search(tx, states=[State.RECEIVED], limit=messages))
    assert len(done) == messages, "not every message was received"
    return seconds, sorted((one.state_at - one.queued_at).total_seconds() for one in done)


async def main(messages: int) -> None:
    """Measure, and print the table."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for code, called in (("333", "Sandwell"), ("885", "Worcestershire")):
            setup.create(folder / code, code=code, name=called, port=free_port(), telephone="01632 960101")
        for code in ("333", "885"):
            with (folder / code / "gateway.toml").open("a") as settings:
                settings.write("\n[limits]\nmessages_per_minute = 1000000\n")
        here, there = (setup.open_authority(folder / code) for code in ("333", "885"))
        introduce(here, there)
        message = notice()
        text, head = xml.write(message), message.header
        names = envelope.Names(head.message_id, "333", "885")
        sealed = envelope.seal(text, names=names, ring=here.ring, trust=here.trust, now=here.now())
        ours = stages(here, there, text, sealed, names)
        bare = measure_together(text, len(sealed), BATCH, folder)
        there.store.close()
        command = [sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(folder / "885")]
        partner = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        await asyncio.sleep(3)
        async with app.running(here):
            await whole(here, BATCH)  # warm
            seconds, taken = await whole(here, messages)
        bare += measure_together(text, len(sealed), BATCH, folder)  # before and after: machines are noisy
        partner.terminate()
        await partner.wait()
        here.store.close()
    show(messages, seconds, taken, bare, ours)


def show(messages: int, seconds: float, taken: list[float], bare: list[Limit], ours: dict[str, float]) -> None:
    """Print what was measured."""
    out = Console(highlight=False, width=100)
    for title, parts in (("The limit: bare parts", bare[0].processor), ("Our stages", ours)):
        table = Table(title, "microseconds a message", box=None, pad_edge=False)
        for part, microseconds in sorted(parts.items(), key=lambda row: -row[1]):
            table.add_row(part, f"{microseconds:9.0f}")
        table.add_row("together", f"{sum(parts.values()):9.0f}")
        out.print(table, "")
    limit, rate = messages_per_second(bare), messages / seconds
    out.print(f"disk, a message's share of {DURABLE_WRITES} durable writes of {BATCH}: {bare[0].disk:.0f} microseconds")
    out.print(f"limit of the bare parts on {CORES} cores, both busy: {limit:.0f} messages/s")
    out.print(
        f"whole way, {messages} messages: [bold]{rate:.0f} messages/s[/bold], [bold]{rate / limit:.2f}[/bold] of the limit"
    )
    rest = CORES * 1e6 / rate - sum(ours.values())
    out.print(
        f"two cores for one message: {CORES * 1e6 / rate:.0f} microseconds; not in our stages (SQL, audit, HTTP, waiting): {rest:.0f}"
    )
    out.print(
        f"from queued to receipt verified: p50 {taken[len(taken) // 2]:.2f} s, p99 {taken[len(taken) * 99 // 100]:.2f} s (all queued at once)"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
