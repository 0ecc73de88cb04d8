"""A folder into which another program puts files for us: each is taken once, worked on in our home, and reported on.

    <share>/leavers.csv                         put there by the other
    <home>/taken-in/leavers/working/<id>/       taken, by one process: a copy of the file, and what it was called
    <home>/taken-in/leavers/done/ or failed/    with report.csv beside it
    <home>/taken-in/leavers/waiting/            at which a person must look before it counts (`held_files.py`)
    <share>/<id>.report.csv                     the same report, for whoever looks into the share

Nothing that lies in the share is followed or trusted (`share.py`), and no name of theirs is used in a path of ours. The
file leaves the share when it was worked on; where we may not delete, it is remembered. One that grew meanwhile is left,
and read again; so whoever works on a file must not mind doing it twice. Whatever cannot be taken holds up nothing else.
"""

import asyncio
import csv
import fcntl
import io
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex

from gateway.background import run_every
from gateway.context import Gateway
from gateway.core.health import LeftBehindHealth
from gateway.errors import Doubted, GatewayError, Unusable
from gateway.logs import log_failure
from gateway.one import share
from gateway.one.share import NotTaken, Version
from gateway.paper.as_csv import defuse_cell

# A look that takes longer has come to a stop: the largest extract takes some minutes.
LATE = timedelta(hours=1)
# Seconds for which a file must not have grown: whoever writes it has done.
QUIET = 10.0
# In the home.
TAKEN_IN = "taken-in"
WORKING, DONE, FAILED, WAITING = "working", "done", "failed", "waiting"
ABOUT, REPORT, REMEMBERED, LOCK = "about.json", "report.csv", "remembered.json", ".lock"
KNOWN = "folder.json"
# Of reports in the share, which are not taken in.
REPORT_ENDING = ".report.csv"
# The largest that anybody who works on files reads.
MAX_BYTES = 104_857_600
# That are looked at in one look: what lies behind comes with the next ones.
MAX_NAMES = 1_000
CHUNK = 1_048_576
TOO_LARGE = "files larger than 100 MB"
NOT_DELETED = "files that were processed, and that the gateway may not delete there"
UNFORESEEN = (
    "The file was not processed, because of a fault in the gateway. Report it, with the line in the log, and put the"
    " file there again."
)

Row = Mapping[str, object]


class Grown(Exception):  # noqa: N818 - not a fault
    """Somebody still writes the file: it is left, and read again when it is whole."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of the rows of a file, under the report's headings."""

    rows: Sequence[Row]
    nothing_good: bool = False
    # Why a person must look first; nothing of it has had an effect.
    doubted: Doubted | None = None


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that is worked on: our copy, and what it was called, which is for reading only and never
    part of a path.
    """

    path: Path
    name: str
    # Raises Grown.
    check_whole: Callable[[], None]
    # The codes of what a person looked at, and let pass.
    accepted: frozenset[str] = frozenset()
    accepted_by: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """Which files are taken from a folder, and what is done with them."""

    # Of our own folder for them.
    name: str
    # As the log and Health call it.
    what: str
    endings: tuple[str, ...]
    # Of the report.
    headings: tuple[str, ...]
    work: Callable[[Gateway, TakenFile], Awaitable[FileOutcome]]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a file lies in the share: in the folder itself, or where an older version worked on it."""

    name: str
    inner: str = ""

    @property
    def key(self) -> str:
        return f"{self.inner}/{self.name}" if self.inner else self.name


@dataclass(frozen=True, slots=True)
class _FileClaim:
    """A file of which we have a copy."""

    place: Path
    source: _Source
    version: Version
    # The file's own, on its file system.
    number: int
    accepted: frozenset[str] = frozenset()
    accepted_by: str = ""

    @property
    def file(self) -> Path:
        return self.place / "original"


@dataclass(slots=True)
class _Memory:
    """What was taken and still lies in the share, as we may not delete it there."""

    path: Path
    files: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "_Memory":
        try:
            files = json.loads(path.read_text("ascii"))
        except FileNotFoundError:
            files = {}
        return cls(path, {name: (size, modified, since) for name, (size, modified, since) in files.items()})

    def holds(self, source: _Source, version: Version) -> bool:
        known = self.files.get(source.key)
        return known is not None and known[:2] == (version.size, version.modified)

    def add(self, claim: _FileClaim) -> None:
        since = datetime.now(UTC).isoformat()
        self.files[claim.source.key] = (claim.version.size, claim.version.modified, since)
        self.write()

    def write(self) -> None:
        half = self.path.with_suffix(".half")
        half.write_text(json.dumps(self.files), "ascii")
        half.replace(self.path)


@dataclass(frozen=True, slots=True)
class _KnownFolder:
    """What we know of the folder that a setting names: with it, one that vanished is told from one that is new."""

    path: str
    # Where its file system begins: a share that is not mounted any more looks like an empty folder.
    mount: str
    since: str
    # Empty: nothing was taken yet.
    taken_at: str = ""

    @classmethod
    def find(cls, home: Path, folder: Path) -> "_KnownFolder | None":
        """Return what is known of this folder; None where another one, or none, was watched before."""
        try:
            known = cls(**json.loads((home / KNOWN).read_text("utf-8")))
        except FileNotFoundError:
            return None
        return known if known.path == str(folder) else None

    def write(self, home: Path) -> None:
        half = home / f".{KNOWN}"
        half.write_text(json.dumps(asdict(self)), "utf-8")
        half.replace(home / KNOWN)


async def watch(gw: Gateway, folder: str, watched: Watched, every: float, stop: asyncio.Event) -> None:
    """Take in what is put into the folder that a setting names, if it names one, until told to stop."""
    if folder:
        look = partial(take_in, gw, gw.config.home / folder, watched)
        await run_every(gw, stop, watched.what, look, seconds=every, late_after=LATE, breaks_off=True)


async def take_in(gw: Gateway, folder: Path, watched: Watched) -> int:
    """Take in every file that lies there whole: how many.

    Raises GatewayError where the database or a setting stands in the way: the file waits.
    """
    home = place_of(gw.config.home, watched)
    await asyncio.to_thread(_make, home, folder)
    if vanished := await asyncio.to_thread(find_vanished, gw.config.home, folder, watched):
        raise Unusable("one.folder-gone", what=vanished)
    taken = 0
    with hold_lock(home / LOCK) as ours:
        if not ours:
            return 0
        for claim in await asyncio.to_thread(_claims, home / WORKING):
            taken += await _take(gw, folder, watched, claim)
        for source in await asyncio.to_thread(_sources, folder, watched.endings):
            claim_or_not = await asyncio.to_thread(_claim, home, folder, source)
            if claim_or_not:
                taken += await _take(gw, folder, watched, claim_or_not)
        await asyncio.to_thread(_forget, home / REMEMBERED, folder)
    return taken


async def _take(gw: Gateway, folder: Path, watched: Watched, claim: _FileClaim) -> bool:
    """Work on one file, and put it away; False where it grew, and is left."""
    check = partial(_check_whole, folder, claim)
    taken = TakenFile(claim.file, claim.source.name, check, claim.accepted, claim.accepted_by)
    try:
        await asyncio.to_thread(check)
        outcome = await _work(gw, watched, taken)
        await asyncio.to_thread(check)
    except Grown:
        await asyncio.to_thread(shutil.rmtree, claim.place)
        return False
    await asyncio.to_thread(_put_away, folder, watched, claim, outcome)
    return True


async def _work(gw: Gateway, watched: Watched, taken: TakenFile) -> FileOutcome:
    try:
        return await watched.work(gw, taken)
    except Doubted as why:
        reason = f"{why.sentence} {why.next_in_terminal}"
        return FileOutcome([{"Result": "waiting", "Reason": reason}], doubted=why)
    except Unusable as why:
        reason = f"{why.sentence} {why.next_in_terminal}"
    except (GatewayError, Grown):
        # The database or a setting stands in the way of them all.
        raise
    except Exception as why:  # noqa: BLE001 - or it would hold up every other file
        log_failure(watched.what, why)
        reason = UNFORESEEN
    return FileOutcome([{"Result": "refused", "Reason": reason}], nothing_good=True)


def place_of(home: Path, watched: Watched) -> Path:
    """Say where in the home the files of this folder lie."""
    return home / TAKEN_IN / watched.name


@contextmanager
def hold_lock(file: Path) -> Iterator[bool]:
    """Hold a lock file of ours: is it ours alone? Another process may have it; one that died has it no more."""
    with open(file, "ab", opener=partial(os.open, mode=0o600)) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _make(home: Path, folder: Path) -> None:
    """Make our places; the folder itself only the first time: one that vanished is never made anew."""
    for place in (home / WORKING, home / DONE, home / FAILED, home / WAITING):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = _KnownFolder.find(home, folder)
    if known is None:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat()
        _KnownFolder(str(folder), str(_find_mount(folder)), now).write(home)


def _find_mount(folder: Path) -> Path:
    """Find where the file system begins on which a folder is."""
    place = folder.resolve()
    while not os.path.ismount(place):
        place = place.parent
    return place


def find_vanished(home: Path, folder: Path, watched: Watched) -> str:
    """Say that a folder that we have watched is not there any more, or not on its share; empty where it is."""
    known = _KnownFolder.find(place_of(home, watched), folder)
    if known is None:
        return ""
    if not folder.is_dir():
        return f"{folder} is not there any more."
    if not os.path.ismount(known.mount):
        return f"{folder} is empty or not the same: {known.mount} is not mounted any more."
    return ""


def find_moments(home: Path, folder: Path, watched: Watched) -> tuple[datetime | None, datetime | None]:
    """Say since when we have watched this folder, and when a file was last taken from it."""
    known = _KnownFolder.find(place_of(home, watched), folder)
    if known is None:
        return None, None
    taken = datetime.fromisoformat(known.taken_at) if known.taken_at else None
    return datetime.fromisoformat(known.since), taken


def _claims(working: Path) -> list[_FileClaim]:
    """Return what a process that died, or a database that was away, has left; half a copy is none."""
    claims = []
    for place in sorted(working.iterdir()):
        try:
            about = json.loads((place / ABOUT).read_text("ascii"))
        except FileNotFoundError:
            shutil.rmtree(place)
            continue
        source = _Source(about["name"], about["inner"])
        version = Version(about["size"], about["modified"])
        accepted = frozenset(about.get("accepted", ()))
        claims.append(_FileClaim(place, source, version, about["number"], accepted, about.get("accepted_by", "")))
    return claims


def _sources(folder: Path, endings: tuple[str, ...]) -> list[_Source]:
    """What may be taken, in the order of names; an older version of ours may have left some in a folder within."""
    sources = []
    with share.open_folder(folder) as held:
        with suppress(NotTaken), share.open_inner_folder(held, WORKING) as inner:
            sources += [_Source(name, WORKING) for name in sorted(os.listdir(inner)) if _is_wanted(name, endings)]
        sources += [_Source(name) for name in sorted(os.listdir(held)) if _is_wanted(name, endings)]
    return sources[:MAX_NAMES]


def _is_wanted(name: str, endings: tuple[str, ...]) -> bool:
    small = name.casefold()
    return not small.startswith(".") and small.endswith(endings) and not small.endswith(REPORT_ENDING)


@contextmanager
def _at(folder: Path, source: _Source) -> Iterator[int]:
    """Hold the folder in which it lies. Raises OSError, or NotTaken where a folder within is one no more."""
    with share.open_folder(folder) as held:
        if not source.inner:
            yield held
            return
        with share.open_inner_folder(held, source.inner) as inner:
            yield inner


def _claim(home: Path, folder: Path, source: _Source) -> _FileClaim | None:
    """Copy a file that is whole into the home; None where it is not, was taken before, or is nothing to take."""
    with (
        suppress(NotTaken, FileNotFoundError),
        _at(folder, source) as held,
        share.open_file(held, source.name) as file,
    ):
        version, number = share.version_of(file)
        still = time.time() - version.modified / 1e9 > QUIET
        if still and version.size <= MAX_BYTES and not _Memory.read(home / REMEMBERED).holds(source, version):
            return _copy(home, source, file, version, number)
    return None


def _copy(home: Path, source: _Source, file: int, version: Version, number: int) -> _FileClaim | None:
    place = home / WORKING / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(4)}"
    place.mkdir(mode=0o700)
    claim = _FileClaim(place, source, version, number)
    try:
        with open(claim.file, "xb", opener=partial(os.open, mode=0o600)) as copy:
            left = version.size
            while left and (chunk := _read(file, min(left, CHUNK))):
                copy.write(chunk)
                left -= len(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        whole = not left and share.version_of(file) == (version, number)
    except BaseException:
        shutil.rmtree(place)
        raise
    if not whole:
        shutil.rmtree(place)
        return None
    # a file's name may be no text: it is kept as the file system spells it, in ASCII
    about = {"name": source.name, "inner": source.inner, "size": version.size, "modified": version.modified}
    half = place / f".{ABOUT}"
    half.write_text(json.dumps(about | {"number": number}), "ascii")
    # From here on it is ours.
    half.rename(place / ABOUT)
    return claim


def _read(file: int, size: int) -> bytes:
    try:
        return os.read(file, size)
    except OSError:
        raise NotTaken(share.UNREADABLE) from None


def _check_whole(folder: Path, claim: _FileClaim) -> None:
    """Raises Grown where the file itself, and not another under its name, is not as we copied it."""
    if claim.accepted:
        # A person looked at our copy.
        return
    with suppress(OSError, NotTaken), _at(folder, claim.source) as held:
        version_there = share.find_version(held, claim.source.name)
        if version_there and version_there[1] == claim.number and version_there[0] != claim.version:
            raise Grown


def _put_away(folder: Path, watched: Watched, claim: _FileClaim, outcome: FileOutcome) -> None:
    """Write the report, take the file from the share or remember it, and only then let go of the claim."""
    report = _report(watched.headings, claim.source.name, outcome.rows).encode("utf-8-sig")
    with open(claim.place / REPORT, "wb", opener=partial(os.open, mode=0o600)) as stream:
        stream.write(report)
    # Where we may not write there, it lies in the home alone.
    with suppress(OSError), share.open_folder(folder) as held:
        share.put_file(held, f"{claim.place.name}{REPORT_ENDING}", report)
    home = claim.place.parents[1]
    if not _remove(folder, claim.source, claim.version):
        _Memory.read(home / REMEMBERED).add(claim)
    place = FAILED if outcome.nothing_good else DONE
    if outcome.doubted:
        place = WAITING
        note_details(claim.place, waits={"code": outcome.doubted.code, "sentence": outcome.doubted.sentence})
    claim.place.rename(home / place / claim.place.name)
    if known := _KnownFolder.find(home, folder):
        replace(known, taken_at=datetime.now(UTC).isoformat()).write(home)


def note_details(place: Path, **more: object) -> None:
    """Note more about a file of ours, whole or not at all."""
    about = json.loads((place / ABOUT).read_text("ascii"))
    half = place / f".{ABOUT}"
    half.write_text(json.dumps(about | more), "ascii")
    half.rename(place / ABOUT)


def _remove(folder: Path, source: _Source, version: Version) -> bool:
    """Take from the share what we have, and nothing else: is it gone?"""
    try:
        with _at(folder, source) as held:
            version_there = share.find_version(held, source.name)
            if version_there and version_there[0] == version:
                os.unlink(source.name, dir_fd=held)
    except (FileNotFoundError, NotTaken):
        return True
    except OSError:
        return False
    return True


def _forget(memory: Path, folder: Path) -> None:
    """Try again to take away what is remembered, and forget what is gone or another file by now."""
    remembered = _Memory.read(memory)
    for key, (size, modified, _) in list(remembered.files.items()):
        inner, _, name = key.rpartition("/")
        if _remove(folder, _Source(name, inner), Version(size, modified)):
            del remembered.files[key]
            remembered.write()


def _report(headings: Sequence[str], name: str, rows: Iterable[Row]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, (*headings, "File"), restval="", quoting=csv.QUOTE_ALL)
    table.writeheader()
    file = defuse_cell(name.encode("utf-8", "replace").decode())
    table.writerows({name: defuse_cell(str(cell)) for name, cell in row.items()} | {"File": file} for row in rows)
    return text.getvalue()


def find_left(home: Path, folder: Path, watched: Watched) -> list[LeftBehindHealth]:
    """Say what lies in the share and is not taken: of each kind how many, and since when. Raises OSError."""
    memory = _Memory.read(place_of(home, watched) / REMEMBERED)
    since: dict[str, datetime] = {}
    counts: Counter[str] = Counter()
    for source in _sources(folder, watched.endings):
        with suppress(FileNotFoundError, NotTaken), _at(folder, source) as held:
            status = os.stat(source.name, dir_fd=held, follow_symlinks=False)
            if why := _why_left(held, source, memory):
                # when the name came or was changed: the moment of writing may be any that the other sets
                moment = datetime.fromtimestamp(status.st_ctime, UTC)
                counts[why] += 1
                since[why] = min(moment, since.get(why, moment))
    return [LeftBehindHealth(why, count, since[why]) for why, count in sorted(counts.items())]


def _why_left(folder: int, source: _Source, memory: _Memory) -> str:
    """Return why it is not taken; empty where it will be."""
    try:
        with share.open_file(folder, source.name) as file:
            version, _ = share.version_of(file)
            if memory.holds(source, version):
                return NOT_DELETED
            if version.size > MAX_BYTES:
                return TOO_LARGE
            _read(file, 1)
    except NotTaken as why:
        return str(why)
    return ""
