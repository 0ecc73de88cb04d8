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
from gateway.one.watched_folder import ABOUT, FAILED, TAKEN_IN, WAITING, WORKING, note
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
    return sorted(_found(home), key=lambda one: (one.since, one.file_id))


def _found(home: Path) -> Iterator[WaitingFile]:
    for place in (home / TAKEN_IN).glob(f"*/{WAITING}/*"):
        if NAME.fullmatch(place.name) and (about := place / ABOUT).is_file():
            waits = json.loads(about.read_text("ascii"))["waits"]
            since = datetime.fromtimestamp(about.stat().st_mtime, UTC)
            yield WaitingFile(place.name, place.parents[1].name, waits["code"], waits["sentence"], since, place)


def get(home: Path, file_id: str) -> WaitingFile:
    """Find one that waits. Raises NotFound."""
    found = next((one for one in _found(home) if one.file_id == file_id), None)
    if found is None:
        raise NotFound("one.not-waiting")
    return found


def accept(gw: Gateway, file_id: str, by: str) -> WaitingFile:
    """Let it be taken in as it is, though it is strange; which headings it has is remembered then. Raises NotFound."""
    one = get(gw.config.home, file_id)
    about = json.loads((one.place / ABOUT).read_text("ascii"))
    codes = sorted({*about.get("accepted", ()), one.code})
    note(one.place, accepted=codes, accepted_by=by)
    _move(gw, one, WORKING, AuditEntry("one.file-accepted", by, detail={"file": file_id, "why": one.code}))
    return one


def put_aside(gw: Gateway, file_id: str, by: str) -> WaitingFile:
    """Let nothing come of it: it lies with those that could not be read. Raises NotFound."""
    one = get(gw.config.home, file_id)
    _move(gw, one, FAILED, AuditEntry("one.file-put-aside", by, detail={"file": file_id, "why": one.code}))
    return one


def _move(gw: Gateway, one: WaitingFile, to: str, entry: AuditEntry) -> None:
    try:
        one.place.rename(one.place.parents[1] / to / one.file_id)
    except FileNotFoundError:
        # Somebody was faster.
        raise NotFound("one.not-waiting") from None
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
