"""The watched folder: extracts of leavers come in, notices go out, and beside each file lies what became of its rows.

    <folder>/leavers.csv            put there by ONE
    <folder>/working/leavers.csv    taken, by one process
    <folder>/done/ or failed/       with leavers.csv.report.csv beside it: row, result, to, MessageId, draft, reason

A row is sent once, whatever is put there again: a digest of whom, when and where to, under our own key, is kept with the
notice in one transaction. Restricted children always wait for an officer.
"""

import asyncio
import csv
import fcntl
import io
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import get_args

from gateway import extracts, forward
from gateway.authority import SYSTEM, Authority
from gateway.errors import GatewayError, Unusable
from gateway.forward import Line, Result
from gateway.logs import failed
from gateway.store import log
from gateway.store.log import Entry

LOOK_EVERY = 2.0  # seconds
QUIET = 10.0  # seconds for which a file must not have grown: whoever writes it has done
UNFORESEEN = "Something went wrong that should not have; some rows may have been sent. Put the file there again: none goes twice."


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop. A file that is broken off is taken up again at the next start."""
    watching = asyncio.create_task(_watch(here))
    await stop.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def _watch(here: Authority) -> None:
    said = ""
    while here.config.one.folder:
        try:
            await take_in(here, here.config.home / here.config.one.folder)
            said = ""
        except Exception as why:  # noqa: BLE001 - it lies there still, and is tried again
            if said != repr(why):  # said once, not at every look
                failed("taking in leavers", why)
            said = repr(why)
        await asyncio.sleep(LOOK_EVERY)


async def take_in(here: Authority, folder: Path) -> int:
    """Take in every file that lies there whole: how many."""
    taken = 0
    for file in await asyncio.to_thread(_claim, folder):
        with alone(file) as ours:
            if ours and _quiet(file):
                await _one_file(here, folder, file)
                taken += 1
    return taken


def _claim(folder: Path) -> list[Path]:
    """Move what is whole to where it is worked on; all that lies there, also of a process that died."""
    working = folder / "working"
    for place in (working, folder / "done", folder / "failed"):
        place.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was quicker
            whole = file.suffix.lower() in (".csv", ".xml") and time.time() - file.stat().st_mtime > QUIET
            if whole and file.is_file() and not (working / file.name).exists():
                file.rename(working / file.name)
    return sorted(working.iterdir())


@contextmanager
def alone(file: Path) -> Iterator[bool]:
    """Is the file ours alone? Another process may have it; one that died has it no more."""
    try:
        held = file.open("rb")
    except FileNotFoundError:
        yield False
        return
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield file.exists()


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
    await asyncio.to_thread(_put_away, folder / ("failed" if nothing_good else "done"), file, lines)


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


def _put_away(place: Path, file: Path, lines: Sequence[Line]) -> None:
    name = _free_name(place, file.name)
    half = place / f".{name}.report"
    half.write_text(_report(lines), "utf-8-sig")
    half.rename(place / f"{name}.report.csv")
    file.rename(place / name)  # last: until then a process that finds it does it again, to no effect


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


def _free_name(place: Path, name: str) -> str:
    """This name, or with a number where a file of this name came before."""
    stem, ending = Path(name).stem, Path(name).suffix
    tries = (name if number == 1 else f"{stem}-{number}{ending}" for number in range(1, 1_000_000))
    return next(one for one in tries if not (place / one).exists())
