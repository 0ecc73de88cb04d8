"""A long extract of leavers, from the folder to queued notices, beside the bare cost of its parts in the same run.

    python -m benchmarks.leavers [rows]

Ours: the file is found, read to its end, and read again; each row is judged, checked, signed, sealed, locked for
ourselves and durable with its audit entry; the report is written. Then the same file comes again, and nothing may be
sent. Bare: the same rows, split by `csv`, a text of the same length signed, sealed and locked, and each batch durable
in one table: no XML, no rules, no postcodes, no outbox, no audit. Absolute figures move with the machine; the ratio
less.
"""

import asyncio
import csv
import gc
import os
import resource
import sqlite3
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from gateway import app
from gateway.context import Gateway
from gateway.one import leavers_folder, watched_folder
from gateway.one.leaver_batches import STEP
from gateway.settings.sections import OneSettings
from gateway.store import postcodes, tables
from keys import algorithms
from tests.children import in_letters
from tests.conftest import introduce, make

HEAD = (
    "UPN,Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,New"
    " Postcode,Old Address,Old Postcode,School LEA,School Estab,School Name"
)
# About what the notice of such a row takes as XML.
TEXT_BYTES = 1800
BARE_ROWS = 10_000
MIB = 2**20


def write(file: Path, rows: int) -> None:
    """An extract of so many invented children; half of them by their new postcode alone."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{HEAD}\r\n")
        for n in range(rows):
            there = "885" if n % 2 else ""
            stream.write(
                f",Invented-{in_letters(n)},Placeholder,{1 + n % 28:02}/03/2016,F,Year 5,23/10/2026,,{there},"
                f'"{n} Placeholder Road, Inventchester",WR1 {n % 10}ZZ,"{n} Specimen Street, Fictionbury",B70'
                " 9ZZ,333,2101,Exampleton\r\n"
            )
    os.utime(file, (time.time() - 60, time.time() - 60))


def bare(file: Path, folder: Path, rows: int) -> float:
    """Rows a second by the least code that is still correct, on one core."""
    signing, kem = Ed25519PrivateKey.generate(), algorithms.KEMS[algorithms.DEFAULT_KEM]
    public, key = kem.public(kem.public_bytes(os.urandom(algorithms.SEED_BYTES))), AESGCM(os.urandom(32))
    store = sqlite3.connect(folder / "bare.db", isolation_level=None)
    store.executescript("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    store.execute("CREATE TABLE IF NOT EXISTS sent (id INTEGER PRIMARY KEY, sealed BLOB, data_key BLOB, content BLOB)")
    with file.open(encoding="utf-8", newline="") as stream:
        table = csv.reader(stream)
        began, done = time.perf_counter(), 0
        while done < rows and (step := list(islice(table, STEP))):
            ready = []
            for row in step:
                text = "".join(row).encode().ljust(TEXT_BYTES)
                signed = text + signing.sign(text)
                data_key = os.urandom(32)
                locked = AESGCM(data_key).encrypt(os.urandom(12), text, None)
                wrapped = key.encrypt(os.urandom(12), data_key, None)
                # As base64url.
                sealed = kem.suite.encrypt(signed.ljust(TEXT_BYTES * 4 // 3), public, b"info")
                ready.append((sealed, wrapped, locked))
            store.execute("BEGIN IMMEDIATE")
            store.executemany("INSERT INTO sent (sealed, data_key, content) VALUES (?, ?, ?)", ready)
            store.execute("COMMIT")
            done += len(step)
        seconds = time.perf_counter() - began
    store.close()
    return done / seconds


async def ours(gw: Gateway, folder: Path) -> float:
    """Seconds for the file that lies in the folder."""
    began = time.perf_counter()
    assert await watched_folder.take_in(gw, folder, leavers_folder.WATCHED) == 1
    return time.perf_counter() - began


def peak() -> float:
    """The most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB


async def main(rows: int) -> None:
    """Measure, and print the table."""
    # As a gateway that runs does.
    gc.set_threshold(*app.COLLECT_AFTER)
    with TemporaryDirectory() as name:
        folder = Path(name)
        gw, there = make(folder / "333", "333", "Sandwell"), make(folder / "885", "885", "Worcestershire")
        introduce(gw, there)
        gw.refresh_trust()
        (folder / "one").mkdir()
        gw.config = replace(gw.config, one=OneSettings(str(folder / "one")))
        gw.store.run(lambda tx: postcodes.replace_postcodes(tx, 1, {f"WR1{n}ZZ": "885" for n in range(10)}))
        extract = folder / "one" / "leavers.csv"
        write(extract, rows)
        size, before = extract.stat().st_size / MIB, peak()
        limits = [bare(extract, folder, min(rows, BARE_ROWS))]
        seconds = await ours(gw, folder / "one")
        most = peak()
        limits.append(
            bare(
                next((folder / "333" / "taken-in" / "leavers" / "done").iterdir()) / "original",
                folder,
                min(rows, BARE_ROWS),
            )
        )
        write(extract, rows)
        again = await ours(gw, folder / "one")
        queued = gw.store.look(lambda tx: tx.scalar(select(func.count()).select_from(tables.outbox)))
        assert queued == rows, "not every row is one notice"
        for one in (gw, there):
            one.store.close()
    limit, rate = fmean(limits), rows / seconds
    out, table = (
        Console(highlight=False, width=100),
        Table("Leavers", "rows/s", "bare parts", "ratio", box=None, pad_edge=False),
    )
    table.add_row(f"{rows:,} rows, all new", f"{rate:.0f}", f"{limit:.0f}", f"{rate / limit:.2f}")
    table.add_row("the same file again", f"{rows / again:.0f}", "", "")
    out.print(table)
    out.print(f"a file of {size:.0f} MiB; memory at its most {most:.0f} MiB, and {before:.0f} MiB before it came")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
