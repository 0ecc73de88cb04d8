"""The watched folder: extracts of leavers come in, notices go out, and beside each file lies what became of its rows.

    <folder>/leavers.csv            put there by ONE
    <folder>/working/leavers.csv    taken, by one process
    <folder>/done/ or failed/       with leavers.csv.report.csv beside it: row, result, to, MessageId, draft, reason

A row is sent once, whatever is put there again: a digest of whom, when and where to, under our own key, is kept with the
notice in one transaction. Restricted children always wait for an officer.
"""

import asyncio
import csv
import io
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import get_args

from gateway.authority import SYSTEM, Authority
from gateway.errors import GatewayError, Unusable
from gateway.logs import failed
from gateway.one import extracts, forward
from gateway.one.drop import QUIET, alone, claim, look_forever, put_away
from gateway.one.forward import Line, Result
from gateway.store import log
from gateway.store.log import Entry

LOOK_EVERY = 2.0  # seconds
UNFORESEEN = "Something went wrong that should not have; some rows may have been sent. Put the file there again: none goes twice."


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop. A file that is broken off is taken up again at the next start."""
    if here.config.one.folder:
        folder = here.config.home / here.config.one.folder
        await look_forever(partial(take_in, here, folder), "taking in leavers", LOOK_EVERY, stop, here.looks)


async def take_in(here: Authority, folder: Path) -> int:
    """Take in every file that lies there whole: how many."""
    taken = 0
    for file in await asyncio.to_thread(claim, folder, (".csv", ".xml")):
        with alone(file) as ours:
            if ours and _quiet(file):
                await _one_file(here, folder, file)
                taken += 1
    return taken


async def _one_file(here: Authority, folder: Path, file: Path) -> None:
    found = _as_it_lies(file)
    try:
        digest = await asyncio.to_thread(_whole, here, file)  # before its first row has an effect
        lines = await _rows(here, file, digest)
    except Unusable as why:
        lines = [Line(0, "refused", reason=f"{why.sentence} {why.next_step}")]
    except GatewayError:
        raise  # the database or a setting stands in the way: the file waits
    except Exception as why:  # noqa: BLE001 - or it would hold up every other file
        failed("taking in a file of leavers", why)
        lines = [Line(0, "refused", reason=UNFORESEEN)]
    here.due.set()
    if _as_it_lies(file) != found:
        return  # somebody still writes it: it is read again, whole, and nothing goes twice
    counts = Counter(line.result for line in lines)
    entry = Entry("one.taken-in", SYSTEM, detail={name: counts[name] for name in get_args(Result)})
    await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
    nothing_good = bool(lines) and counts["refused"] == len(lines)
    await asyncio.to_thread(put_away, folder / ("failed" if nothing_good else "done"), file, _report(lines))


def _as_it_lies(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _quiet(file: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - file.stat().st_mtime > QUIET
    return False


def _read(here: Authority, file: Path) -> extracts.Rows:
    with file.open("rb") as stream:
        yield from extracts.read(stream, file.name, here.config.one_columns, here.now().date())


def _whole(here: Authority, file: Path) -> str:
    """The file's SHA-256, once it was read to its end. Raises Unusable."""
    for _ in _read(here, file):
        pass
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


async def _rows(here: Authority, file: Path, digest: str) -> list[Line]:
    ring = here.officer(here.config.authority.officer)
    seen: dict[str, int] = {}
    lines: list[Line] = []
    rows = _read(here, file)
    while step := list(islice(rows, forward.STEP)):
        lines += await forward.step(here, step, ring, seen, digest)
    return lines


def _report(lines: Sequence[Line]) -> str:
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerow(("Row", "Result", "To", "MessageId", "Draft", "Reason"))
    table.writerows((one.row or "", one.result, one.to, one.message_id, one.draft, one.reason) for one in lines)
    return text.getvalue()
