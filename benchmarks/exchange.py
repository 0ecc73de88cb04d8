"""The whole way of a message, measured between two processes, beside the bare cost of its parts in the same run.

    python -m benchmarks.exchange [messages]

Whole way: queued, signed, sealed, sent over TLS, opened, verified, checked, durable, receipt verified and durable.
Sandwell runs in this process; Worcestershire in one of its own; each has a core. The load is steady: whenever fewer
than OUTSTANDING messages are under way, a batch is queued. Absolute figures move with the machine; the ratio less.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from benchmarks.limit import CORES, DURABLE_WRITES, Limit, measure_together, median_us, messages_per_second
from gateway import app, home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.search_terms import list_terms
from gateway.exchange.deliver import BATCH
from gateway.exchange.send import send_notices
from gateway.store import outbox, tables
from keys import at_rest, blind, envelope, receipt
from schemas import rules, xml
from schemas.identifiers import upn_check_letter
from schemas.message import Message, TransferNotice
from tests.children import in_letters, notice
from tests.conftest import free_port, introduce

ROUNDS = 3
# Messages under way at once.
OUTSTANDING = 800
# Messages before the clock starts.
WARM = 1000


def stages(gw: Gateway, there: Gateway, text: bytes, sealed: bytes, names: envelope.Names) -> dict[str, float]:
    """Microseconds of each of our own stages for one message."""
    message, digest, today = xml.read(text), sha256(sealed).hexdigest(), gw.now().date()

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
        return receipt.verify(token, issuer="885", audience="333", sha256=digest, trust=gw.trust, now=gw.now())

    return {
        "write XML and check it": median_us(lambda: xml.write(message)),
        "sign and seal": median_us(
            lambda: envelope.seal(text, names=names, ring=gw.ring, trust=gw.trust, now=gw.now())
        ),
        "open and verify": median_us(
            lambda: envelope.unseal(sealed, ring=there.ring, trust=there.trust, now=there.now())
        ),
        "read XML and check it": median_us(lambda: xml.read(text)),
        "rules, both sides": 2 * median_us(lambda: rules.check(message, today=today)),
        "lock our copy, both sides": 2 * median_us(lambda: at_rest.lock(text, about=names.message_id, ring=gw.ring)),
        "marks to find it by, both sides": 2 * median_us(lambda: blind.compute_marks(list_terms(message), gw.ring)),
        "sign receipt": median_us(sign_receipt),
        "verify receipt": median_us(verify_receipt),
    }


async def whole(gw: Gateway, messages: int) -> tuple[float, list[float]]:
    """Seconds for all of them, and for each message the seconds from its queueing to its verified receipt.

    A batch is queued whenever fewer than OUTSTANDING messages are under way: a steady load, as much as the two can
    bear.
    """
    ready = [_about_child(number) for number in range(messages)]
    began = time.perf_counter()
    for at in range(0, messages, BATCH):
        await _fewer_than(gw, OUTSTANDING)
        send_notices(gw, ready[at : at + BATCH], by="bench")
    await _fewer_than(gw, 1)
    seconds = time.perf_counter() - began
    done = gw.store.look(
        lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(states=[DeliveryState.RECEIVED]), limit=messages)
    )
    assert len(done) == messages, "not every message was received"
    return seconds, sorted((one.state_at - one.queued_at).total_seconds() for one in done)


def _about_child(number: int) -> Message:
    """A notice about a child of its own: sending looks up what is known of each, and one child's
    notices are compared.
    """
    made, digits = notice(), f"33300{number:07d}"
    assert isinstance(made.body, TransferNotice)
    assert made.body.child
    child = replace(
        made.body.child,
        upn=upn_check_letter(digits) + digits,
        surname=f"Test{in_letters(number)}",
        dob=made.body.child.dob - timedelta(days=number % 3000),
    )
    return replace(made, body=replace(made.body, child=child))


async def _fewer_than(gw: Gateway, messages: int) -> None:
    under_way = select(func.count()).where(tables.outbox.c.state == DeliveryState.QUEUED)
    while (await gw.store.read(lambda tx: tx.scalar(under_way)) or 0) >= messages:
        await asyncio.sleep(0.02)


@contextmanager
def a_core_each(partner: int) -> Iterator[None]:
    """This process and the partner's have a core each, as they would on two machines; where the system can say so."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(cores) < CORES:
        yield
        return
    _keep_to(os.getpid(), {cores[0]})
    _keep_to(partner, {cores[1]})
    try:
        yield
    finally:
        _keep_to(os.getpid(), set(cores))


def _keep_to(process: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        # It has ended meanwhile.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


async def main(messages: int) -> None:
    """Measure, and print the table."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for code, called in (("333", "Sandwell"), ("885", "Worcestershire")):
            home_folder.create_gateway(
                folder / code,
                home_folder.NewGateway(code=code, name=called, port=free_port(), telephone="01632 960101"),
            )
        for code in ("333", "885"):
            with (folder / code / "gateway.toml").open("a") as settings:
                settings.write("\n[limits]\nmessages_per_minute = 1000000\n")
        gw, there = (home_folder.open_gateway(folder / code) for code in ("333", "885"))
        introduce(gw, there)
        message = notice()
        text, head = xml.write(message), message.header
        names = envelope.Names(head.message_id, "333", "885")
        sealed = envelope.seal(text, names=names, ring=gw.ring, trust=gw.trust, now=gw.now())
        ours = stages(gw, there, text, sealed, names)
        there.store.close()
        command = [sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(folder / "885")]
        partner = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        await asyncio.sleep(3)
        async with app.run_gateway(gw):
            bare = [measure_together(text, len(sealed), BATCH, folder)]
            rounds: list[tuple[float, list[float]]] = []
            # Between two measures of the limit each: machines are noisy.
            for _ in range(ROUNDS):
                with a_core_each(partner.pid):
                    await whole(gw, WARM)
                    rounds.append(await whole(gw, messages))
                bare.append(measure_together(text, len(sealed), BATCH, folder))
        partner.terminate()
        await partner.wait()
        gw.store.close()
    show(messages, rounds, bare, ours)


def show(
    messages: int, rounds: list[tuple[float, list[float]]], bare: list[list[Limit]], ours: dict[str, float]
) -> None:
    """Print what was measured; of several rounds, each and the median."""
    out = Console(highlight=False, width=100)
    for title, parts in (("The limit: bare parts", bare[0][0].processor), ("Our stages", ours)):
        table = Table(title, "microseconds a message", box=None, pad_edge=False)
        for part, microseconds in sorted(parts.items(), key=lambda row: -row[1]):
            table.add_row(part, f"{microseconds:9.0f}")
        table.add_row("together", f"{sum(parts.values()):9.0f}")
        out.print(table, "")
    disk = median(one.disk for limits in bare for one in limits)
    out.print(f"disk, a message's share of {DURABLE_WRITES} durable writes of {BATCH}: {disk:.0f} microseconds\n")
    limits = [messages_per_second(before + after) for before, after in pairwise(bare)]
    rates = [messages / seconds for seconds, _ in rounds]
    table = Table("Whole way", "messages/s", "limit, both cores busy", "ratio", "p50", "p99", box=None, pad_edge=False)
    for number, (rate, limit, (_, taken)) in enumerate(zip(rates, limits, rounds, strict=True), 1):
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        table.add_row(
            f"round {number}", f"{rate:.0f}", f"{limit:.0f}", f"{rate / limit:.2f}", f"{p50:.2f} s", f"{p99:.2f} s"
        )
    out.print(table)
    rate, ratio = median(rates), median(rate / limit for rate, limit in zip(rates, limits, strict=True))
    out.print(f"median of {len(rounds)}: [bold]{rate:.0f} messages/s, {ratio:.2f} of the limit[/bold]")
    rest = CORES * 1e6 / rate - sum(ours.values())
    out.print(
        f"two cores for one message: {CORES * 1e6 / rate:.0f} microseconds; not in our stages (SQL, audit, HTTP,"
        f" waiting): {rest:.0f}"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000))
