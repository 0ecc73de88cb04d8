"""What ONE made of the files that we wrote for it: an acknowledgement extract, put into a watched folder, is read back.

A row names a file of ours and says matched, matched with conflicts, or unmatched ([one_answers] has the words). An answer
may come again, and a later one stands: an officer may have settled a conflict since.
"""

import asyncio
import csv
import io
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import Literal

from sqlalchemy import Connection

from gateway.authority import SYSTEM, Authority
from gateway.errors import GatewayError
from gateway.logs import failed
from gateway.one import table
from gateway.one.drop import alone, claim, look_forever, put_away
from gateway.one.table import Cells, NotATable, Unread
from gateway.settings.sections import OneAnswersSettings
from gateway.store import log, transfer_files
from gateway.store.log import Entry
from gateway.store.transfer_files import ANSWERS, Stage

LOOK_EVERY = 1.0  # seconds
MAX_BYTES = 10_485_760  # a hundred thousand rows
TOGETHER = 200  # rows in one transaction
UNFORESEEN = "Something went wrong that should not have. Put the file there again: no answer counts twice."


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a row."""

    row: int
    result: Literal["taken", "before", "refused"]
    message_id: str = ""
    reason: str = ""


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop."""
    if here.config.one.answers_folder:
        folder = here.config.home / here.config.one.answers_folder
        await look_forever(partial(take_in, here, folder), "taking in answers", LOOK_EVERY, stop, here.looks)


async def take_in(here: Authority, folder: Path) -> int:
    """Take in every file that lies there whole: how many."""
    taken = 0
    for file in await asyncio.to_thread(claim, folder, (".csv",)):
        with alone(file) as ours:
            if ours:
                await _one_file(here, folder, file)
                taken += 1
    return taken


async def _one_file(here: Authority, folder: Path, file: Path) -> None:
    try:
        await asyncio.to_thread(lambda: deque(_read(file, here.config.one_answers), maxlen=0))  # is it whole?
        lines = await _rows(here, _read(file, here.config.one_answers))
    except NotATable as why:
        lines = [Line(0, "refused", reason=f"The file cannot be read: {why}.")]
    except GatewayError:
        raise  # the database stands in the way: the file waits
    except Exception as why:  # noqa: BLE001 - or it would hold up every other file
        failed("taking in a file of answers", why)
        lines = [Line(0, "refused", reason=UNFORESEEN)]
    nothing_good = bool(lines) and all(line.result == "refused" for line in lines)
    await asyncio.to_thread(put_away, folder / ("failed" if nothing_good else "done"), file, _report(lines))


def _read(file: Path, columns: OneAnswersSettings) -> table.Rows:
    wanted = {"file": columns.file, "result": columns.result}
    with file.open("rb") as stream:
        _, rows = table.read(stream, wanted, needed=("file", "result"), section="one_answers", at_most=MAX_BYTES)
        yield from rows


async def _rows(here: Authority, rows: table.Rows) -> list[Line]:
    said = asdict(here.config.one_answers)
    words = {said[answer.value].casefold(): answer for answer in ANSWERS}
    lines: list[Line] = []
    while some := list(islice(rows, TOGETHER)):
        lines += await here.store.write(partial(_together, here=here, words=words, rows=some))
    return lines


def _together(
    tx: Connection, here: Authority, words: Mapping[str, Stage], rows: Sequence[tuple[int, Cells | Unread]]
) -> list[Line]:
    return [_row(tx, here, words, line, row) for line, row in rows]


def _row(tx: Connection, here: Authority, words: Mapping[str, Stage], line: int, row: Cells | Unread) -> Line:
    if isinstance(row, Unread):
        return Line(line, "refused", reason=row.reason)
    written = transfer_files.named(tx, PureWindowsPath(row["file"]).name)
    if written is None or written.sender == here.code:
        return Line(line, "refused", reason="No file was written under this name.")
    answer = words.get(row["result"].casefold())
    if answer is None:
        reason = "The result is none of the words in [one_answers]; look at this file in ONE."
        return Line(line, "refused", written.message_id, reason)
    if written.state is answer:
        return Line(line, "before", written.message_id)
    transfer_files.set_answer(tx, here.now(), written, answer)
    entry = Entry("one.answered", SYSTEM, written.message_id, written.sender, detail={"result": answer.value})
    log.append(tx, here.now(), [entry])
    return Line(line, "taken", written.message_id)


def _report(lines: Sequence[Line]) -> str:
    text = io.StringIO()
    report = csv.writer(text, quoting=csv.QUOTE_ALL)
    report.writerow(("Row", "Result", "MessageId", "Reason"))
    report.writerows((line.row or "", line.result, line.message_id, line.reason) for line in lines)
    return text.getvalue()
