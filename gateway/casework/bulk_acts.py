"""Several messages of the inbox dealt with at once: what would be done with each, and then each as if it were alone.

Whom they are about is one list, which is an entry of the audit log. Each acknowledgement is signed, queued and written
into the log in a transaction of its own, by the flow that does it for one; so is each assignment. One that is refused
holds up no other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.access import people
from gateway.casework import listed_children
from gateway.casework.listed_children import ListedChild
from gateway.context import Gateway
from gateway.core import bulk_acts, labels
from gateway.core.bulk_acts import MOST_AT_ONCE
from gateway.core.message_name import MessageName, split_name
from gateway.errors import GatewayError
from gateway.exchange import respond
from gateway.store import assignments, calls, inbox
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from keys.errors import Refusal
from schemas.message import Acknowledgement
from schemas.shapes import CaseId, MessageId

# Judges one message: why it is left out, or nothing.
Judge = Callable[[Tx, InboxItem], str]


@dataclass(frozen=True, slots=True)
class SelectedMessage:
    """A message that somebody selected, and why nothing is done with it; empty where it can be, or was done."""

    item: InboxItem
    child: ListedChild
    why: str = ""

    @property
    def key(self) -> str:
        """Return what a form carries of it: which it is, and how it stood when it was shown."""
        return f"{self.item.name} {self.item.state}"


def read_to_accept(gw: Gateway, names: Sequence[str], by: str) -> list[SelectedMessage]:
    """Read which of these messages can be accepted, and whom they are about, in their order. That is logged."""
    return _read_selected(gw, [split_name(name) for name in names], by, _judge_accepting)


def read_to_assign(gw: Gateway, names: Sequence[str], person: str, by: str) -> list[SelectedMessage]:
    """Read of which of these messages the case can be assigned, and whom they are about. That is logged."""
    return _read_selected(gw, [split_name(name) for name in names], by, _judge_assigning(gw, person))


def accept_selected(gw: Gateway, keys: Sequence[str], by: str) -> list[SelectedMessage]:
    """Accept these notices, each as if it were alone, and tell of each what became of it.

    `keys`: of each its name, and how it stood when the officer looked at it; one that stands otherwise now is left out.
    """
    body = Acknowledgement(decision="accepted", officer=gw.build_officer(by))

    def accept_notice(item: InboxItem, was: str) -> None:
        respond.acknowledge_notice(gw, item.name, body, by, was=was)

    return _do_each(gw, keys, by, _judge_accepting, accept_notice)


def assign_selected(gw: Gateway, keys: Sequence[str], person: str, by: str) -> list[SelectedMessage]:
    """Assign the cases of these messages to a person, each as if it were alone; tell of each what became of it."""
    judge, done = _judge_assigning(gw, person), set[CaseId]()

    def assign_case(item: InboxItem, _: str) -> None:
        people.assign_case(gw, item.case_id, person, by)
        done.add(item.case_id)

    # Of two messages of one case the second finds it assigned by the first.
    return _do_each(gw, keys, by, lambda tx, item: "" if item.case_id in done else judge(tx, item), assign_case)


def _read_selected(
    gw: Gateway, wanted: Sequence[tuple[str | None, MessageId]], by: str, judge: Judge
) -> list[SelectedMessage]:
    def judge_all(tx: Tx) -> list[tuple[InboxItem, str]]:
        return [(item, judge(tx, item)) for item in _list_items(tx, gw, wanted)]

    judged = gw.store.look(judge_all)
    children = listed_children.list_children(gw, [item.name for item, _ in judged], by)
    return [SelectedMessage(item, child, why) for (item, why), child in zip(judged, children, strict=True)]


def _list_items(tx: Tx, gw: Gateway, wanted: Sequence[tuple[str | None, MessageId]]) -> list[InboxItem]:
    """List these messages, in their order; one that is not here is left out."""
    names = [MessageName(sender or "", message_id) for sender, message_id in wanted][:MOST_AT_ONCE]
    ids = [name.message_id for name in names]
    by_name = {item.name: item for item in inbox.list_messages_by_id(tx, gw.now(), ids)} if ids else {}
    return [by_name[name] for name in dict.fromkeys(names) if name in by_name]


def _do_each(
    gw: Gateway, keys: Sequence[str], by: str, judge: Judge, act: Callable[[InboxItem, str], object]
) -> list[SelectedMessage]:
    states = {name: was for name, _, was in (key.partition(" ") for key in keys)}
    items = gw.store.look(lambda tx: _list_items(tx, gw, [split_name(name) for name in states]))
    done = [(item, _try_act(gw, item, states[str(item.name)], judge, act)) for item in items]
    children = listed_children.list_children(gw, [item.name for item in items], by)
    return [SelectedMessage(item, child, why) for (item, why), child in zip(done, children, strict=True)]


def _try_act(gw: Gateway, item: InboxItem, was: str, judge: Judge, act: Callable[[InboxItem, str], object]) -> str:
    """Do it with one, unless it is left out; return why nothing was done."""
    # What somebody else did while those before it were done counts too.
    if why := gw.store.look(lambda tx: judge(tx, inbox.get_message(tx, item.name))):
        return why
    try:
        act(item, was)
    except (GatewayError, Refusal) as refused:
        return refused.sentence
    return ""


def _judge_accepting(tx: Tx, item: InboxItem) -> str:
    called = bool(calls.list_received_calls(tx, item.sender, item.message_id))
    reason = bulk_acts.find_why_not_accepted(item.kind, item.state, item.restriction, called=called)
    status = labels.name_status("came", item.kind, item.state, item.cause)
    return labels.explain_left_out(reason, status=status) if reason else ""


def _judge_assigning(gw: Gateway, person: str) -> Judge:
    called = {worker.name: worker.called for worker in people.list_case_workers(gw)}.get(person, person)

    def judge_assigning(tx: Tx, item: InboxItem) -> str:
        reason = bulk_acts.find_why_not_assigned(person, assignments.list_assigned_people(tx, item.case_id))
        return labels.explain_left_out(reason, person=called) if reason else ""

    return judge_assigning
