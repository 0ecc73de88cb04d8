"""Notices that came are written for import into ONE, each as a Common Transfer File of its own.

That a notice is due is noted in the transaction that accepts it (or keeps it: [one] import_when). Then, whatever stops
us:

    1. the file is written under a hidden name (a new one, never through a link), and is on the disk
    2. one transaction gives it its name and says in the audit log that it was written
    3. it is given that name

Before 2 it is done anew, after 2 only the name is missing; so ONE sees each file once. One that was taken back,
corrected or rejected before 2 is not written. Test messages, and children of whom nothing may go by machine, never are.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from zoneinfo import ZoneInfo

from gateway import copies
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.copies import Machine
from gateway.core import safeguards
from gateway.core.inbox_state import InboxState
from gateway.core.replies import GONE
from gateway.core.transfer_stage import TransferStage
from gateway.errors import GatewayError, Unusable
from gateway.one import share
from gateway.one.share import put_hidden, reveal_file
from gateway.one.watched_folder import LATE, hold_lock
from gateway.store import audit_log, inbox, transfer_files
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.transfer_files import TransferFile
from keys.errors import Destroyed
from schemas import ctf_write
from schemas.ctf_write import WrittenCtf
from schemas.shapes import MessageId

# Seconds.
LOOK_EVERY = 1.0
# In our home: whoever holds it writes into the folder.
LOCK = "import.lock"
# Ends the names of files that are not yet shown.
HIDDEN = ".cme"
# By our officer: it is not for our case system; or by its sender.
LET_GO = (
    *(InboxState.REJECTED, InboxState.PASSED_ON),
    *GONE,
)
# A CTF's own times have no zone.
WALL_CLOCK = ZoneInfo("Europe/London")


async def write_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Write what is due, until told to stop."""
    if gw.config.one.import_folder:
        work = partial(write_due, gw)
        await run_every(gw, stop, "writing for import", work, seconds=LOOK_EVERY, late_after=LATE, breaks_off=True)


async def write_due(gw: Gateway) -> int:
    """Write every notice that is due: how many files ONE finds.

    Raises Unusable where the folder is away, full or not ours to write; a notice that does not open holds up no other.
    """
    folder = gw.config.home / gw.config.one.import_folder
    shown = 0
    trouble: Exception | None = None
    try:
        with hold_lock(lock_of(gw)) as ours, share.open_folder(folder) as held:
            if not ours:
                return 0
            await asyncio.to_thread(_show_those_left, gw, held)
            for sender, message_id in await gw.store.read(transfer_files.list_files_due):
                try:
                    shown += await _write_one(gw, held, sender, message_id)
                except (OSError, GatewayError):
                    # The folder or the database stands in the way of them all.
                    raise
                except Exception as why:  # noqa: BLE001 - or it would hold up every other
                    trouble = why
    except OSError as why:
        raise build_unusable_error(folder, why) from None
    if trouble:
        raise trouble
    return shown


def list_transfer_files(gw: Gateway, states: Sequence[TransferStage], limit: int) -> list[TransferFile]:
    """List the files of notices that came, in these states or in any, the newest first."""
    return gw.store.look(
        lambda tx: transfer_files.list_transfer_files(tx, other_than=gw.code, states=states, limit=limit)
    )


def lock_of(gw: Gateway) -> Path:
    """Say which file of ours a process holds while it writes into the folder."""
    return gw.config.home / LOCK


def build_unusable_error(folder: Path, why: OSError) -> Unusable:
    """Return what a person is told of a folder that cannot be written."""
    return Unusable("one.folder", folder=folder, why=why.strerror)


async def _write_one(gw: Gateway, folder: int, sender: str, message_id: MessageId) -> bool:
    copy = await gw.store.read(lambda tx: copies.take_received(tx, gw, sender, message_id, Machine.IMPORT))
    try:
        notice = copies.open_copy(gw, copy)
    except Destroyed:
        await gw.store.write(lambda tx: transfer_files.set_file_dropped(tx, gw.now(), sender, message_id))
        return False
    notice = safeguards.read_strictly(notice, gw.now().date())
    made = ctf_write.write(notice, (gw.code, ctf_write.AUTHORITY), on_the_wall(gw.now()))
    hidden = hidden_name(sender, message_id)
    await asyncio.to_thread(put_hidden, folder, hidden, made.text)
    lying = await asyncio.to_thread(names_in, folder)
    name = await gw.store.write(lambda tx: _name(tx, gw, sender, message_id, made, lying))
    await asyncio.to_thread(reveal_file, folder, hidden, name) if name else os.unlink(hidden, dir_fd=folder)
    return name is not None


def hidden_name(sender: str, message_id: MessageId) -> str:
    """Make a name for a file that is not yet shown: it says of which notice, and nobody guesses it."""
    return f".{sender}-{message_id}.{token_hex(8)}{HIDDEN}"


def _name(
    tx: Tx, gw: Gateway, sender: str, message_id: MessageId, made: WrittenCtf, lying: Sequence[str]
) -> str | None:
    """Return the name of the file, from now on; None where it is not to be written any more, or by another process."""
    if not transfer_files.is_file_due(tx, sender, message_id):
        return None
    if inbox.get_state(tx, sender, message_id) in LET_GO:
        transfer_files.set_file_dropped(tx, gw.now(), sender, message_id)
        return None
    return set_written(tx, gw, sender, message_id, (gw.code, ctf_write.AUTHORITY), made, lying)


def set_written(
    tx: Tx,
    gw: Gateway,
    sender: str,
    message_id: MessageId,
    destination: tuple[str, str],
    made: WrittenCtf,
    lying: Sequence[str],
    by: str = SYSTEM,
) -> str:
    """Give a file the next name that none has which still lies there, and note that it is written.

    Raises Unusable where all 999 lie there.
    """
    first = transfer_files.get_next_file_number(tx, sender)
    for number in range(first, first + ctf_write.NUMBERS):
        name = ctf_write.file_name(sender, destination, number)
        if name.casefold() not in lying:
            break
    else:
        raise Unusable("one.folder-full")
    transfer_files.set_file_written(tx, gw.now(), sender, message_id, number, name, made.shortened)
    detail = {"file": name} | ({"shortened": " ".join(made.shortened)} if made.shortened else {})
    audit_log.append_entries(tx, gw.now(), [AuditEntry("one.written", by, message_id, sender, detail=detail)])
    return name


def names_in(folder: int) -> Sequence[str]:
    """Return what lies there, in small letters, as ONE's machine may not tell small from capital ones."""
    return [name.casefold() for name in os.listdir(folder)]


def on_the_wall(now: datetime) -> datetime:
    """Return the time as a clock in England shows it."""
    return now.astimezone(WALL_CLOCK)


def _show_those_left(gw: Gateway, folder: int) -> None:
    """Those of a process that died: what has its name is shown under it, what has none is taken away,
    to be made anew.
    """
    for hidden in os.listdir(folder):
        if not hidden.startswith(".") or not hidden.endswith(HIDDEN):
            continue
        # a version before this one wrote no random part
        sender, _, rest = hidden.removeprefix(".").removesuffix(HIDDEN).partition("-")
        message_id = MessageId(rest.partition(".")[0])
        noted = gw.store.look(partial(transfer_files.find_transfer_file, sender=sender, message_id=message_id))
        is_file = share.find_version(folder, hidden) is not None
        if noted and noted.file and noted.state is not TransferStage.WAITING and is_file:
            reveal_file(folder, hidden, noted.file)
        else:
            with suppress(IsADirectoryError, PermissionError):
                os.unlink(hidden, dir_fd=folder)
