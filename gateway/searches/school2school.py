"""A child whose destination nobody knows, as a Common Transfer File for upload to School2School's Lost Pupil Database.

One pupil a file, its destination XXXXXXX. Every school and authority can search there, so never for a restricted child.
"""

from pathlib import Path

from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.one import imports, share
from gateway.store import outbox, transfer_files
from gateway.store.database import Tx
from schemas import ctf_write
from schemas.ctf_write import WrittenCtf
from schemas.message import SEARCHES
from schemas.shapes import MessageId


def write_lost_pupil_file(gw: Gateway, message_id: MessageId, folder: Path, by: str) -> tuple[Path, WrittenCtf]:
    """Write the file of a child for whom we search; return where it lies, and what was shortened in it.

    Raises NotFound, NotAllowed where no such file may be made of this notice, Unusable where the folder cannot be
    written.
    """
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    if sent.restriction != "none":
        raise NotAllowed("one.restricted")
    if sent.kind not in SEARCHES or sent.test or sent.state is DeliveryState.WITHDRAWN:
        raise NotAllowed("one.not-a-search")
    notice = respond.read_outgoing(gw, message_id, by)
    contents = ctf_write.write(notice, ctf_write.NOT_KNOWN, imports.on_the_wall(gw.now()))
    hidden = imports.hidden_name(gw.code, message_id)
    try:
        with share.open_folder(folder) as held:
            share.put_hidden(held, hidden, contents.text)
            lying = imports.names_in(held)

            def name_and_note(tx: Tx) -> str:
                transfer_files.add_files_due(tx, gw.now(), [(gw.code, message_id)])
                return imports.set_written(tx, gw, gw.code, message_id, ctf_write.NOT_KNOWN, contents, lying, by)

            file = gw.store.run(name_and_note)
            share.reveal_file(held, hidden, file)
    except OSError as why:
        raise imports.build_unusable_error(folder, why) from None
    return folder / file, contents
