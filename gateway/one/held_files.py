"""Files at which a person must look before they count: which there are, and what the person decides.

One that is accepted is taken in again from our copy, by whoever watches the folder, and is not asked about for the same
reason again; one that is put aside lies with those that could not be read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.context import Gateway
from gateway.errors import NotFound
from gateway.one.watched_folder import ABOUT, FAILED, TAKEN_IN, WAITING, WORKING, note_details
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry

NAME = re.compile("[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that waits: what it is called is not said, for it may be a child's name."""

    file_id: str
    # Of the folder: leavers, or children.
    kind: str
    code: str
    # Why.
    sentence: str
    since: datetime
    place: Path


def find_all(home: Path) -> list[WaitingFile]:
    """List the files that wait, the oldest first."""
    return sorted(_list_waiting(home), key=lambda file: (file.since, file.file_id))


def _list_waiting(home: Path) -> Iterator[WaitingFile]:
    for place in (home / TAKEN_IN).glob(f"*/{WAITING}/*"):
        if NAME.fullmatch(place.name) and (about := place / ABOUT).is_file():
            waits = json.loads(about.read_text("ascii"))["waits"]
            since = datetime.fromtimestamp(about.stat().st_mtime, UTC)
            yield WaitingFile(place.name, place.parents[1].name, waits["code"], waits["sentence"], since, place)


def get_file(home: Path, file_id: str) -> WaitingFile:
    """Find one that waits. Raises NotFound."""
    waiting = next((file for file in _list_waiting(home) if file.file_id == file_id), None)
    if waiting is None:
        raise NotFound("one.not-waiting")
    return waiting


def accept_file(gw: Gateway, file_id: str, by: str) -> WaitingFile:
    """Let it be taken in as it is, though it is strange; which headings it has is remembered then. Raises NotFound."""
    file = get_file(gw.config.home, file_id)
    about = json.loads((file.place / ABOUT).read_text("ascii"))
    codes = sorted({*about.get("accepted", ()), file.code})
    note_details(file.place, accepted=codes, accepted_by=by)
    _move(gw, file, WORKING, AuditEntry("one.file-accepted", by, detail={"file": file_id, "why": file.code}))
    return file


def put_aside(gw: Gateway, file_id: str, by: str) -> WaitingFile:
    """Let nothing come of it: it lies with those that could not be read. Raises NotFound."""
    file = get_file(gw.config.home, file_id)
    _move(gw, file, FAILED, AuditEntry("one.file-put-aside", by, detail={"file": file_id, "why": file.code}))
    return file


def _move(gw: Gateway, file: WaitingFile, to: str, entry: AuditEntry) -> None:
    try:
        file.place.rename(file.place.parents[1] / to / file.file_id)
    except FileNotFoundError:
        # Somebody was faster.
        raise NotFound("one.not-waiting") from None
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
