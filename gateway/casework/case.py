"""One case, as an officer sees it: every message of it, what has happened, what is owed, and what may be done next.

Whoever looks reads what notices say of a child, so each message that is opened is an entry of the audit log. Of a search that
went to many authorities the newest notice is opened, for all say the same; who answered what is one table (`search.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Literal

from sqlalchemy import Connection

from gateway.auditing import audit
from gateway.authority import Authority
from gateway.casework import by_hand
from gateway.core import choices
from gateway.core.acts import READINGS, in_words
from gateway.core.choices import Choice
from gateway.errors import NotFound
from gateway.reconciliation import agreed, reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.searches import search
from gateway.searches.search import Search
from gateway.store import assignments, inbox, log, outbox, people
from gateway.store.inbox import Item
from gateway.store.log import Entry, Kept
from gateway.store.outbox import Delivery
from keys import at_rest
from keys.at_rest import Locked
from keys.errors import Destroyed
from schemas import codes, xml
from schemas.message import OPENS_A_CASE, SEARCHES, Child, Message
from schemas.reading import words

THEIRS = ("message.kept", "receipt.verified", "notice.rejected")  # what the other authority did


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of the case, and what may be done with it."""

    lies: Literal["sent", "came"]
    message_id: str
    kind: str
    partner: str
    at: datetime
    state: str
    restriction: str
    test: bool
    in_reply_to: str | None
    message: Message | None = field(repr=False)  # None: its key was destroyed
    choices: Sequence[Choice] = ()
    owed: Owed | None = None

    @property
    def partner_name(self) -> str:
        """The other authority."""
        return codes.authority_name(self.partner) or self.partner

    @property
    def title(self) -> str:
        """What it is, in words."""
        return words(self.kind)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that has happened."""

    at: datetime
    what: str
    who: str
    detail: str = ""
    theirs: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The whole of it."""

    case: str
    notices: Sequence[Notice]  # the newest first
    steps: Sequence[Step]  # the newest first
    readings: Sequence[Step]
    assigned: Sequence[str]
    search: Search | None = None  # where one went to more than one authority

    @property
    def openings(self) -> Sequence[Notice]:
        """The notices that opened it, the newest first."""
        return [one for one in self.notices if one.kind in OPENS_A_CASE]

    @property
    def child(self) -> Child | None:
        """Whom it is about; None where no child is named in it."""
        bodies = (one.message.body for one in self.openings if one.message)
        return next((body.child for body in bodies if getattr(body, "child", None)), None)  # type: ignore[union-attr]  # asked for


def look(here: Authority, case: str, by: str) -> Case:
    """The case, opened for a person. Raises NotFound, or ConfigProblem where a calendar cannot be read."""
    terms = agreed.read(here.config)

    def read(tx: Connection) -> tuple[Case, bool]:
        sent, came = _messages(tx, here, case)
        duties = {one.message_id: one for one in reconcile.about(here, terms, sent, came)}
        shown_sent, shown_came = _shown(sent, came)
        notices = [_sent(tx, here, one, duties.get(one.message_id)) for one in shown_sent]
        notices += [_came(tx, here, one, duties.get(one.message_id)) for one in shown_came]
        done, readings = _steps(tx, here, case, sent)
        log.append(tx, here.now(), [Entry("notice.read", by, one.message_id, one.partner) for one in notices])
        newest_first = sorted(notices, key=lambda one: (one.at, one.message_id), reverse=True)
        steps, read_by = list(_together(done)), list(_together(readings))
        return Case(case, newest_first, steps, read_by, assignments.of_case(tx, case)), _is_wide(sent)

    found, wide = here.store.run(read)
    return replace(found, search=search.look(here, case, by)) if wide else found


def _shown(sent: Sequence[Delivery], came: Sequence[Item]) -> tuple[list[Delivery], list[Item]]:
    """The messages that are shown in full. Of a search that went to many: the newest of its notices, and nothing about the others."""
    searches = [one for one in sent if one.kind in SEARCHES]
    if not _is_wide(sent):
        return list(sent), list(came)
    told = {one.message_id for one in searches}
    others = [one for one in sent if one.kind not in SEARCHES and one.in_reply_to not in told]
    return [searches[0], *others], [one for one in came if one.in_reply_to not in told]


def _is_wide(sent: Sequence[Delivery]) -> bool:
    return len({one.recipient for one in sent if one.kind in SEARCHES}) > 1


def _together(steps: Iterable[Step]) -> Iterator[Step]:
    """What one person did many times in a minute, as to each authority of a search, is one step."""
    for _, some in groupby(
        steps, key=lambda step: (step.what, step.who, step.detail, step.at.replace(second=0, microsecond=0))
    ):
        same = list(some)
        first = same[0]
        yield replace(first, what=f"{first.what}, {len(same)} times") if len(same) > 2 else first
        if len(same) == 2:
            yield same[1]


def names(here: Authority, listed: Sequence[Delivery | Item | Owed], by: str) -> dict[str, str]:
    """How the children are called whom these notices are about, for a list of them. It is one entry, which mentions each notice."""
    opens = [one for one in listed if one.kind in OPENS_A_CASE]

    def read(tx: Connection) -> dict[str, str]:
        copies = _copies(tx, opens).items()
        found = {message_id: _name(_opened(here, message_id, locked)) for message_id, locked in copies}
        shown = {message_id: name for message_id, name in found.items() if name}
        if shown:
            log.append(tx, here.now(), [Entry("list.read", by, detail={"names": len(shown)}, mentions=tuple(shown))])
        return shown

    return here.store.run(read)


def _copies(tx: Connection, some: Sequence[Delivery | Item | Owed]) -> dict[str, Locked]:
    """Our locked copies of all of these, in two questions however many there are."""
    sent = outbox.all_locked(tx, [one.message_id for one in some if _sender(one) is None])
    came = inbox.all_locked(tx, {one.message_id: sender for one in some if (sender := _sender(one))})
    return {message_id: Locked(*copy) for message_id, copy in (sent | came).items()}


def _sender(one: Delivery | Item | Owed) -> str | None:
    """Who sent it to us; None where we did."""
    if isinstance(one, Owed):
        return one.partner if one.lies == "came" else None
    return one.sender if isinstance(one, Item) else None


def _opened_of(tx: Connection, here: Authority, one: Delivery | Item) -> Message | None:
    return _opened(here, one.message_id, _copies(tx, [one])[one.message_id])


def _opened(here: Authority, message_id: str, locked: Locked) -> Message | None:
    try:
        return xml.read(at_rest.unlock(locked, about=message_id, ring=here.ring))
    except Destroyed:
        return None


def _name(message: Message | None) -> str:
    child: Child | None = getattr(message.body, "child", None) if message else None
    if child is None:
        return ""
    return f"{child.surname}, {child.forename}" if child.forename else child.surname


def _messages(tx: Connection, here: Authority, case: str) -> tuple[list[Delivery], list[Item]]:
    sent = outbox.search(tx, conversation_id=case, limit=None)
    came = inbox.search(tx, here.now(), conversation_id=case, limit=None)
    if not (sent or came):
        raise NotFound(
            "case.not-found", "There is no such case here.", "It may be another authority's, or not shown yet."
        )
    return sent, came


def holds(here: Authority, case: str, message_id: str) -> bool:
    """Does this message belong to this case?"""

    def look(tx: Connection) -> bool:
        sent, came = _messages(tx, here, case)
        return message_id in {one.message_id for one in sent} | {item.message_id for item in came}

    return here.store.look(look)


def notice(here: Authority, case: str, message_id: str) -> Notice:
    """One message of the case as it stands now, not opened. Raises NotFound."""

    def read(tx: Connection) -> Notice:
        sent, came = _messages(tx, here, case)
        for one in sent:
            if one.message_id == message_id:
                return _sent_as_it_stands(one, None, None)
        for item in came:
            if item.message_id == message_id:
                return _came_as_it_stands(item, None, None)
        raise NotFound("case.other-notice", "This notice is none of this case.", "Look at the case again.")

    return here.store.look(read)


def _sent(tx: Connection, here: Authority, one: Delivery, owed: Owed | None) -> Notice:
    return _sent_as_it_stands(one, _opened_of(tx, here, one), owed)


def _sent_as_it_stands(one: Delivery, opened: Message | None, owed: Owed | None) -> Notice:
    sealed, told = one.protection == "sealed", one.handed_over_at is not None
    may = choices.of_sent(one.kind, one.state, sealed=sealed, handed_over=told)
    return Notice(
        "sent",
        one.message_id,
        one.kind,
        one.recipient,
        one.queued_at,
        one.state,
        one.restriction,
        one.test,
        one.in_reply_to,
        opened,
        may,
        owed,
    )


def _came(tx: Connection, here: Authority, one: Item, owed: Owed | None) -> Notice:
    return _came_as_it_stands(one, _opened_of(tx, here, one), owed)


def _came_as_it_stands(one: Item, opened: Message | None, owed: Owed | None) -> Notice:
    may = choices.of_received(one.kind, one.state)
    return Notice(
        "came",
        one.message_id,
        one.kind,
        one.sender,
        one.received_at,
        one.state,
        one.restriction,
        one.test,
        one.in_reply_to,
        opened,
        may,
        owed,
    )


def _steps(tx: Connection, here: Authority, case: str, sent: Sequence[Delivery]) -> tuple[list[Step], list[Step]]:
    """What was done, and who read it; both the newest first."""
    called = {one.name: one.called for one in people.every(tx)}
    done: list[Step] = []
    readings: list[Step] = []
    for kind, entry in audit.of_case(tx, case):
        (readings if entry.act in READINGS else done).append(_step(kind, entry, called))
    for one in sent:
        done += [*_tries(tx, one), *_calls(here, one, called)]
    for some in (done, readings):
        some.sort(key=lambda step: step.at, reverse=True)
    return done, readings


def _step(kind: str, entry: Kept, called: Mapping[str, str]) -> Step:
    who = called.get(entry.actor, entry.actor)
    return Step(entry.at, f"{words(kind)}: {in_words(entry.act)}", who, theirs=entry.act in THEIRS)


def _tries(tx: Connection, one: Delivery) -> Iterator[Step]:
    """Those that did not arrive; what did is told by its receipt."""
    for tried in outbox.tries(tx, one.message_id):
        at, ending = tried["at"], tried["ending"]
        assert isinstance(at, datetime)  # noqa: S101 - the column's type
        if ending != "receipted":
            what = f"{words(one.kind)}: tried by {tried['route']}: {ending}"
            yield Step(at, what, "cme-gateway", str(tried["reason"] or ""))


def _calls(here: Authority, one: Delivery, called: Mapping[str, str]) -> Iterator[Step]:
    for kept, call in by_hand.recorded(here, one.message_id):
        whom = f"Spoken to {call.spoken_to}. {call.note or ''}" if call else "With whom: the key was destroyed."
        what = "Call: the outcome was told" if kept.result else "Call: handed over by telephone"
        yield Step(kept.at, what, called.get(kept.recorded_by, kept.recorded_by), whom.strip())
