"""The watched folder: extracts of leavers come in, notices go out, and beside each file lies what became of its rows.

    <folder>/leavers.csv            put there by ONE
    <folder>/working/leavers.csv    taken, by one process
    <folder>/done/ or failed/       with leavers.csv.report.csv beside it: row, result, to, MessageId, reason

A row is sent once, whatever is put there again: a digest of whom, when and where to, under our own key, is kept with the
notice in one transaction. Restricted children always wait for an officer.
"""

import asyncio
import csv
import hmac
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Literal

from sqlalchemy import Connection

from gateway import leavers, postcodes
from gateway.authority import SYSTEM, Authority
from gateway.drop import alone, claim, look_forever, put_away
from gateway.errors import GatewayError, Unfit, Unusable
from gateway.leavers import Leaver, Unread
from gateway.logs import failed
from gateway.send import next_header, prepare, queue
from gateway.store import intake, log
from gateway.store.log import Entry
from gateway.store.outbox import Queued
from keys.errors import Refusal
from schemas import codes, xml
from schemas.identifiers import uuid7
from schemas.message import Message

LOOK_EVERY = 2.0  # seconds
TOGETHER = 32  # rows in one step; after them, other work has its turn
BY = "ONE"
UNFORESEEN = "Something went wrong that should not have; some rows may have been sent. Put the file there again: none goes twice."

Result = Literal["sent", "before", "held", "refused"]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a row."""

    row: int
    result: Result
    to: str = ""
    message_id: str = ""
    reason: str = ""


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop. A file that is broken off is taken up again at the next start."""
    if here.config.one.folder:
        folder = here.config.home / here.config.one.folder
        await look_forever(partial(take_in, here, folder), "taking in leavers", LOOK_EVERY, stop)


async def take_in(here: Authority, folder: Path) -> int:
    """Take in every file that lies there whole: how many."""
    taken = 0
    for file in await asyncio.to_thread(claim, folder, (".csv", ".xml")):
        with alone(file) as ours:
            if ours:
                await _one_file(here, folder, file)
                taken += 1
    return taken


async def _one_file(here: Authority, folder: Path, file: Path) -> None:
    try:
        rows = await asyncio.to_thread(
            lambda: leavers.read(file.read_bytes(), here.config.one_columns, here.now().date())
        )
        lines = await _rows(here, rows)
    except Unusable as why:
        lines = [Line(0, "refused", reason=f"{why.sentence} {why.next_step}")]
    except GatewayError:
        raise  # the database or a setting stands in the way: the file waits
    except Exception as why:  # noqa: BLE001 - or it would hold up every other file
        failed("taking in a file of leavers", why)
        lines = [Line(0, "refused", reason=UNFORESEEN)]
    counts = Counter(line.result for line in lines)
    entry = Entry("one.taken-in", SYSTEM, detail={name: counts[name] for name in ("sent", "before", "held", "refused")})
    await here.store.write(lambda tx: log.append(tx, here.now(), [entry]))
    nothing_good = bool(lines) and counts["refused"] == len(lines)
    await asyncio.to_thread(put_away, folder / ("failed" if nothing_good else "done"), file, _report(lines))
    here.due.set()


async def _rows(here: Authority, rows: Sequence[tuple[int, leavers.Row | Unread]]) -> list[Line]:
    ring = here.officer(here.config.authority.officer)
    seen: dict[tuple[str, ...], int] = {}
    lines: list[Line] = []
    for at in range(0, len(rows), TOGETHER):
        ready: list[tuple[int, str, Queued]] = []
        for number, row in rows[at : at + TOGETHER]:
            read = row if isinstance(row, Unread) else leavers.leaver(row, ring)
            if isinstance(read, Unread):
                lines.append(Line(number, "refused", reason=read.reason))
            elif read.child in seen:
                lines.append(Line(number, "held", reason=f"The same child stands in row {seen[read.child]}."))
            else:
                seen[read.child] = number
                prepared = _prepare(here, read)
                if isinstance(prepared, str):
                    lines.append(Line(number, "held", reason=prepared))
                else:
                    ready.append((number, *prepared))
        before = await here.store.write(partial(_queue, here=here, ready=[(digest, one) for _, digest, one in ready]))
        for number, digest, one in ready:
            result: Result = "before" if digest in before else "sent"
            lines.append(Line(number, result, one.recipient, before.get(digest, one.message_id)))
        await asyncio.sleep(0)
    return sorted(lines, key=lambda line: line.row)


def _prepare(here: Authority, read: Leaver) -> tuple[str, Queued] | str:
    """The digest of a row and its sealed notice, or why an officer must look."""
    if read.restricted:
        return "The child's data are restricted: an officer decides what may be sent, and how."
    if read.unsaid and here.config.one.unsaid != "send":
        return "The file does not say whether the child's data are restricted: an officer decides."
    there = read.destination or (postcodes.authority_of(here, read.postcode) if read.postcode else None)
    if not there:
        return "Where the child moved is not known: no authority is stated, and the postcode is not in the directory."
    if codes.authority_name(there) is None:
        return "The authority that is stated does not exist."
    if there == here.code:
        return "The child moved within our own area."
    case = uuid7(here.now(), token_bytes(10))
    try:
        [ready] = prepare(here, [Message(next_header(here, case, there), read.notice)], BY)
    except Unfit as why:
        return " ".join(finding.sentence for finding in why.findings)
    except xml.Unreadable as why:
        return why.problems[0].sentence
    except Refusal as why:
        return f"{codes.authority_name(there)} ({there}): {why.sentence}"
    return _digest(here, read, there), ready


def _digest(here: Authority, read: Leaver, there: str) -> str:
    """Whom, when and where to, so that it is sent once; under our own key, for a child could be guessed from it otherwise."""
    said = "\0".join((*read.child, read.left_on.isoformat() if read.left_on else "", there))
    return hmac.new(here.ring.at_rest_key, said.encode(), sha256).hexdigest()


def _queue(tx: Connection, here: Authority, ready: Sequence[tuple[str, Queued]]) -> dict[str, str]:
    """Queue those that were not sent before, and remember them. Those that were: by digest, the message that each became."""
    before = intake.known(tx, [digest for digest, _ in ready])
    if fresh := {digest: one for digest, one in ready if digest not in before}:
        intake.remember(tx, here.now(), {digest: one.message_id for digest, one in fresh.items()})
        queue(tx, here, list(fresh.values()))
    return before


def _report(lines: Sequence[Line]) -> str:
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerow(("Row", "Result", "To", "MessageId", "Reason"))
    table.writerows((line.row or "", line.result, line.to, line.message_id, line.reason) for line in lines)
    return text.getvalue()
