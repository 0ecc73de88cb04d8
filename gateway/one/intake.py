"""The watched folder: extracts of leavers come in, notices go out, and beside each file lies what became of its rows.

A report says of each row: its line, the result, to whom, MessageId, draft, and why (`watched_folder.py` says where it lies).

A row is sent once, whatever is put there again: a digest of whom, when and where to, under our own key, is kept with the
notice in one transaction. Restricted children always wait for an officer.
"""

import asyncio
from collections import Counter
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import get_args

from gateway.authority import SYSTEM, Authority
from gateway.one import extracts, forward, headings, watched_folder
from gateway.one.forward import Line, Result
from gateway.one.watched_folder import Outcome, Row, Taken, Watched
from gateway.store import log
from gateway.store.log import Entry

LOOK_EVERY = 2.0  # seconds
HEADINGS = ("Row", "Result", "To", "MessageId", "Draft", "Reason")
NOBODY = "The file holds no pupils: nobody left, or the export did not work."
# Columns whose absence is said in each report, for each notice then says that it is not known
SAID = ("upn", "forename", "left_on", "restricted")


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop. A file that is broken off is taken up again at the next start."""
    await watched_folder.watch(here, here.config.one.folder, WATCHED, LOOK_EVERY, stop)


async def take_in(here: Authority, folder: Path) -> int:
    """Take in every file that lies there whole: how many."""
    return await watched_folder.take_in(here, folder, WATCHED)


async def _work(here: Authority, taken: Taken) -> Outcome:
    try:
        noted = await asyncio.to_thread(_check_headings, here, taken)
        digest = await asyncio.to_thread(_whole, here, taken)  # before its first row has an effect
        lines = await _rows(here, taken, digest)
    finally:
        here.due.set()
    taken.check_whole()
    counts = Counter(line.result for line in lines)
    entry = Entry("one.taken-in", SYSTEM, detail={name: counts[name] for name in get_args(Result)})
    await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
    notes = [] if lines else [{"Result": "ignored", "Reason": NOBODY}]
    notes += [{"Result": "headings", "Reason": noted}] if noted else []
    return Outcome([*map(_row, lines), *notes], bool(lines) and counts["refused"] == len(lines))


def _check_headings(here: Authority, taken: Taken) -> str:
    """Say what there is to say of the headings. Raises Doubted where a person must look first, or Unusable."""
    columns = here.config.one_columns
    with taken.path.open("rb") as stream:
        found = extracts.read_headings(stream, columns)
    if found is None:
        return ""
    ours = {name: getattr(columns, name) for name in extracts.OF_LEAVERS}
    by = taken.accepted_by if headings.CODE in taken.accepted else ""
    headings.check(here, WATCHED.name, found, ours, by=by, command="`cme-gateway one accept ID`")
    if found.unknown or any(name not in found.known for name in SAID):
        return headings.say(found, ours)
    return ""


def _row(line: Line) -> Row:
    values = (line.row or "", line.result, line.to, line.message_id, line.draft, line.reason)
    return dict(zip(HEADINGS, values, strict=True))


def _read(here: Authority, taken: Taken, *, judged: bool = True) -> extracts.Rows:
    with taken.path.open("rb") as stream:
        yield from extracts.read(stream, taken.name, here.config.one_columns, here.now().date(), judged=judged)


def _whole(here: Authority, taken: Taken) -> str:
    """The file's SHA-256, once it was read to its end. Raises Unusable."""
    for _ in _read(here, taken, judged=False):
        pass
    with taken.path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


async def _rows(here: Authority, taken: Taken, digest: str) -> list[Line]:
    ring = here.officer(here.config.authority.officer)
    seen: dict[str, int] = {}
    lines: list[Line] = []
    rows = _read(here, taken)
    while step := await asyncio.to_thread(lambda: list(islice(rows, forward.STEP))):
        lines += await forward.step(here, step, ring, seen, digest)
    return lines


WATCHED = Watched("leavers", "taking in leavers", (".csv", ".xml"), HEADINGS, _work)
