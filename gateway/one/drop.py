"""A folder that we share with another program, such as ONE: what is put there is taken once, and what we put is there whole.

    <folder>/leavers.csv            put there by the other
    <folder>/working/leavers.csv    taken, by one process
    <folder>/done/ or failed/       with leavers.csv.report.csv beside it

What we put there has a hidden name until it is on the disk.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from gateway.logs import failed

LATE = timedelta(hours=1)  # a look that takes longer has come to a stop: the largest extract takes some minutes
QUIET = 10.0  # seconds for which a file must not have grown: whoever writes it has done


async def look_forever(
    look: Callable[[], Awaitable[object]],
    what: str,
    every: float,
    stop: asyncio.Event,
    looks: Callable[[str, timedelta], None],
) -> None:
    """Look, again and again, until told to stop; a look that is under way then is broken off. `looks` is told of each.

    What stands in the way is said once in the log, not at every look: it lies there still, and is tried again.
    """
    looking = asyncio.create_task(_look(look, what, every, looks))
    await stop.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def _look(
    look: Callable[[], Awaitable[object]], what: str, every: float, looks: Callable[[str, timedelta], None]
) -> None:
    said = ""
    while True:
        looks(what, LATE)
        try:
            await look()
            said = ""
        except Exception as why:  # noqa: BLE001 - whatever it is, the next look may go well
            if said != repr(why):
                failed(what, why)
            said = repr(why)
        await asyncio.sleep(every)


def claim(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Move what is whole to where it is worked on; all that lies there, also of a process that died."""
    working = folder / "working"
    for place in (working, folder / "done", folder / "failed"):
        place.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was quicker
            seen = not file.name.startswith(".") and file.suffix.lower() in endings
            whole = seen and time.time() - file.stat().st_mtime > QUIET
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


def put_away(place: Path, file: Path, report: str) -> None:
    """Move what was worked on to its place, with the report beside it."""
    name = _free_name(place, file.name)
    half = place / f".{name}.report"
    half.write_text(report, "utf-8-sig")
    half.rename(place / f"{name}.report.csv")
    file.rename(place / name)  # last: until then a process that finds it does it again, to no effect


def _free_name(place: Path, name: str) -> str:
    """This name, or with a number where a file of this name came before."""
    stem, ending = Path(name).stem, Path(name).suffix
    tries = (name if number == 1 else f"{stem}-{number}{ending}" for number in range(1, 1_000_000))
    return next(one for one in tries if not (place / one).exists())


def put_hidden(file: Path, text: bytes, rights: int = 0o640) -> None:
    """Write a file that its reader does not see yet, whole and on the disk; besides us, only the folder's group may read it."""
    with open(file, "wb", opener=lambda path, flags: os.open(path, flags, rights)) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def show(hidden: Path, name: str) -> None:
    """Give it the name under which its reader takes it."""
    hidden.rename(hidden.with_name(name))
    folder = os.open(hidden.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file servers cannot; the name is there
            os.fsync(folder)
    finally:
        os.close(folder)
