"""One case, as an officer sees it: every message of it, what has happened, what is owed, and what may be done next.

Whoever looks reads what notices say of a child, so each message that is opened is an entry of the audit log. Of a search that
went to many authorities the newest notice is opened, for all say the same; who answered what is one table (`search.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from gateway import copies
from gateway.auditing import audit
from gateway.casework import by_hand
from gateway.casework.message_summary import Stands, stands
from gateway.context import Authority
from gateway.copies import Copy, Machine
from gateway.core import labels, open_actions, safeguards
from gateway.core.audit_acts import READINGS
from gateway.core.inbox_state import UNFIT
from gateway.core.message_name import split
from gateway.core.open_actions import Choice
from gateway.errors import NotFound
from gateway.reconciliation import deadlines, reconcile
from gateway.reconciliation.deadlines import Agreed
from gateway.reconciliation.reconcile import Owed
from gateway.searches import search
from gateway.searches.search import Search
from gateway.store import assignments, audit_log, calls, inbox, mail_replies, outbox, people
from gateway.store.audit_log import Entry, Kept
from gateway.store.inbox import Item
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from schemas import codes
from schemas.message import OPENS_A_CASE, SEARCHES, Child, Message, Officer

TAIL = 12  # characters of a reference, as lists show it
THEIRS = ("message.kept", "receipt.verified", "notice.rejected")  # what the other authority did


@dataclass(frozen=True, slots=True)
class Notice(Stands):
    """One message of the case, and what may be done with it."""

    message: Message | None = field(repr=False, kw_only=True)  # None: it was not opened, or its key was destroyed
    choices: Sequence[Choice] = field(kw_only=True)
    must_be_checked: bool = field(default=False, kw_only=True)  # it contradicts itself, so it is shown as restricted
    owed: Owed | None = field(kw_only=True)

    @property
    def partner_name(self) -> str:
        """The other authority."""
        return codes.authority_name(self.partner) or self.partner

    @property
    def title(self) -> str:
        """What it is, in words."""
        return labels.name_kind(self.kind)

    @property
    def is_task(self) -> bool:
        """Is it a reply that does not fit, and nobody has looked at it?"""
        return self.state in UNFIT

    @property
    def why(self) -> str:
        """Why it has no effect."""
        return labels.explain_misfit(self.misfit) if self.misfit else ""

    @property
    def ring(self) -> str:
        """Who there wrote it; nobody where it does not say."""
        body = self.message.body if self.message else None
        officer: Officer | None = getattr(body, "officer", None) or getattr(body, "ring", None)
        return f"{officer.name}, {officer.phone_no}" if officer else ""


@dataclass(frozen=True, slots=True)
class About:
    """Whom a page is about on which one acts: so that two cases in two windows are not taken for each other."""

    reference: str
    child: Child | None = field(repr=False)  # None where nothing may be said of the child

    @property
    def name(self) -> str:
        """What the child is called."""
        if self.child is None:
            return "This child"
        return " ".join(filter(None, (self.child.forename, self.child.surname)))


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
    opener: str = ""  # who opened it: an authority, or nobody where we did
    mails: Sequence[MailReply] = ()  # in answer to our letters, the newest first

    @property
    def openings(self) -> Sequence[Notice]:
        """The notices that opened it, the newest first."""
        return [one for one in self.notices if one.kind in OPENS_A_CASE]

    @property
    def misfits(self) -> Sequence[Notice]:
        """The replies at which somebody has to look, the newest first."""
        return [one for one in self.notices if one.is_task]

    @property
    def head(self) -> Notice | None:
        """The notice that opened the case here, or the newest in its place, by the same authority.

        A correction takes its place; so does whatever we ask of others about the child for whom we search. What anybody else
        adds to the case never does.
        """
        mine = [one for one in reversed(self.openings) if (one.partner if one.lies == "came" else "") == self.opener]
        if not mine:
            return None
        head, places = mine[0], {mine[0].message_id}
        for one in mine[1:]:
            replaces = one.message.header.supersedes if one.message else None
            if replaces in places or (not self.opener and head.kind in SEARCHES and one.kind in SEARCHES):
                head = one
                places.add(one.message_id)
        return head

    @property
    def child(self) -> Child | None:
        """Whom it is about; None where no child is named at its head."""
        return getattr(self.head.message.body, "child", None) if self.head and self.head.message else None


@dataclass(frozen=True, slots=True)
class _Read:
    """What one look into the store found, still locked."""

    shown: Sequence[tuple[Delivery | Item, Copy]]
    duties: Mapping[tuple[str, str], Owed]
    done: Sequence[Step]
    readings: Sequence[Step]
    calls: Sequence[calls.Kept]
    called: Mapping[str, str]
    assigned: Sequence[str]
    wide: bool
    opener: str
    mails: Sequence[MailReply]


def look(here: Authority, case: str, by: str) -> Case:
    """The case, opened for a person. Raises NotFound, or ConfigProblem where a calendar cannot be read."""
    terms = deadlines.read(here.config)
    found = here.store.run(lambda tx: _read(tx, here, case, terms, by))
    notices = [
        _notice(one, _open_held(here, copy), found.duties.get(_key(one)), here.now().date())
        for one, copy in found.shown
    ]
    done = [*found.done, *(_call(here, kept, found.called) for kept in found.calls)]
    return Case(
        case,
        sorted(notices, key=lambda one: (one.at, one.message_id), reverse=True),
        list(_together(_newest_first(done))),
        list(_together(_newest_first(found.readings))),
        found.assigned,
        search.look(here, case, by) if found.wide else None,
        found.opener,
        found.mails,
    )


def _read(tx: Connection, here: Authority, case: str, terms: Agreed, by: str) -> _Read:
    """Everything that the case shows; that it was read is written with it, before anything is opened."""
    sent, came = _messages(tx, here, case)
    duties = {_key(one): one for one in reconcile.about(here, terms, sent, came)}
    shown_sent, shown_came = _shown(sent, came)
    in_full: list[Delivery | Item] = [*shown_sent, *shown_came]
    views = [Entry("notice.read", by, one.message_id, stands(one).partner) for one in in_full]
    taken = copies.take_copies(tx, here, [_key(one) for one in in_full], views)
    called = {one.name: one.called for one in people.every(tx)}
    done, readings = _steps(tx, case, sent, called)
    told = [kept for one in sent for kept in calls.about(tx, one.message_id)]
    shown = [(one, taken[_key(one)]) for one in in_full]
    return _Read(
        shown=shown,
        duties=duties,
        done=done,
        readings=readings,
        calls=told,
        called=called,
        assigned=assignments.of_case(tx, case),
        wide=_is_wide(sent),
        opener=_opener(sent, came),
        mails=mail_replies.about(tx, [one.message_id for one in sent if one.protection != "sealed"]),
    )


def _opener(sent: Sequence[Delivery], came: Sequence[Item]) -> str:
    """Who wrote the first notice in it, of those that lie here; nobody where it was us."""
    ours = [(one.queued_at, "") for one in sent if one.kind in OPENS_A_CASE]
    theirs = [(one.received_at, one.sender) for one in came if one.kind in OPENS_A_CASE]
    return min([*ours, *theirs], default=(None, ""))[1]


def _newest_first(steps: Iterable[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step.at, reverse=True)


def _shown(sent: Sequence[Delivery], came: Sequence[Item]) -> tuple[list[Delivery], list[Item]]:
    """The messages that are shown in full. Of a search that went to many: the newest of its notices, and nothing about the others."""
    searches = [one for one in sent if one.kind in SEARCHES]
    if not _is_wide(sent):
        return list(sent), list(came)
    told = {one.message_id for one in searches}
    others = [one for one in sent if one.kind not in SEARCHES and one.in_reply_to not in told]
    return [searches[0], *others], [one for one in came if one.in_reply_to not in told or one.state in UNFIT]


def _is_wide(sent: Sequence[Delivery]) -> bool:
    return len({one.recipient for one in sent if one.kind in SEARCHES}) > 1


def _together(steps: Iterable[Step]) -> Iterator[Step]:
    """What one person did many times in a minute, as to each authority of a search, is one step."""
    for _, some in groupby(
        steps, key=lambda step: (step.what, step.who, step.detail, step.at.replace(second=0, microsecond=0))
    ):
        same = list(some)
        first = same[0]
        yield replace(first, what=f"{first.what} ({len(same)} times)") if len(same) > 2 else first
        if len(same) == 2:
            yield same[1]


def names(here: Authority, listed: Sequence[Delivery | Item | Owed], by: str) -> list[str]:
    """How the children are called whom these are about, in their order; empty where no name may be said, or it is no notice.

    It is one entry of the log, which mentions each notice.
    """
    some = [one if one.kind in OPENS_A_CASE else None for one in listed]
    keys = [_key(one) for one in some if one]
    taken = here.store.look(lambda tx: copies.take_copies(tx, here, keys, Machine.LIST))
    found = [_name(_open_held(here, taken[_key(one)])) if one else "" for one in some]
    shown = [one.message_id for one, name in zip(listed, found, strict=True) if name]
    if shown:
        entry = Entry("list.read", by, detail={"names": len(shown)}, mentions=tuple(dict.fromkeys(shown)))
        here.store.run(lambda tx: audit_log.append(tx, here.now(), [entry]))
    return found


def _key(one: Delivery | Item | Owed) -> tuple[str, str]:
    if isinstance(one, Owed):
        return (one.partner if one.lies == "came" else ""), one.message_id
    return (one.sender if isinstance(one, Item) else ""), one.message_id


def _open_held(here: Authority, copy: Copy) -> Message | None:
    return copies.open_copy(here, copy) if copy.is_held else None


def _name(message: Message | None) -> str:
    child: Child | None = getattr(message.body, "child", None) if message else None
    if child is None:
        return ""
    return f"{child.surname}, {child.forename}" if child.forename else child.surname


def _messages(tx: Connection, here: Authority, case: str) -> tuple[list[Delivery], list[Item]]:
    sent = outbox.search(tx, conversation_id=case, limit=None)
    came = inbox.search(tx, here.now(), conversation_id=case, limit=None)
    if not (sent or came):
        raise NotFound("case.not-found")
    return sent, came


def about(here: Authority, case: str, by: str, name: str | None = None) -> About:
    """Whom this notice of the case is about, or its newest notice. That it was read is an entry of the log. Raises NotFound, Ambiguous."""

    def read(tx: Connection) -> tuple[str, Copy | None]:
        one = _opening(tx, here, case, name)
        if one is None:
            return case, None
        view = Entry("notice.read", by, one.message_id, stands(one).partner)
        return one.message_id, copies.take_copies(tx, here, [_key(one)], [view])[_key(one)]

    message_id, copy = here.store.run(read)
    message = _open_held(here, copy) if copy else None
    return About(message_id[-TAIL:], getattr(message.body, "child", None) if message else None)


def _opening(tx: Connection, here: Authority, case: str, name: str | None) -> Delivery | Item | None:
    """The notice that is meant, where it says whom it is about; else the newest of the case that does."""
    meant = _one_of(tx, here, case, name) if name else None
    if meant and meant.kind in OPENS_A_CASE:
        return meant
    sent, came = _messages(tx, here, case)
    every: list[Delivery | Item] = [*sent, *came]
    return max((one for one in every if one.kind in OPENS_A_CASE), key=lambda one: stands(one).at, default=None)


def holds(here: Authority, case: str, name: str) -> bool:
    """Does this message belong to this case? Raises Ambiguous where only an id is given that two messages have."""
    return here.store.look(lambda tx: _one_of(tx, here, case, name)) is not None


def notice(here: Authority, case: str, name: str) -> Notice:
    """One message of the case as it stands now, not opened. Raises NotFound, Ambiguous."""
    found = here.store.look(lambda tx: _one_of(tx, here, case, name))
    if found is None:
        raise NotFound("case.other-notice")
    return _notice(found, None, None)


def _one_of(tx: Connection, here: Authority, case: str, name: str) -> Delivery | Item | None:
    """The message of this case that is meant. A bare id is that of ours, where we sent one in the case."""
    sender, message_id = split(name)
    ours = [one for one in outbox.several(tx, [message_id]) if one.conversation_id == case and sender is None]
    if ours:
        return ours[0]
    came = [one for one in inbox.several(tx, here.now(), [message_id]) if one.conversation_id == case]
    came = [one for one in came if sender in (None, one.sender)]
    if len(came) > 1:
        inbox.resolve_name(tx, name)
    return came[0] if came else None


def _notice(one: Delivery | Item, message: Message | None, owed: Owed | None, today: date | None = None) -> Notice:
    how = stands(one)
    values: dict[str, Any] = {name: getattr(how, name) for name in Stands.__dataclass_fields__}
    shown = safeguards.read_strictly(message, today) if message and today and isinstance(one, Item) else message
    if shown is not message and shown is not None and values["restriction"] == "none":
        values["restriction"] = shown.restriction  # it came before it was read so
    return Notice(**values, message=shown, choices=_choices(one), owed=owed, must_be_checked=shown is not message)


def _choices(one: Delivery | Item) -> Sequence[Choice]:
    if isinstance(one, Item):
        open_ones = open_actions.of_received(one.kind, one.state)
        # which authority should have it may not be said of such a child
        return tuple(it for it in open_ones if it is not Choice.PASS_ON or one.restriction != "phone-only")
    sealed, told = one.protection == "sealed", one.handed_over_at is not None
    return open_actions.of_sent(one.kind, one.state, sealed=sealed, handed_over=told)


def _steps(
    tx: Connection, case: str, sent: Sequence[Delivery], called: Mapping[str, str]
) -> tuple[list[Step], list[Step]]:
    """What was done, and who read it."""
    done: list[Step] = []
    readings: list[Step] = []
    for kind, entry in audit.of_case(tx, case):
        (readings if entry.act in READINGS else done).append(_step(kind, entry, called, wide=_is_wide(sent)))
    return [*done, *(step for one in sent for step in _tries(tx, one))], readings


def _step(kind: str, entry: Kept, called: Mapping[str, str], *, wide: bool) -> Step:
    """What was done to many at once names none of them, so that it can be one step."""
    what = labels.describe_act(entry.act, kind, "" if wide else entry.partner or "")
    return Step(entry.at, what, _who(entry.actor, called), theirs=entry.act in THEIRS)


def _who(actor: str, called: Mapping[str, str]) -> str:
    return called.get(actor, labels.name_actor(actor))


def _tries(tx: Connection, one: Delivery) -> Iterator[Step]:
    """Those that did not arrive; what did is told by its receipt."""
    for tried in outbox.tries(tx, one.message_id):
        at, ending = tried["at"], tried["ending"]
        assert isinstance(at, datetime)  # noqa: S101 - the column's type
        if ending != "receipted":
            what = labels.describe_try(str(ending), str(tried["route"]), one.kind, one.recipient)
            yield Step(at, what, labels.name_actor("cme-gateway"), str(tried["reason"] or ""))


def _call(here: Authority, kept: calls.Kept, called: Mapping[str, str]) -> Step:
    call = by_hand.opened(here, kept)
    whom = f"Call with {call.spoken_to}. {call.note or ''}" if call else "Who was called has been permanently deleted."
    what = labels.describe_call(kept.result)
    return Step(kept.at, what, _who(kept.recorded_by, called), whom.strip())
