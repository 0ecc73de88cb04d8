"""One case, as an officer sees it: every message of it, what has happened, what is owed, and what may be done next.

Whoever looks reads what notices say of a child, so each message that is opened is an entry of the audit log. Of a
search that went to many authorities the newest notice is opened, for all say the same; who answered what is one table
(`search.py`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from itertools import groupby

from gateway import copies
from gateway.auditing import audit
from gateway.casework import by_hand
from gateway.casework.messages import StoredMessage
from gateway.context import Gateway
from gateway.copies import Copy, View
from gateway.core import labels, open_actions, safeguards
from gateway.core.audit_acts import READINGS
from gateway.core.inbox_state import UNFIT
from gateway.core.message_name import MessageName, split_name
from gateway.core.message_summary import MessageSummary
from gateway.core.open_actions import CaseAction
from gateway.errors import NotFound
from gateway.reconciliation import deadlines, reconcile
from gateway.reconciliation.deadlines import AgreedTerms
from gateway.reconciliation.reconcile import Owed
from gateway.searches import search
from gateway.searches.search import SearchOverview
from gateway.store import assignments, calls, inbox, mail_replies, outbox, people
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from schemas import codes
from schemas.message import OPENS_A_CASE, SEARCHES, Child, Message, MessageKind, Officer
from schemas.shapes import CaseId

# Characters of a reference, as lists show it.
TAIL = 12
# What the other authority did.
THEIRS = ("message.kept", "receipt.verified", "notice.rejected")


@dataclass(frozen=True, slots=True)
class CaseNotice(MessageSummary):
    """One message of the case, and what may be done with it."""

    # None: it was not opened, or its key was destroyed.
    message: Message | None = field(repr=False, kw_only=True)
    choices: Sequence[CaseAction] = field(kw_only=True)
    # It contradicts itself, so it is shown as restricted.
    must_be_checked: bool = field(default=False, kw_only=True)
    owed: Owed | None = field(kw_only=True)

    @property
    def partner_name(self) -> str:
        """Return the name of the other authority."""
        return codes.authority_name(self.partner) or self.partner

    @property
    def title(self) -> str:
        """Return what it is, in words."""
        return labels.name_kind(self.kind)

    @property
    def is_task(self) -> bool:
        """Tell whether it is a reply that does not fit, and nobody has looked at it."""
        return self.state in UNFIT

    @property
    def why(self) -> str:
        """Return why it has no effect."""
        return labels.explain_misfit(self.misfit) if self.misfit else ""

    @property
    def ring(self) -> str:
        """Return who there wrote it; nobody where it does not say."""
        body = self.message.body if self.message else None
        officer: Officer | None = getattr(body, "officer", None) or getattr(body, "ring", None)
        return f"{officer.name}, {officer.phone_no}" if officer else ""


@dataclass(frozen=True, slots=True)
class CaseSubject:
    """Whom a page is about on which one acts: so that two cases in two windows are not taken for each other."""

    reference: str
    # None where nothing may be said of the child.
    child: Child | None = field(repr=False)

    @property
    def name(self) -> str:
        """Return the name of the child."""
        if self.child is None:
            return "This child"
        return " ".join(filter(None, (self.child.forename, self.child.surname)))


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that has happened."""

    at: datetime
    what: str
    who: str
    detail: str = ""
    theirs: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The whole of it."""

    case: CaseId
    # The newest first.
    notices: Sequence[CaseNotice]
    # The newest first.
    steps: Sequence[CaseEvent]
    readings: Sequence[CaseEvent]
    assigned: Sequence[str]
    # Where one went to more than one authority.
    search: SearchOverview | None = None
    # Who opened it: an authority, or nobody where we did.
    opener: str = ""
    # In answer to our letters, the newest first.
    mails: Sequence[MailReply] = ()

    @property
    def openings(self) -> Sequence[CaseNotice]:
        """List the notices that opened it, the newest first."""
        return [notice for notice in self.notices if notice.kind in OPENS_A_CASE]

    @property
    def misfits(self) -> Sequence[CaseNotice]:
        """List the replies at which somebody has to look, the newest first."""
        return [notice for notice in self.notices if notice.is_task]

    @property
    def head(self) -> CaseNotice | None:
        """Return the notice that opened the case here, or the newest in its place, by the same authority.

        A correction takes its place; so does whatever we ask of others about the child for whom we search. What anybody
        else adds to the case never does.
        """
        mine = [notice for notice in reversed(self.openings) if notice.name.sender == self.opener]
        if not mine:
            return None
        head, places = mine[0], {mine[0].message_id}
        for notice in mine[1:]:
            replaces = notice.message.header.supersedes if notice.message else None
            if replaces in places or (not self.opener and head.kind in SEARCHES and notice.kind in SEARCHES):
                head = notice
                places.add(notice.message_id)
        return head

    @property
    def child(self) -> Child | None:
        """Return whom it is about; None where no child is named at its head."""
        return getattr(self.head.message.body, "child", None) if self.head and self.head.message else None


@dataclass(frozen=True, slots=True)
class _CaseRecords:
    """What one look into the store found, still locked."""

    shown: Sequence[tuple[StoredMessage, Copy]]
    duties: Mapping[MessageName, Owed]
    done: Sequence[CaseEvent]
    readings: Sequence[CaseEvent]
    calls: Sequence[calls.StoredCall]
    called: Mapping[str, str]
    assigned: Sequence[str]
    wide: bool
    opener: str
    mails: Sequence[MailReply]


def open_case(gw: Gateway, case_id: CaseId, by: str) -> Case:
    """Open the case for a person. Raises NotFound, or ConfigProblem where a calendar cannot be read."""
    terms = deadlines.read_terms(gw.config)
    records = gw.store.run(lambda tx: _read_case(tx, gw, case_id, terms, by))
    notices = [
        _build_case_notice(message, _open_held_copy(gw, copy), records.duties.get(message.name), gw.now().date())
        for message, copy in records.shown
    ]
    done = [*records.done, *(_build_call_step(gw, stored_call, records.called) for stored_call in records.calls)]
    return Case(
        case_id,
        sorted(notices, key=lambda message: (message.at, message.message_id), reverse=True),
        list(_join_repeated(_sort_newest_first(done))),
        list(_join_repeated(_sort_newest_first(records.readings))),
        records.assigned,
        search.open_search(gw, case_id, by) if records.wide else None,
        records.opener,
        records.mails,
    )


def _read_case(tx: Tx, gw: Gateway, case_id: CaseId, terms: AgreedTerms, by: str) -> _CaseRecords:
    """Read everything that the case shows; that it was read is written with it, before anything is opened."""
    sent, came = _list_case_messages(tx, gw, case_id)
    duties = {message.name: message for message in reconcile.list_owed_on(gw, terms, sent, came)}
    shown_sent, shown_came = _select_shown(sent, came)
    in_full: list[StoredMessage] = [*shown_sent, *shown_came]
    first, *more = [AuditEntry("notice.read", by, message.message_id, message.summary.partner) for message in in_full]
    taken = copies.take_copies(tx, gw, [message.name for message in in_full], View(first, more))
    called = {message.name: message.called for message in people.list_people(tx)}
    done, readings = _list_steps(tx, case_id, sent, called)
    stored_calls = [stored_call for message in sent for stored_call in calls.list_calls(tx, message.message_id)]
    shown = [(message, taken[message.name]) for message in in_full]
    return _CaseRecords(
        shown=shown,
        duties=duties,
        done=done,
        readings=readings,
        calls=stored_calls,
        called=called,
        assigned=assignments.list_assigned_people(tx, case_id),
        wide=_is_wide_search(sent),
        opener=_find_opener(sent, came),
        mails=mail_replies.list_mail_replies_about(
            tx, [message.message_id for message in sent if message.protection != "sealed"]
        ),
    )


def _find_opener(sent: Sequence[Delivery], came: Sequence[InboxItem]) -> str:
    """Return who wrote the first notice in it, of those that lie here; nobody where it was us."""
    ours = [(message.queued_at, "") for message in sent if message.kind in OPENS_A_CASE]
    theirs = [(message.received_at, message.sender) for message in came if message.kind in OPENS_A_CASE]
    return min([*ours, *theirs], default=(None, ""))[1]


def _sort_newest_first(steps: Iterable[CaseEvent]) -> list[CaseEvent]:
    return sorted(steps, key=lambda step: step.at, reverse=True)


def _select_shown(sent: Sequence[Delivery], came: Sequence[InboxItem]) -> tuple[list[Delivery], list[InboxItem]]:
    """Return the messages that are shown in full; of a search that went to many, only the newest of its notices."""
    searches = [message for message in sent if message.kind in SEARCHES]
    if not _is_wide_search(sent):
        return list(sent), list(came)
    search_ids = {message.message_id for message in searches}
    others = [message for message in sent if message.kind not in SEARCHES and message.in_reply_to not in search_ids]
    return [searches[0], *others], [
        message for message in came if message.in_reply_to not in search_ids or message.state in UNFIT
    ]


def _is_wide_search(sent: Sequence[Delivery]) -> bool:
    return len({message.recipient for message in sent if message.kind in SEARCHES}) > 1


def _join_repeated(steps: Iterable[CaseEvent]) -> Iterator[CaseEvent]:
    """Join what one person did many times in a minute, as to each authority of a search, into one step."""
    for _, some in groupby(
        steps, key=lambda step: (step.what, step.who, step.detail, step.at.replace(second=0, microsecond=0))
    ):
        same = list(some)
        first = same[0]
        yield replace(first, what=f"{first.what} ({len(same)} times)") if len(same) > 2 else first
        if len(same) == 2:
            yield same[1]


def list_child_names(gw: Gateway, listed: Sequence[StoredMessage | Owed], by: str) -> list[str]:
    """List how the children are called whom these are about; empty where no name may be said, or it is no notice.

    It is one entry of the log, which mentions each notice.
    """

    def describe_view(named: Collection[MessageName]) -> View:
        mentions = tuple(dict.fromkeys(message.message_id for message in listed if message.name in named))
        return View(AuditEntry("list.read", by, detail={"names": len(mentions)}, mentions=mentions))

    def take_and_log(tx: Tx) -> dict[MessageName, Copy]:
        return copies.take_held(tx, gw, _list_nameable(tx, gw, listed), describe_view)

    taken = gw.store.run(take_and_log)
    return [_format_child_name(copies.open_copy(gw, taken[it.name])) if it.name in taken else "" for it in listed]


def _list_nameable(tx: Tx, gw: Gateway, listed: Sequence[StoredMessage | Owed]) -> set[MessageName]:
    """List the notices of these that say how a child is called: of a child that is phone-only, none does."""
    opening = {message.name for message in listed if message.kind in OPENS_A_CASE}
    stored: list[StoredMessage] = [message for message in listed if not isinstance(message, Owed)]
    # What is owed does not say how its message is restricted.
    if ids := sorted({message.message_id for message in listed if isinstance(message, Owed)}):
        stored += outbox.list_deliveries_by_id(tx, ids)
        stored += inbox.list_messages_by_id(tx, gw.now(), ids)
    return opening & {message.name for message in stored if message.restriction != "phone-only"}


def _open_held_copy(gw: Gateway, copy: Copy) -> Message | None:
    return copies.open_copy(gw, copy) if copy.is_held else None


def _format_child_name(message: Message) -> str:
    child: Child | None = getattr(message.body, "child", None)
    if child is None:
        return ""
    return f"{child.surname}, {child.forename}" if child.forename else child.surname


def _list_case_messages(tx: Tx, gw: Gateway, case_id: CaseId) -> tuple[list[Delivery], list[InboxItem]]:
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    came = inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=None)
    if not (sent or came):
        raise NotFound("case.not-found")
    return sent, came


def read_case_subject(gw: Gateway, case_id: CaseId, by: str, name: str | None = None) -> CaseSubject:
    """Read whom this notice of the case is about, or its newest notice. That is logged. Raises NotFound, Ambiguous."""

    def get_and_log(tx: Tx) -> tuple[str, Copy | None]:
        opening = _find_opening(tx, gw, case_id, name)
        if opening is None:
            return case_id, None
        view = AuditEntry("notice.read", by, opening.message_id, opening.summary.partner)
        return opening.message_id, copies.take_copies(tx, gw, [opening.name], View(view))[opening.name]

    message_id, copy = gw.store.run(get_and_log)
    message = _open_held_copy(gw, copy) if copy else None
    return CaseSubject(message_id[-TAIL:], getattr(message.body, "child", None) if message else None)


def _find_opening(tx: Tx, gw: Gateway, case_id: CaseId, name: str | None) -> StoredMessage | None:
    """Return the notice that is meant, where it says whom it is about; else the newest of the case that does."""
    meant = _find_case_message(tx, gw, case_id, name) if name else None
    if meant and meant.kind in OPENS_A_CASE:
        return meant
    sent, came = _list_case_messages(tx, gw, case_id)
    every: list[StoredMessage] = [*sent, *came]
    return max(
        (message for message in every if message.kind in OPENS_A_CASE),
        key=lambda message: message.summary.at,
        default=None,
    )


def is_in_case(gw: Gateway, case_id: CaseId, name: str) -> bool:
    """Tell whether this message belongs to this case. Raises Ambiguous where an id is given that two messages have."""
    return gw.store.look(lambda tx: _find_case_message(tx, gw, case_id, name)) is not None


def get_case_notice(gw: Gateway, case_id: CaseId, name: str) -> CaseNotice:
    """Return one message of the case as it stands now, not opened. Raises NotFound, Ambiguous."""
    message = gw.store.look(lambda tx: _find_case_message(tx, gw, case_id, name))
    if message is None:
        raise NotFound("case.other-notice")
    return _build_case_notice(message, None, None)


def _find_case_message(tx: Tx, gw: Gateway, case_id: CaseId, name: str) -> StoredMessage | None:
    """Return the message of this case that is meant. A bare id is that of ours, where we sent one in the case."""
    sender, message_id = split_name(name)
    ours = [
        message
        for message in outbox.list_deliveries_by_id(tx, [message_id])
        if message.conversation_id == case_id and sender is None
    ]
    if ours:
        return ours[0]
    came = [
        message
        for message in inbox.list_messages_by_id(tx, gw.now(), [message_id])
        if message.conversation_id == case_id
    ]
    came = [message for message in came if sender in (None, message.sender)]
    if len(came) > 1:
        inbox.resolve_message_name(tx, name)
    return came[0] if came else None


def _build_case_notice(
    message_held: StoredMessage, message: Message | None, owed: Owed | None, today: date | None = None
) -> CaseNotice:
    values = asdict(message_held.summary)
    shown = (
        safeguards.read_strictly(message, today)
        if message and today and isinstance(message_held, InboxItem)
        else message
    )
    if shown is not message and shown is not None and values["restriction"] == "none":
        # It came before it was read so.
        values["restriction"] = shown.restriction
    return CaseNotice(
        **values, message=shown, choices=_list_choices(message_held), owed=owed, must_be_checked=shown is not message
    )


def _list_choices(message: StoredMessage) -> Sequence[CaseAction]:
    if isinstance(message, InboxItem):
        open_ones = open_actions.list_received_actions(message.kind, message.state)
        # which authority should have it may not be said of such a child
        return tuple(it for it in open_ones if it is not CaseAction.PASS_ON or message.restriction != "phone-only")
    sealed, handed_over = message.protection == "sealed", message.handed_over_at is not None
    return open_actions.list_sent_actions(message.kind, message.state, sealed=sealed, handed_over=handed_over)


def _list_steps(
    tx: Tx, case_id: CaseId, sent: Sequence[Delivery], called: Mapping[str, str]
) -> tuple[list[CaseEvent], list[CaseEvent]]:
    """Return what was done, and who read it."""
    done: list[CaseEvent] = []
    readings: list[CaseEvent] = []
    for kind, entry in audit.list_case_acts(tx, case_id):
        (readings if entry.act in READINGS else done).append(
            _build_step(kind, entry, called, wide=_is_wide_search(sent))
        )
    return [*done, *(step for delivery in sent for step in _list_failed_tries(tx, delivery))], readings


def _build_step(kind: MessageKind, entry: LoggedEntry, called: Mapping[str, str], *, wide: bool) -> CaseEvent:
    """Build a step. What was done to many at once names none of them, so that it can be one step."""
    what = labels.describe_act(entry.act, kind, "" if wide else entry.partner or "")
    return CaseEvent(entry.at, what, _who(entry.actor, called), theirs=entry.act in THEIRS)


def _who(actor: str, called: Mapping[str, str]) -> str:
    return called.get(actor, labels.name_actor(actor))


def _list_failed_tries(tx: Tx, delivery: Delivery) -> Iterator[CaseEvent]:
    """Yield those that did not arrive; what did is told by its receipt."""
    for tried in outbox.list_tries(tx, delivery.message_id):
        at, ending = tried["at"], tried["ending"]
        assert isinstance(at, datetime)  # noqa: S101 - the column's type
        if ending != "receipted":
            what = labels.describe_try(str(ending), str(tried["route"]), delivery.kind, delivery.recipient)
            why = _describe_try_reason(str(ending), str(tried["reason"] or ""), delivery.recipient)
            yield CaseEvent(at, what, labels.name_actor("cme-gateway"), why)


def _describe_try_reason(ending: str, reason: str, recipient: str) -> str:
    """Say why a try did not arrive; a machine's words are for Health. What was handed over says where it lies."""
    if ending == "rejected":
        return ""
    return reason if ending == "handed over" or not reason else labels.explain_failure(reason, recipient)


def _build_call_step(gw: Gateway, stored_call: calls.StoredCall, called: Mapping[str, str]) -> CaseEvent:
    call = by_hand.open_call(gw, stored_call)
    whom = f"Call with {call.spoken_to}. {call.note or ''}" if call else "Who was called has been permanently deleted."
    what = labels.describe_call(stored_call.result)
    return CaseEvent(stored_call.at, what, _who(stored_call.recorded_by, called), whom.strip())
