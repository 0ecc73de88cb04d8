"""Whom the notices of a list are about: name, date of birth and siblings, and why a notice is urgent.

A list is one entry of the audit log, which mentions each notice that was opened for it. Of a child of whom nothing may
be said on paper, no notice is opened.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway import copies
from gateway.casework.messages import StoredMessage
from gateway.context import Gateway
from gateway.copies import Copy, View
from gateway.core import urgency
from gateway.core.message_name import MessageName
from gateway.core.urgency import UrgentReason
from gateway.store import audit_log, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.message import OPENS_A_CASE, Child, Message, Sibling


@dataclass(frozen=True, slots=True)
class ListedChild:
    """The child of one notice of a list; empty where nothing may be said, or it is no notice."""

    # Surname first.
    name: str = field(default="", repr=False)
    dob: date | None = field(default=None, repr=False)
    dob_estimated: bool = False
    siblings: Sequence[str] = field(default=(), repr=False)
    urgent: Sequence[UrgentReason] = ()


UNNAMED = ListedChild()


def list_children(gw: Gateway, names: Sequence[MessageName], by: str) -> list[ListedChild]:
    """List whom these messages are about, in their order. That is logged."""

    def build_entry(mentions: Sequence[str]) -> AuditEntry:
        return AuditEntry("list.read", by, detail={"names": len(mentions)}, mentions=mentions)

    def take_and_log(tx: Tx) -> dict[MessageName, Copy]:
        return _take_listed(tx, gw, _list_nameable(tx, gw, names), build_entry)

    return _open_listed(gw, names, gw.store.run(take_and_log))


def list_exported(gw: Gateway, messages: Sequence[StoredMessage], by: str, listed: str) -> list[ListedChild]:
    """List whom these messages are about, in their order, for a file. That is logged, also where it names nobody.

    A file may be sent on, so of no restricted child anything is opened.
    """
    names = [message.name for message in messages]
    shown = {it.name for it in messages if it.kind in OPENS_A_CASE and it.restriction == "none"}

    def build_entry(mentions: Sequence[str]) -> AuditEntry:
        detail: dict[str, str | int] = {"list": listed, "rows": len(messages), "names": len(mentions)}
        return AuditEntry("list.exported", by, detail=detail, mentions=mentions)

    def take_and_log(tx: Tx) -> dict[MessageName, Copy]:
        held = _take_listed(tx, gw, shown, build_entry)
        if not held:
            audit_log.append_entries(tx, gw.now(), [build_entry(())])
        return held

    return _open_listed(gw, names, gw.store.run(take_and_log))


def _take_listed(
    tx: Tx, gw: Gateway, names: Collection[MessageName], build_entry: Callable[[Sequence[str]], AuditEntry]
) -> dict[MessageName, Copy]:
    def describe_view(opened: Collection[MessageName]) -> View:
        return View(build_entry(tuple(dict.fromkeys(name.message_id for name in opened))))

    return copies.take_held(tx, gw, names, describe_view)


def _open_listed(gw: Gateway, names: Sequence[MessageName], held: Mapping[MessageName, Copy]) -> list[ListedChild]:
    opened = dict(copies.open_held(gw, held))
    return [_build_listed(opened[name]) if name in opened else UNNAMED for name in names]


def _list_nameable(tx: Tx, gw: Gateway, names: Collection[MessageName]) -> set[MessageName]:
    """List those that say how a child is called, and may say so."""
    ours = [name.message_id for name in names if not name.sender]
    theirs = [name.message_id for name in names if name.sender]
    stored: list[StoredMessage] = []
    if ours:
        stored += outbox.list_deliveries_by_id(tx, ours)
    if theirs:
        stored += inbox.list_messages_by_id(tx, gw.now(), theirs)
    opening = {message.name for message in stored if message.kind in OPENS_A_CASE}
    return opening & {message.name for message in stored if message.restriction != "phone-only"} & set(names)


def _build_listed(message: Message) -> ListedChild:
    reasons = urgency.list_urgent_reasons(message)
    child: Child | None = getattr(message.body, "child", None)
    if child is None:
        return ListedChild(urgent=reasons)
    siblings = [_format_name(sibling.forename, sibling.surname, child.surname) for sibling in message.list_all(Sibling)]
    name = f"{child.surname}, {child.forename}" if child.forename else child.surname
    return ListedChild(name, child.dob, child.dob_estimated, siblings, reasons)


def _format_name(forename: str | None, surname: str, of_child: str) -> str:
    """Write a sibling's name; the surname only where it is another."""
    return " ".join(filter(None, (forename, surname if surname != of_child or not forename else "")))
