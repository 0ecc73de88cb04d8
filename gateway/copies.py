"""Our own copies of messages, opened in one place. For whom one is taken out of the store is a required argument.

A person sees what a copy says only with the entries of the audit log that say so: they are written in the transaction
that takes it out, before it is opened. A machine shows nothing of it to anybody.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from gateway.context import Gateway
from gateway.core.message_name import MessageName
from gateway.store import audit_log, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys import at_rest
from keys.at_rest import Locked
from schemas import xml
from schemas.message import Message
from schemas.shapes import MessageId

T = TypeVar("T")


class Machine(StrEnum):
    """What a machine takes a copy for."""

    DELIVER = "write an email, or seal the message with a later time"
    WRITE_ON = "build the next message of the case"
    COMPARE = "compare it with another message about the same child"
    MATCH = "match it against the pupil index"
    IMPORT = "write it as a file for the case system"
    INDEX = "find it by what it says"
    FIND = "hold it against what a person searches for"
    COUNT = "count it in a report"
    CHECK = "check whether it contradicts itself"


@dataclass(frozen=True, slots=True)
class View:
    """That a person sees what copies say: the entries of the audit log that say so, of which there is at least one."""

    entry: AuditEntry
    more: Sequence[AuditEntry] = ()


Reader = Machine | View


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy as the store keeps it: encrypted."""

    message_id: MessageId
    locked: Locked = field(repr=False)

    @property
    def is_held(self) -> bool:
        """Tell whether it can still be opened. It cannot once its data key was destroyed."""
        return self.locked.data_key is not None


def take_sent(tx: Tx, gw: Gateway, message_id: MessageId, reader: Reader) -> Copy:
    """Take out our copy of a message that we sent, for a machine, or with the entries that say who views it."""
    _log_views(tx, gw, reader)
    return Copy(message_id, Locked(*outbox.get_locked_notice(tx, message_id)))


def take_received(tx: Tx, gw: Gateway, sender: str, message_id: MessageId, reader: Reader) -> Copy:
    """Take out our copy of a message that came from `sender`, for a machine, or with the entries that
    say who views it.
    """
    _log_views(tx, gw, reader)
    return Copy(message_id, Locked(*inbox.get_locked_message(tx, sender, message_id)))


def take_copy(tx: Tx, gw: Gateway, name: MessageName, reader: Reader) -> Copy:
    """Take out our copy of a message that was sent or received, for a machine, or with the entries that say who views
    it.
    """
    sender, message_id = name
    if sender:
        return take_received(tx, gw, sender, message_id, reader)
    return take_sent(tx, gw, message_id, reader)


def take_copies(tx: Tx, gw: Gateway, names: Collection[MessageName], reader: Reader) -> dict[MessageName, Copy]:
    """Take out many copies with two queries, as the others do one."""
    _log_views(tx, gw, reader)
    return _take_many(tx, names)


def take_held(
    tx: Tx,
    gw: Gateway,
    names: Collection[MessageName],
    describe_view: Callable[[Collection[MessageName]], View],
) -> dict[MessageName, Copy]:
    """Take out those that can still be opened, for a person; which these are is told to whoever writes the entries."""
    held = {name: copy for name, copy in _take_many(tx, names).items() if copy.is_held}
    if held:
        _log_views(tx, gw, describe_view(held))
    return held


def _take_many(tx: Tx, names: Collection[MessageName]) -> dict[MessageName, Copy]:
    sent = outbox.list_locked_notices(tx, [message_id for sender, message_id in names if not sender])
    received = inbox.list_locked_messages(tx, {name for name in names if name.sender})
    locked = {MessageName("", message_id): copy for message_id, copy in sent.items()} | received
    return {name: Copy(name.message_id, Locked(*copy)) for name, copy in locked.items()}


def open_copy(gw: Gateway, copy: Copy) -> Message:
    """Decrypt and read a copy.

    Raises keys.errors.Destroyed where its data key is gone, another Refusal where it was altered.
    """
    return xml.read(at_rest.unlock(copy.locked, about=copy.message_id, ring=gw.ring))


def open_held(gw: Gateway, some: Mapping[T, Copy]) -> Iterator[tuple[T, Message]]:
    """Open those that can still be opened, one after the other. Raises a Refusal where a copy was altered."""
    for name, copy in some.items():
        if copy.is_held:
            yield name, open_copy(gw, copy)


def _log_views(tx: Tx, gw: Gateway, reader: Reader) -> None:
    if isinstance(reader, View):
        audit_log.append_entries(tx, gw.now(), [reader.entry, *reader.more])
