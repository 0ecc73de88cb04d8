"""Which of the notices that came are to be written for import into ONE: noted as they are kept or accepted, written by
`one.imports`.
"""

from collections.abc import Iterable

from gateway.context import Gateway
from gateway.store import transfer_files
from gateway.store.database import Tx
from gateway.store.inbox import ArrivedMessage, InboxItem


def queue_for_import(tx: Tx, gw: Gateway, came: Iterable[ArrivedMessage | InboxItem]) -> None:
    """Note, in the caller's transaction, those of these notices that are to be written."""
    if not gw.config.one.import_folder:
        return
    wanted = [(message.sender, message.message_id) for message in came if _is_for_import(message)]
    if wanted:
        transfer_files.add_files_due(tx, gw.now(), wanted)


def _is_for_import(came: ArrivedMessage | InboxItem) -> bool:
    return came.kind == "TransferNotice" and not came.test and came.restriction != "phone-only"
