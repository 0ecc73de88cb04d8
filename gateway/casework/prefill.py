"""A notice is begun, filled in from what lies here: a notice about the same child, or the notice about a sibling.

What is read for it is opened for the officer who begins it, so it is an entry of the audit log. What does not fit into
the new notice is left open, and asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway import copies
from gateway.casework import compose, find
from gateway.casework.compose import NewComposition
from gateway.context import Gateway
from gateway.copies import Copy, Machine
from gateway.core import composition, prefill
from gateway.core.composition import Said
from gateway.core.message_name import split_name
from gateway.core.prefill import FilledFrom
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.store import outbox
from gateway.store.database import Tx
from schemas.message import OPENS_A_CASE, SEARCHES, Child, Message, MessageKind
from schemas.shapes import CaseId, MessageId


@dataclass(frozen=True, slots=True)
class NamedSibling:
    """A brother or sister whom a notice of ours names."""

    # In which place.
    at: int
    name: str = field(repr=False)
    dob: date = field(repr=False)
    # An unfinished notice is about them already.
    is_begun: bool
    # When a notice of ours about them was sent, the newest.
    sent_at: datetime | None


def begin_about_child(gw: Gateway, name: str, kind: MessageKind, by: str) -> str:
    """Begin a notice about the child of one that was sent, or came; return its id.

    Raises NotFound, Ambiguous, keys.errors.Destroyed, or NotAllowed where it is no notice about a child.
    """
    sender, message_id = split_name(name)
    if sender:
        _, message = respond.read_incoming(gw, name, by)
    else:
        message = respond.read_outgoing(gw, message_id, by)
    _require_real_notice(message)
    source = FilledFrom.RECEIVED if sender else FilledFrom.SENT
    return _begin_filled(gw, kind, {}, prefill.fill_from_notice(_to_text(message), source), source, by)


def list_named_siblings(gw: Gateway, message_id: MessageId, by: str) -> list[NamedSibling]:
    """List the siblings whom a notice of ours names. That is logged. Raises NotFound, or keys.errors.Destroyed."""
    siblings = prefill.list_siblings(_to_text(respond.read_outgoing(gw, message_id, by)))
    begun = compose.list_begun_children(gw)
    return [
        NamedSibling(
            at,
            " ".join(filter(None, (sibling.get("forename"), sibling["surname"]))),
            date.fromisoformat(sibling["dob"]),
            compose.identify_child(sibling) in begun,
            _find_when_sent(gw, sibling),
        )
        for at, sibling in enumerate(siblings)
    ]


def _find_when_sent(gw: Gateway, sibling: Said) -> datetime | None:
    dob, identity = date.fromisoformat(sibling["dob"]), compose.identify_child(sibling)

    def is_about(child: Child) -> bool:
        written = {"surname": child.surname, "forename": child.forename, "dob": child.dob}
        return compose.identify_child(written) == identity

    sent = find.find_sent_notice(gw, sibling["surname"], dob, is_about)
    return sent.at if sent else None


def begin_for_siblings(gw: Gateway, message_id: MessageId, wanted: Collection[int], by: str) -> int:
    """Begin a notice for each of these siblings whom a notice of ours names, to the same authorities; return how many.

    One about whom an unfinished notice is already is left out. Raises NotFound, keys.errors.Destroyed, or NotAllowed.
    """
    message = respond.read_outgoing(gw, message_id, by)
    _require_real_notice(message)
    typed, begun = _to_text(message), compose.list_begun_children(gw)
    to = _find_recipients(gw, message)
    places = [
        at
        for at, sibling in enumerate(prefill.list_siblings(typed))
        if at in wanted and compose.identify_child(sibling) not in begun
    ]
    for at in places:
        _begin_filled(gw, message.kind, to, prefill.fill_for_sibling(typed, at), FilledFrom.SIBLING, by)
    return len(places)


def find_notice_with_siblings(gw: Gateway, case_id: CaseId) -> MessageId | None:
    """Find the newest notice of ours in a case, where it names siblings; a machine looks."""

    def get_newest(tx: Tx) -> Copy | None:
        notices = [sent for sent in _list_sent(tx, case_id) if sent.kind in OPENS_A_CASE and not sent.test]
        return copies.take_sent(tx, gw, notices[0].message_id, Machine.WRITE_ON) if notices else None

    copy = gw.store.look(get_newest)
    if copy is None or not copy.is_held:
        return None
    return copy.message_id if prefill.list_siblings(_to_text(copies.open_copy(gw, copy))) else None


def _find_recipients(gw: Gateway, message: Message) -> Said:
    """Find to whom a notice of ours went; a search, to all who were asked in the case."""
    party = message.header.recipient
    if message.kind not in SEARCHES:
        return {"to": party.authority, "role": party.role}
    sent = gw.store.look(lambda tx: _list_sent(tx, message.header.case_id))
    return {"to": sorted({delivery.recipient for delivery in sent if delivery.kind in SEARCHES})}


def _list_sent(tx: Tx, case_id: CaseId) -> Sequence[outbox.Delivery]:
    return outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)


def _begin_filled(gw: Gateway, kind: MessageKind, to: Said, typed: Said, source: FilledFrom, by: str) -> str:
    body = composition.select_fitting(kind, typed)
    filled = prefill.fill_in(source, body, to)
    return compose.add_composition(
        gw, NewComposition(kind, to, compose.build_empty_body(gw, by) | body, filled=filled), by
    )


def _to_text(message: Message) -> Said:
    return composition.to_text_fields(message.body)


def _require_real_notice(message: Message) -> None:
    """Require a notice about a child: what is begun of it is none about a test."""
    if message.kind not in OPENS_A_CASE or message.header.test:
        raise NotAllowed("prefill.no-notice")
