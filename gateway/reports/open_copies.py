"""Our own copies of notices, opened for a report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.store import inbox, outbox
from gateway.store.report_queries import Direction
from keys import at_rest
from keys.at_rest import Locked
from schemas import xml
from schemas.message import Message


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy as the store keeps it."""

    message_id: str
    locked: Locked = field(repr=False)


def copy(tx: Connection, lies: Direction, message_id: str, sender: str) -> Copy:
    """The copy of a message that we sent, or that came from `sender`."""
    if lies == "sent":
        return Copy(message_id, Locked(*outbox.locked(tx, message_id)))
    return Copy(message_id, Locked(*inbox.locked(tx, sender, message_id)))


def is_held(one: Copy) -> bool:
    """Can it still be opened, or was its data key destroyed?"""
    return one.locked.data_key is not None


def opened(here: Authority, copies: Mapping[str, Copy]) -> Iterator[tuple[str, Message]]:
    """Those that are still held, one after the other. Raises a Refusal where a copy was altered."""
    for name, one in copies.items():
        if is_held(one):
            yield name, xml.read(at_rest.unlock(one.locked, about=one.message_id, ring=here.ring))
