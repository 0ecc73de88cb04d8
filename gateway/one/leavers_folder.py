"""The watched folder: extracts of leavers come in, notices go out, and beside each file lies what became of its rows.

A report says of each row: its line, the result, to whom, MessageId, draft, and why (`watched_folder.py` says where it
lies).

A row is sent once, whatever is put there again: a digest of whom, when and where to, under our own key, is kept with
the notice in one transaction. Restricted children always wait for an officer.
"""

import asyncio
from collections import Counter
from hashlib import file_digest
from itertools import islice
from typing import get_args

from gateway.context import SYSTEM, Gateway
from gateway.one import extracts, headings, leaver_batches, watched_folder
from gateway.one.leaver_batches import LeaverLine, Result
from gateway.one.watched_folder import FileOutcome, Row, TakenFile, Watched
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry

# Seconds.
LOOK_EVERY = 2.0
HEADINGS = ("Row", "Result", "To", "MessageId", "Draft", "Reason")
NOBODY = "The file has no pupils. Nobody left, or the export did not work."
# Columns whose absence is said in each report, for each notice then says that it is not known
SAID = ("upn", "forename", "left_on", "restricted")


async def watch_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop.

    A file that is broken off is taken up again at the next start.
    """
    await watched_folder.watch(gw, gw.config.one.folder, WATCHED, LOOK_EVERY, stop)


async def _work(gw: Gateway, taken: TakenFile) -> FileOutcome:
    try:
        noted = await asyncio.to_thread(_check_headings, gw, taken)
        # Before its first row has an effect.
        digest, month_first = await asyncio.to_thread(_whole, gw, taken)
        lines = await _rows(gw, taken, digest, month_first=month_first)
    finally:
        gw.due.set()
    taken.check_whole()
    counts = Counter(line.result for line in lines)
    entry = AuditEntry("one.taken-in", SYSTEM, detail={name: counts[name] for name in get_args(Result)})
    await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
    notes = [] if lines else [{"Result": "ignored", "Reason": NOBODY}]
    notes += [{"Result": "headings", "Reason": noted}] if noted else []
    return FileOutcome([*map(_row, lines), *notes], bool(lines) and counts["refused"] == len(lines))


def _check_headings(gw: Gateway, taken: TakenFile) -> str:
    """Say what there is to say of the headings. Raises Doubted where a person must look first, or Unusable."""
    columns = gw.config.one_columns
    with taken.path.open("rb") as stream:
        file_headings = extracts.read_headings(stream, columns)
    if file_headings is None:
        return ""
    ours = {name: getattr(columns, name) for name in extracts.OF_LEAVERS}
    by = taken.accepted_by if headings.CODE in taken.accepted else ""
    headings.check(gw, WATCHED.name, file_headings, ours, by=by, command="cme-gateway one accept ID")
    if file_headings.unknown or any(name not in file_headings.known for name in SAID):
        return headings.describe_headings(file_headings, ours)
    return ""


def _row(line: LeaverLine) -> Row:
    values = (line.row or "", line.result, line.to, line.message_id, line.draft, line.reason)
    return dict(zip(HEADINGS, values, strict=True))


def _read(gw: Gateway, taken: TakenFile, *, judged: bool = True, month_first: bool = False) -> extracts.Rows:
    columns, today = gw.config.one_columns, gw.now().date()
    with taken.path.open("rb") as stream:
        yield from extracts.read(stream, taken.name, columns, today, judged=judged, month_first=month_first)


def _whole(gw: Gateway, taken: TakenFile) -> tuple[str, bool]:
    """The file's SHA-256, once it was read to its end; and whether a row of it writes the month before the day.

    Raises Unusable.
    """
    month_first = False
    for _, row in _read(gw, taken, judged=False):
        month_first = month_first or extracts.writes_month_first(row)
    with taken.path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest(), month_first


async def _rows(gw: Gateway, taken: TakenFile, digest: str, *, month_first: bool) -> list[LeaverLine]:
    ring = gw.build_officer(gw.config.authority.officer)
    seen: dict[str, int] = {}
    lines: list[LeaverLine] = []
    rows = _read(gw, taken, month_first=month_first)
    while step := await asyncio.to_thread(lambda: list(islice(rows, leaver_batches.STEP))):
        lines += await leaver_batches.take_rows(gw, step, ring, seen, digest)
    return lines


WATCHED = Watched("leavers", "taking in leavers", (".csv", ".xml"), HEADINGS, _work)
