"""What ONE made of the files that we wrote for it: an acknowledgement extract, put into a watched folder, is read back.

A row names a file of ours and says matched, matched with conflicts, or unmatched ([one_answers] has the words). An
answer may come again, and a later one stands: an officer may have settled a conflict since.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import Literal

from gateway.context import SYSTEM, Gateway
from gateway.core.transfer_stage import ANSWERS, TransferStage
from gateway.one import table, watched_folder
from gateway.one.table import Cells, NotATable, Unread
from gateway.one.watched_folder import FileOutcome, TakenFile, Watched
from gateway.settings.sections import OneAnswersSettings
from gateway.store import audit_log, transfer_files
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.shapes import MessageId

# Seconds.
LOOK_EVERY = 1.0
# A hundred thousand rows.
MAX_BYTES = 10_485_760
# Rows in one transaction.
TOGETHER = 200
HEADINGS = ("Row", "Result", "MessageId", "Reason")


@dataclass(frozen=True, slots=True)
class ResultLine:
    """What became of a row."""

    row: int
    result: Literal["taken", "before", "refused"]
    message_id: MessageId = MessageId("")
    reason: str = ""


async def watch_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop."""
    await watched_folder.watch(gw, gw.config.one.answers_folder, WATCHED, LOOK_EVERY, stop)


async def _work(gw: Gateway, taken: TakenFile) -> FileOutcome:
    try:
        # is it whole?
        await asyncio.to_thread(lambda: deque(_read(taken.path, gw.config.one_answers), maxlen=0))
        lines = await _rows(gw, _read(taken.path, gw.config.one_answers))
    except NotATable as why:
        lines = [ResultLine(0, "refused", reason=f"The file cannot be read: {why}.")]
    rows = [
        dict(zip(HEADINGS, (line.row or "", line.result, line.message_id, line.reason), strict=True)) for line in lines
    ]
    return FileOutcome(rows, bool(lines) and all(line.result == "refused" for line in lines))


def _read(file: Path, columns: OneAnswersSettings) -> table.Rows:
    wanted = {"file": columns.file, "result": columns.result}
    with file.open("rb") as stream:
        yield from table.read(stream, wanted, needed=("file", "result"), section="one_answers", at_most=MAX_BYTES).rows


async def _rows(gw: Gateway, rows: table.Rows) -> list[ResultLine]:
    settings = asdict(gw.config.one_answers)
    words = {settings[answer.value].casefold(): answer for answer in ANSWERS}
    lines: list[ResultLine] = []
    while some := await asyncio.to_thread(lambda: list(islice(rows, TOGETHER))):
        lines += await gw.store.write(partial(_together, gw=gw, words=words, rows=some))
    return lines


def _together(
    tx: Tx, gw: Gateway, words: Mapping[str, TransferStage], rows: Sequence[tuple[int, Cells | Unread]]
) -> list[ResultLine]:
    return [_row(tx, gw, words, line, row) for line, row in rows]


def _row(tx: Tx, gw: Gateway, words: Mapping[str, TransferStage], line: int, row: Cells | Unread) -> ResultLine:
    if isinstance(row, Unread):
        return ResultLine(line, "refused", reason=row.reason)
    written = transfer_files.find_file_by_name(tx, PureWindowsPath(row["file"]).name)
    if written is None or written.sender == gw.code:
        return ResultLine(line, "refused", reason="No file has this name.")
    answer = words.get(row["result"].casefold())
    if answer is None:
        reason = "The result is not one of the words in [one_answers]. Check this file in ONE."
        return ResultLine(line, "refused", written.message_id, reason)
    if written.state is answer:
        return ResultLine(line, "before", written.message_id)
    transfer_files.set_file_answer(tx, gw.now(), written, answer)
    entry = AuditEntry("one.answered", SYSTEM, written.message_id, written.sender, detail={"result": answer.value})
    audit_log.append_entries(tx, gw.now(), [entry])
    return ResultLine(line, "taken", written.message_id)


WATCHED = Watched("answers", "taking in answers", (".csv",), HEADINGS, _work)
