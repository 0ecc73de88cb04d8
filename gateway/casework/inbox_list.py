"""What waits for officers, in the order in which it presses; of what is shown, whom it is about.

Everything that waits is read, but as identifiers and dates only: it is some thousands of messages among a million. What
a notice says is opened for the page that is shown, as one list, which is an entry of the audit log.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from gateway.access.absences import read_stand_ins
from gateway.casework import listed_children
from gateway.casework.listed_children import ListedChild
from gateway.context import Gateway
from gateway.core.inbox_order import WaitingMessage, sort_waiting
from gateway.core.message_name import MessageName
from gateway.core.team import may_have_cases
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.store import inbox, people
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem, WaitingRow
from gateway.store.outbox import list_deliveries_by_id
from gateway.store.people import Person
from schemas.message import OPENS_A_CASE
from schemas.shapes import CaseId


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One row of a list of what came: the message as it stands, whom it is about, and what we owe on it."""

    item: InboxItem
    child: ListedChild
    duty: Owed | None
    # The names under which those sign in who have the case.
    assigned: Sequence[str] = ()
    # The same of those who had it, and work here no more.
    left: Sequence[str] = ()

    @property
    def is_urgent(self) -> bool:
        """Tell whether it is about the safety of a child."""
        return bool(self.item.urgent)

    @property
    def is_notice(self) -> bool:
        """Tell whether it opened a case; else it is a reply."""
        return self.item.kind in OPENS_A_CASE


@dataclass(frozen=True, slots=True)
class NextTask:
    """What an officer comes to next: the case, and what we owe in it; None where nothing is due, but it is urgent."""

    case: CaseId
    duty: Owed | None
    urgent: bool


def list_waiting(gw: Gateway, cases: Collection[CaseId] | None = None) -> list[WaitingMessage]:
    """List what waits for officers, in no order; of these cases only, where they are given.

    Raises ConfigProblem where a calendar cannot be read.
    """

    def read_waiting(tx: Tx) -> tuple[list[WaitingRow], dict[CaseId, set[str]], list[Person], dict[str, str]]:
        rows, assigned = inbox.list_waiting_rows(tx, gw.now()), inbox.list_waiting_assignments(tx)
        return rows, assigned, people.list_people(tx), read_stand_ins(tx, gw)

    rows, assigned, everybody, stand_ins = gw.store.look(read_waiting)
    working = {person.name for person in everybody if may_have_cases(person.roles, active=person.active)}
    if cases is not None:
        rows = [row for row in rows if row.case_id in cases]
    return [
        WaitingMessage(
            name=row.name,
            case=row.case_id,
            kind=row.kind,
            restriction=row.restriction,
            urgent=bool(row.urgent),
            received_at=row.received_at,
            due_at=due_at,
            to_call=row.kind not in OPENS_A_CASE,
            assigned=frozenset(assigned.get(row.case_id, ())) & working,
            left=frozenset(assigned.get(row.case_id, ())) - working,
            stand_ins=frozenset(stand_ins[name] for name in assigned.get(row.case_id, ()) if name in stand_ins),
        )
        for row, due_at in zip(rows, reconcile.list_due_moments(gw, rows), strict=True)
    ]


def find_next_task(gw: Gateway, *, besides: CaseId, cases: Collection[CaseId] | None = None) -> NextTask | None:
    """Find what comes first, in the order of the inbox, of what we owe or is urgent in other cases; None where nothing.

    `cases`: among these only. Raises ConfigProblem where a calendar cannot be read.
    """
    ours = {duty.name: duty for duty in reconcile.list_owed(gw) if duty.owed_by == "us"}
    tasks = [message for message in list_waiting(gw, cases) if message.name in ours or message.urgent]
    tasks += _list_decisions(gw, [duty for duty in ours.values() if duty.direction == "sent"])
    open_ones = [task for task in tasks if task.case != besides and (cases is None or task.case in cases)]
    if not open_ones:
        return None
    first = sort_waiting(open_ones, gw.now())[0]
    return NextTask(first.case, ours.get(first.name), first.urgent)


def _list_decisions(gw: Gateway, owed: Sequence[Owed]) -> list[WaitingMessage]:
    """List what we sent and have to decide about, as if it waited in the inbox."""
    ids = [duty.message_id for duty in owed]
    sent = {delivery.message_id: delivery for delivery in gw.store.look(lambda tx: list_deliveries_by_id(tx, ids))}
    return [
        WaitingMessage(
            name=duty.name,
            case=duty.case,
            kind=duty.kind,
            restriction=sent[duty.message_id].restriction,
            urgent=False,
            received_at=duty.since,
            due_at=duty.late_at,
        )
        for duty in owed
        if duty.message_id in sent
    ]


def open_waiting(gw: Gateway, waiting: Sequence[WaitingMessage], by: str) -> list[InboxRow]:
    """Open a page of what waits, in this order. That is logged."""
    return list_rows(gw, waiting, lambda items: listed_children.list_children(gw, [item.name for item in items], by))


def list_rows(
    gw: Gateway, waiting: Sequence[WaitingMessage], list_whom: Callable[[Sequence[InboxItem]], Sequence[ListedChild]]
) -> list[InboxRow]:
    """List what waits as rows, in this order; `list_whom` opens whom they are about, and logs that."""
    ids = [message.name.message_id for message in waiting]
    by_name = {item.name: item for item in gw.store.look(lambda tx: inbox.list_messages_by_id(tx, gw.now(), ids))}
    waiting_by_name = {message.name: message for message in waiting if message.name in by_name}
    items = [by_name[name] for name in waiting_by_name]
    return [
        replace(
            row,
            assigned=sorted(waiting_by_name[row.item.name].assigned),
            left=sorted(waiting_by_name[row.item.name].left),
        )
        for row in _build_rows(gw, items, list_whom(items))
    ]


def open_received(gw: Gateway, items: Sequence[InboxItem], by: str) -> list[InboxRow]:
    """Open a page of what came, in this order. That is logged."""
    return _build_rows(gw, items, listed_children.list_children(gw, [item.name for item in items], by))


def _build_rows(gw: Gateway, items: Sequence[InboxItem], children: Sequence[ListedChild]) -> list[InboxRow]:
    owed = reconcile.list_owed_on_received(gw, items)
    duties = {MessageName(duty.partner, duty.message_id): duty for duty in owed}
    return [InboxRow(item, child, duties.get(item.name)) for item, child in zip(items, children, strict=True)]
