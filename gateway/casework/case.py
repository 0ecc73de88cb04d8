"""One case, as an officer sees it: every message of it, what has happened, what is owed, and what may be done next.

Whoever looks reads what notices say of a child, so each message that is opened is an entry of the audit log. Of a
search that went to many authorities the newest notice is opened, for all say the same; who answered what is one table
(`search.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import partial

from gateway import copies
from gateway.casework import answer_facts, timeline
from gateway.casework.answer_facts import NO_FACTS, CaseFacts
from gateway.casework.messages import StoredMessage
from gateway.casework.timeline import CaseEvent, StoredSteps
from gateway.context import Gateway
from gateway.copies import Copy, View
from gateway.core import answer_summary, labels, open_actions, safeguards
from gateway.core.answer_summary import FoundFacts, SummaryLine
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import UNFIT, InboxState
from gateway.core.message_name import MessageName, split_name
from gateway.core.message_summary import MessageSummary
from gateway.core.open_actions import CaseAction
from gateway.errors import NotFound
from gateway.reconciliation import deadlines, reconcile
from gateway.reconciliation.deadlines import AgreedTerms
from gateway.reconciliation.reconcile import Owed
from gateway.searches import search
from gateway.searches.search import SearchOverview
from gateway.store import assignments, calls, case_notes, inbox, mail_replies, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.calls import StoredCall
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from gateway.store.staff_names import read_staff_names
from schemas import codes
from schemas.message import OPENS_A_CASE, SEARCHES, Child, Message, Officer
from schemas.reading import format_day
from schemas.shapes import CaseId, MessageId

# Characters of a reference, as lists show it.
TAIL = 12
# We said no: whatever may still be done with it takes that back.
DECIDED_OTHERWISE = (InboxState.REJECTED, InboxState.PASSED_ON)


@dataclass(frozen=True, slots=True)
class CaseNotice(MessageSummary):
    """One message of the case, and what may be done with it."""

    # None: it was not opened, or its key was destroyed.
    message: Message | None = field(repr=False, kw_only=True)
    choices: Sequence[CaseAction] = field(kw_only=True)
    # It contradicts itself, so it is shown as restricted.
    must_be_checked: bool = field(default=False, kw_only=True)
    # When its writer was called, of a notice of which only calls may speak.
    called_at: datetime | None = field(default=None, kw_only=True)
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
        return answer_summary.describe_officer(officer) if officer else ""

    @property
    def primary_choice(self) -> CaseAction | None:
        """Return the act that is most likely next.

        None on what was decided, where an act only changes one's mind, and on what failed, which is tried again.
        """
        said_no = self.direction == "came" and self.state in DECIDED_OTHERWISE
        failed = self.direction == "sent" and self.state is DeliveryState.FAILED
        return None if said_no or failed else next(iter(self.choices), None)


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
    # What decides the answer to its notice.
    facts: CaseFacts = NO_FACTS

    def list_summary(self, today: date) -> Sequence[SummaryLine]:
        """List what decides the answer to the notice at its head, or what it is about."""
        if self.head is None or self.head.message is None:
            return ()
        beside = self.facts.facts if self.facts.name == self.head.name else FoundFacts()
        if self.head.direction == "came" and self.head.restriction == "phone-only":
            on = format_day(self.head.called_at) if self.head.called_at else ""
            beside = FoundFacts(call=labels.describe_call_state(on))
        return answer_summary.list_summary_lines(self.head.message, today, beside)

    @property
    def repeated(self) -> Collection[tuple[str, str]]:
        """List the fields of the notice at its head that its summary shows."""
        return answer_summary.list_repeated(self.head.message.body) if self.head and self.head.message else ()

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
    def has_siblings(self) -> bool:
        """Tell whether the notice at its head names siblings."""
        return bool(self.head and self.head.message and getattr(self.head.message.body, "sibling", ()))

    @property
    def child(self) -> Child | None:
        """Return whom it is about; None where no child is named at its head."""
        return getattr(self.head.message.body, "child", None) if self.head and self.head.message else None


@dataclass(frozen=True, slots=True)
class _CaseRecords:
    """What one look into the store found, still locked."""

    shown: Sequence[tuple[StoredMessage, Copy]]
    duties: Mapping[MessageName, Owed]
    # The call about each notice that came, the newest.
    called: Mapping[MessageName, datetime]
    steps: StoredSteps
    assigned: Sequence[str]
    opener: str
    mails: Sequence[MailReply]


def open_case(gw: Gateway, case_id: CaseId, by: str, *, answers: bool = False) -> Case:
    """Open the case for a person. Raises NotFound, or ConfigProblem where a calendar cannot be read.

    `answers`: they may answer its notice, so what decides the answer is found out, and children of ours who may be the
    one are named.
    """
    terms = deadlines.read_terms(gw.config)
    facts = answer_facts.find_case_facts(gw, case_id) if answers else NO_FACTS
    describe_view = partial(_build_view_entry, by=by, facts=facts)
    records = gw.store.run(lambda tx: _read_case(tx, gw, case_id, terms, describe_view))
    opened = [(message, _open_held_copy(gw, copy)) for message, copy in records.shown]
    notices = [
        replace(
            _build_case_notice(message, held, records.called.get(message.name), gw.now().date()),
            owed=records.duties.get(message.name),
        )
        for message, held in opened
    ]
    texts = {(message.message_id, message.summary.partner): held for message, held in opened if held}
    done, readings = timeline.build_timeline(gw, records.steps, texts)
    return Case(
        case_id,
        sorted(notices, key=lambda notice: notice.case_order, reverse=True),
        done,
        readings,
        records.assigned,
        search.open_search(gw, case_id, by) if records.steps.wide else None,
        records.opener,
        records.mails,
        facts,
    )


def _read_case(
    tx: Tx, gw: Gateway, case_id: CaseId, terms: AgreedTerms, describe_view: Callable[[StoredMessage], AuditEntry]
) -> _CaseRecords:
    """Read everything that the case shows; that it was read is written with it, before anything is opened."""
    sent, came = _list_case_messages(tx, gw, case_id)
    duties = {message.name: message for message in reconcile.list_owed_on(gw, terms, sent, came)}
    shown_sent, shown_came = _select_shown(sent, came)
    in_full: list[StoredMessage] = [*shown_sent, *shown_came]
    first, *more = map(describe_view, in_full)
    taken = copies.take_copies(tx, gw, [message.name for message in in_full], View(first, more))
    asked = [stored_call for item in shown_came for stored_call in _list_calls_about(tx, item)]
    return _CaseRecords(
        shown=[(message, taken[message.name]) for message in in_full],
        duties=duties,
        called={MessageName(call.sender, call.message_id): call.at for call in asked},
        steps=_read_steps(tx, case_id, sent, asked),
        assigned=assignments.list_assigned_people(tx, case_id),
        opener=_find_opener(sent, came),
        mails=mail_replies.list_mail_replies_about(
            tx, [message.message_id for message in sent if message.protection != "sealed"]
        ),
    )


def _build_view_entry(message: StoredMessage, by: str, facts: CaseFacts) -> AuditEntry:
    """Build the entry of a view; of the notice beside which children of ours are named, with how many."""
    shown = {"possible-matches": facts.shown} if facts.shown and message.name == facts.name else {}
    return AuditEntry("notice.read", by, message.message_id, message.summary.partner, detail=shown)


def _list_calls_about(tx: Tx, item: InboxItem) -> list[StoredCall]:
    return calls.list_received_calls(tx, item.sender, item.message_id) if item.kind in OPENS_A_CASE else []


def _read_steps(tx: Tx, case_id: CaseId, sent: Sequence[Delivery], asked: Sequence[StoredCall]) -> StoredSteps:
    told = [stored_call for message in sent for stored_call in calls.list_calls(tx, message.message_id)]
    return StoredSteps(
        acts=timeline.list_stored_acts(tx, case_id),
        tries=[step for delivery in sent for step in timeline.list_failed_tries(tx, delivery)],
        calls=[*told, *asked],
        notes=case_notes.list_case_notes(tx, case_id),
        called=read_staff_names(tx),
        wide=_is_wide_search(sent),
    )


def _find_opener(sent: Sequence[Delivery], came: Sequence[InboxItem]) -> str:
    """Return who wrote the first notice in it, of those that lie here; nobody where it was us."""
    ours = [(message.queued_at, "") for message in sent if message.kind in OPENS_A_CASE]
    theirs = [(message.received_at, message.sender) for message in came if message.kind in OPENS_A_CASE]
    return min([*ours, *theirs], default=(None, ""))[1]


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


def _open_held_copy(gw: Gateway, copy: Copy) -> Message | None:
    return copies.open_copy(gw, copy) if copy.is_held else None


def _list_case_messages(tx: Tx, gw: Gateway, case_id: CaseId) -> tuple[list[Delivery], list[InboxItem]]:
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    came = inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=None)
    if not (sent or came):
        raise NotFound("case.not-found")
    return sorted(sent, key=_order_in_case, reverse=True), sorted(came, key=_order_in_case, reverse=True)


def _order_in_case(message: StoredMessage) -> tuple[datetime, int, MessageId]:
    return message.summary.case_order


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
        key=_order_in_case,
        default=None,
    )


def is_in_case(gw: Gateway, case_id: CaseId, name: str) -> bool:
    """Tell whether this message belongs to this case. Raises Ambiguous where an id is given that two messages have."""
    return gw.store.look(lambda tx: _find_case_message(tx, gw, case_id, name)) is not None


def get_case_notice(gw: Gateway, case_id: CaseId, name: str) -> CaseNotice:
    """Return one message of the case as it stands now, not opened. Raises NotFound, Ambiguous."""

    def find_message(tx: Tx) -> tuple[StoredMessage | None, Sequence[StoredCall]]:
        message = _find_case_message(tx, gw, case_id, name)
        return message, _list_calls_about(tx, message) if isinstance(message, InboxItem) else ()

    message, asked = gw.store.look(find_message)
    if message is None:
        raise NotFound("case.other-notice")
    return _build_case_notice(message, None, asked[-1].at if asked else None)


def _find_case_message(tx: Tx, gw: Gateway, case_id: CaseId, name: str) -> StoredMessage | None:
    """Return the message of this case that is meant. A bare id is that of ours, where we sent one in the case."""
    sender, message_id = split_name(name)
    ours = [
        message
        for message in outbox.list_deliveries_by_id(tx, [message_id])
        if message.case_id == case_id and sender is None
    ]
    if ours:
        return ours[0]
    came = [message for message in inbox.list_messages_by_id(tx, gw.now(), [message_id]) if message.case_id == case_id]
    came = [message for message in came if sender in (None, message.sender)]
    if len(came) > 1:
        inbox.resolve_message_name(tx, name)
    return came[0] if came else None


def _build_case_notice(
    message_held: StoredMessage, message: Message | None, called_at: datetime | None, today: date | None = None
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
    choices = _list_choices(message_held, called=called_at is not None)
    return CaseNotice(
        **values, message=shown, choices=choices, must_be_checked=shown is not message, called_at=called_at, owed=None
    )


def _list_choices(message: StoredMessage, *, called: bool) -> Sequence[CaseAction]:
    if isinstance(message, InboxItem):
        open_ones = open_actions.list_received_actions(message.kind, message.state)
        return open_actions.restrict_actions(open_ones, message.restriction, called=called)
    sealed, handed_over = message.protection == "sealed", message.handed_over_at is not None
    return open_actions.list_sent_actions(message.kind, message.state, sealed=sealed, handed_over=handed_over)
