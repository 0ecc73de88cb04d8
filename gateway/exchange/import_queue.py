"""Which of the notices that came are to be written for import into ONE: noted as they are kept or accepted, written by `one.imports`."""

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.store import transfer_files
from gateway.store.inbox import Arrived, Item


def note_due(tx: Connection, here: Authority, came: Iterable[Arrived | Item]) -> None:
    """Note, in the caller's transaction, those of these notices that are to be written."""
    if not here.config.one.import_folder:
        return
    wanted = [(one.sender, one.message_id) for one in came if _is_for_import(one)]
    if wanted:
        transfer_files.due(tx, here.now(), wanted)


def _is_for_import(came: Arrived | Item) -> bool:
    return came.kind == "TransferNotice" and not came.test and came.restriction != "phone-only"
