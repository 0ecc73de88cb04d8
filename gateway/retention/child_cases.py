"""Which cases, leavers' records and unfinished notices are about one child: a machine looks, and shows nothing of them.

Cases are found as officers find them, and by their reference also where nothing can be found any more. A case in which
the child is only named, as a brother or sister, is about somebody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway import copies
from gateway.auditing.who_viewed import UnsentRecord
from gateway.context import Gateway
from gateway.copies import Copy, Machine
from gateway.core import safeguards, subject_access
from gateway.core.search_terms import list_child_terms
from gateway.core.typed_search import NoticeQuery
from gateway.store import blind_index, inbox, outbox, retention
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from keys import blind
from schemas.message import Child
from schemas.shapes import CaseId

# Messages that are found: more are of a name that is no whole one.
MOST_FOUND = 2_000
# Of a restricted child, what tells where it is; None of another.
Places = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ChildCases:
    """The cases that are about a child, and those in which it is only named."""

    about: Sequence[CaseId]
    named: Sequence[CaseId]
    # Of a restricted child, what its notices say of where it is.
    withheld: Places = field(repr=False)


def select_records(sought: NoticeQuery, records: Sequence[UnsentRecord]) -> list[str]:
    """Select what is no notice yet and is about the child; by a reference none is found."""
    if sought.ids:
        return []
    return [record.record_id for record in records if record.terms and subject_access.is_about(sought, record.terms)]


def find_cases(gw: Gateway, sought: NoticeQuery) -> ChildCases:
    """Find the cases, by a machine that opens their messages and shows nothing of them."""
    wanted = [blind.compute_marks(part.terms, gw.ring) for part in sought.parts]

    def take(tx: Tx) -> dict[CaseId, list[Copy]]:
        hits = blind_index.find_marked(tx, wanted, limit=MOST_FOUND)
        named = [retention.find_case_of(tx, hit.message_id) for hit in hits]
        whole = [retention.find_case_of(tx, name) for name in sorted(sought.ids)]
        cases = list(dict.fromkeys(case for case in [*named, *whole] if case))
        return {case: _take_messages(tx, gw, case) for case in cases}

    about, only_named = [], []
    restricted, places = False, set[str]()
    for case, taken in gw.store.look(take).items():
        messages = [copies.open_copy(gw, copy) for copy in taken if copy.is_held]
        children = [child for message in messages for child in message.list_all(Child)]
        if not messages or not children or any(_is_child(sought, child) for child in children):
            about.append(case)
            today = gw.now().date()
            restricted |= any(safeguards.level_as_read(message, today) != "none" for message in messages)
            places.update(*map(safeguards.list_withheld_places, messages))
        else:
            only_named.append(case)
    return ChildCases(sorted(about), sorted(only_named), frozenset(places) if restricted else None)


def _is_child(sought: NoticeQuery, child: Child) -> bool:
    return subject_access.is_about(sought, list_child_terms(child))


def _take_messages(tx: Tx, gw: Gateway, case_id: CaseId) -> list[Copy]:
    names = [message.name for message in list_messages(tx, gw, case_id)]
    return list(copies.take_copies(tx, gw, names, Machine.FIND).values())


def list_messages(tx: Tx, gw: Gateway, case_id: CaseId) -> list[Delivery | InboxItem]:
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    came = inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=None)
    return sorted([*sent, *came], key=lambda message: message.summary.case_order)
