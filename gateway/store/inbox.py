"""What came: kept once for each (sender, id), each with its receipt; and what was refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, or_, select, tuple_, union_all, update

from gateway.core.inbox_state import TASKS, WAITING, InboxState
from gateway.core.match_state import MatchState
from gateway.core.message_name import MessageName, split_name
from gateway.core.message_summary import MessageSummary
from gateway.core.replies import FINAL, Misfit, NamedBy, NamedMessage, ReplyStatement
from gateway.errors import Ambiguous, NotFound
from gateway.store import searches
from gateway.store.database import is_among
from gateway.store.rows import build_insert, get_values, list_columns
from gateway.store.tables import alerts, assignments, inbox, outbox, receipts
from gateway.store.tables import searches as traced
from schemas.message import MessageKind, RestrictionLevel
from schemas.shapes import CaseId, MessageId

# How long a message that came before its turn is kept back from officers.
ORDER_WAIT = timedelta(minutes=10)

# Replies about nothing: more say no more, and health is looked at every few seconds.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class ArrivedMessage:
    """A message that was opened, verified and checked, and is to be kept."""

    sender: str
    message_id: MessageId
    case_id: CaseId
    in_reply_to: MessageId | None
    supersedes: MessageId | None
    sequence: int
    kind: MessageKind
    restriction: RestrictionLevel
    test: bool
    digest: str
    data_key: bytes
    content: bytes
    created_at: datetime
    # As it names it, where it lies in another case here.
    said_case: CaseId | None = None
    state: InboxState = InboxState.FILED
    # Why it has no effect on what it names.
    misfit: Misfit | None = None
    # It is about the safety of a child: `core.urgency`.
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One message as it stands in the inbox."""

    sender: str
    message_id: MessageId
    case_id: CaseId
    in_reply_to: MessageId | None
    sequence: int
    kind: MessageKind
    restriction: RestrictionLevel
    test: bool
    digest: str
    received_at: datetime
    state: InboxState
    state_at: datetime
    said_case: CaseId | None
    misfit: Misfit | None
    # Why it stands in its state: `core.causes`.
    cause: str | None
    # It is about the safety of a child; None: it came before this was kept, and nobody has looked.
    urgent: bool | None

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return MessageName(self.sender, self.message_id)

    @property
    def summary(self) -> MessageSummary:
        """Return what is asked alike of what we sent and of what came."""
        return MessageSummary(
            direction="came",
            message_id=self.message_id,
            case=self.case_id,
            kind=self.kind,
            partner=self.sender,
            state=self.state,
            state_at=self.state_at,
            at=self.received_at,
            restriction=self.restriction,
            test=self.test,
            in_reply_to=self.in_reply_to,
            sequence=self.sequence,
            misfit=self.misfit,
            cause=self.cause,
        )

    @property
    def case_said(self) -> CaseId:
        """Return the case as its sender names it, and as it is answered."""
        return self.said_case or self.case_id


@dataclass(frozen=True, slots=True)
class CaseMessage:
    """As much of a message as says who opened a case, and whether a search in it has ended."""

    sender: str
    message_id: MessageId
    case: CaseId
    said_case: CaseId | None
    kind: MessageKind
    in_reply_to: MessageId | None
    test: bool
    state: InboxState
    received_at: datetime
    created_at: datetime
    sequence: int

    @property
    def named(self) -> NamedMessage:
        """Return it as something may be said of it."""
        case = self.said_case or self.case
        return NamedMessage(self.kind, False, self.sender, case, self.test, self.state, self.case)


class Overtaker(NamedTuple):
    """A message that names one which came after it."""

    message_id: MessageId
    names: MessageId
    statement: ReplyStatement


class WaitingRow(NamedTuple):
    """The part of a message that waits for an officer which says where it stands among the others."""

    sender: str
    message_id: MessageId
    case_id: CaseId
    kind: MessageKind
    restriction: RestrictionLevel
    test: bool
    received_at: datetime
    state_at: datetime
    urgent: bool | None
    state: InboxState

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return MessageName(self.sender, self.message_id)


class OwedMessage(NamedTuple):
    """The part of a message that says what is owed on it."""

    sender: str
    message_id: MessageId
    case_id: CaseId
    kind: MessageKind
    test: bool
    received_at: datetime
    state_at: datetime
    state: InboxState


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as it is kept: ours for what came, theirs for what we sent."""

    issuer: str
    digest: str
    message_id: MessageId | None
    result: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxQuery:
    """Which messages: those that meet every condition given."""

    states: Sequence[InboxState] = ()
    sender: str | None = None
    case_id: CaseId | None = None
    since: datetime | None = None
    # Also searches to which our index has no possible match, which are answered together.
    unmatched: bool = True
    oldest_first: bool = False
    # When the last one of the page before came, and its id.
    cursor: tuple[datetime, str] | None = None


_VIEW = list_columns(inbox, InboxItem)
_OWING = [inbox.c[name] for name in OwedMessage._fields]
_WAITING = [inbox.c[name] for name in WaitingRow._fields]
_TRACED = and_(traced.c.sender == inbox.c.sender, traced.c.message_id == inbox.c.message_id)
# It is no notice, and an officer has to look at it.
_ALERTED = and_(alerts.c.sender == inbox.c.sender, alerts.c.message_id == inbox.c.message_id, alerts.c.waits)
_UNMATCHED = exists().where(_TRACED, traced.c.state == MatchState.NONE)


def find_own_receipts(tx: Connection, issuer: str, digests: Sequence[str]) -> dict[str, str]:
    """Return our accepting receipts for those of these sealed messages that were kept before, by digest."""
    known = and_(receipts.c.digest.in_(digests), receipts.c.issuer == issuer, receipts.c.result == "accepted")
    rows = tx.execute(select(receipts.c.number, receipts.c.digest, receipts.c.token).where(known))
    # Of several, the newest.
    return {row.digest: row.token for row in sorted(rows, key=lambda row: row.number)}


def add_messages(tx: Connection, now: datetime, messages: Sequence[ArrivedMessage]) -> set[str]:
    """Add each message once; return the digests of the new ones. The others' ids were taken before."""
    rows = [get_values(message) for message in messages]
    early = _digests_of_early(tx, messages)
    for row in rows:
        row |= {"received_at": now, "shown_from": now, "state_at": now}
        if row["digest"] in early and row["misfit"] is None:
            row["shown_from"] = now + ORDER_WAIT
    taken = _taken_names(tx, messages)
    fresh = [row for row in rows if (row["sender"], row["message_id"]) not in taken]
    if not fresh:
        return set()
    inserted = tx.execute(build_insert(tx, inbox).on_conflict_do_nothing().returning(inbox.c.digest), fresh)
    new = set(inserted.scalars())
    _show_waiting(tx, now, [m for m in messages if m.digest in new])
    return new


# These look rows up by the one column that tells most, which an index begins with, and sort out the few that are found:
# SQLite reads the whole table to compare several columns at once.


def _taken_names(tx: Connection, messages: Sequence[ArrivedMessage]) -> set[tuple[str, str]]:
    """Return the names that another message has: one by the same sender, or one of ours."""
    ids = [m.message_id for m in messages]
    query = select(inbox.c.sender, inbox.c.message_id).where(inbox.c.message_id.in_(ids))
    ours = set(tx.scalars(select(outbox.c.message_id).where(outbox.c.message_id.in_(ids))))
    used = {(m.sender, m.message_id) for m in messages if m.message_id in ours}
    return used | {(row.sender, row.message_id) for row in tx.execute(query)}


def _digests_of_early(tx: Connection, messages: Sequence[ArrivedMessage]) -> set[str]:
    """Return the digests of those messages whose predecessor in the case, by the same sender, has not come."""
    later = [message for message in messages if message.sequence > 1]
    if not later:
        return set()
    cases = [_case_as_named(message) for message in later]
    at = inbox.c
    lying = select(at.sender, at.case_id, at.sequence).where(at.case_id.in_(cases))
    elsewhere = select(at.sender, at.said_case, at.sequence).where(at.said_case.in_(cases))
    present = {tuple(row) for row in tx.execute(union_all(lying, elsewhere))}
    present |= {(m.sender, _case_as_named(m), m.sequence) for m in messages}
    return {m.digest for m in later if (m.sender, _case_as_named(m), m.sequence - 1) not in present}


def _case_as_named(message: ArrivedMessage) -> CaseId:
    return message.said_case or message.case_id


def _show_waiting(tx: Connection, now: datetime, new: Sequence[ArrivedMessage]) -> None:
    at = inbox.c
    waiting_rows = select(at.sender, at.case_id, at.said_case, at.sequence, at.message_id).where(at.shown_from > now)
    cases = [_case_as_named(message) for message in new]
    successors = {(m.sender, _case_as_named(m), m.sequence + 1) for m in new}
    waits = union_all(waiting_rows.where(at.case_id.in_(cases)), waiting_rows.where(at.said_case.in_(cases)))
    for row in tx.execute(waits).all():
        if (row.sender, row.said_case or row.case_id, row.sequence) in successors:
            mine = and_(inbox.c.sender == row.sender, inbox.c.message_id == row.message_id)
            tx.execute(update(inbox).where(mine).values(shown_from=now))


def add_receipts(tx: Connection, now: datetime, given: Sequence[StoredReceipt]) -> None:
    """Keep receipts: those that we gave, and those that we were given."""
    if given:
        tx.execute(insert(receipts), [get_values(receipt) | {"at": now} for receipt in given])


def list_receipts(
    tx: Connection, message_id: MessageId, *, issuer: str, digest: str | None = None
) -> list[dict[str, Any]]:
    """List every receipt of this authority for a message, oldest first.

    Of what we sent, the issuer is its recipient. Of what came we are, and `digest` is the one that was kept: others may
    have the same id.
    """
    at = receipts.c
    query = select(at.number, at.issuer, at.at, at.result, at.digest, at.token).order_by(at.number)
    issued = [dict(row._mapping) for row in tx.execute(query.where(at.message_id == message_id))]
    return [held for held in issued if held["issuer"] == issuer and digest in (None, held["digest"])]


def get_receipt(tx: Connection, number: int) -> str:
    """Return the signed text of one receipt, as it was given. Raises NotFound."""
    token: str | None = tx.scalar(select(receipts.c.token).where(receipts.c.number == number))
    if token is None:
        raise NotFound("receipt.not-found")
    return token


def set_state(
    tx: Connection,
    now: datetime,
    sender: str,
    message_id: MessageId,
    state: InboxState,
    *,
    was: InboxState | None = None,
    cause: str | None = None,
) -> bool:
    """Set the state of a message; return False where its sender has none, it is withdrawn, or it is not as it `was`.

    `cause` says why it stands so then, as `core.causes` has it.
    """
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id, inbox.c.state != InboxState.WITHDRAWN)
    if was is not None:
        mine = and_(mine, inbox.c.state == was)
    change = {"state": state, "state_at": now, "cause": cause} | ({"misfit": None} if state is InboxState.FILED else {})
    marked = tx.execute(update(inbox).where(mine).values(change)).rowcount == 1
    if marked and state not in WAITING:
        searches.end_search(tx, now, sender, message_id)
    return marked


def set_misfit(
    tx: Connection, now: datetime, sender: str, message_id: MessageId, state: InboxState, misfit: Misfit
) -> None:
    """Note that a reply has no effect; what was said before it makes no difference, so it is shown at once."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id)
    tx.execute(update(inbox).where(mine).values(state=state, state_at=now, misfit=misfit, shown_from=now))


def find_received_names(
    tx: Connection, sender: str, message_ids: Collection[MessageId]
) -> dict[MessageId, NamedMessage]:
    """Return those of these messages that came from this sender, as far as others are held against them."""
    at = inbox.c
    query = select(at.sender, at.message_id, at.kind, at.case_id, at.said_case, at.test, at.state)
    return {
        r.message_id: NamedMessage(
            r.kind, False, r.sender, r.said_case or r.case_id, r.test, InboxState(r.state), r.case_id
        )
        for r in tx.execute(query.where(at.message_id.in_(message_ids)))
        if r.sender == sender
    }


def list_case_messages(tx: Connection, cases: Collection[CaseId]) -> list[CaseMessage]:
    """List all that came and lies in these cases here, or names one of them, the first first."""
    at = inbox.c
    query = select(
        *(at.sender, at.message_id, at.case_id, at.said_case, at.kind, at.in_reply_to),
        *(at.test, at.state, at.received_at, func.coalesce(at.created_at, at.received_at)),
        at.sequence,
    )
    both = union_all(query.where(at.case_id.in_(cases)), query.where(at.said_case.in_(cases)))
    messages = {
        CaseMessage(r[0], r[1], r[2], r[3], r[4], r[5], r[6], InboxState(r[7]), r[8], *r[9:]) for r in tx.execute(both)
    }
    return sorted(messages, key=lambda message: (message.received_at, message.sequence, message.message_id))


def list_overtakers(tx: Connection, sender: str, message_ids: Collection[MessageId]) -> list[Overtaker]:
    """List what this sender said of these messages, in messages that came before them."""
    at = inbox.c
    query = select(
        *(at.sender, at.message_id, at.kind, at.in_reply_to, at.supersedes),
        *(at.case_id, at.said_case, at.test, at.received_at, at.sequence),
    )
    earlier = []
    for by, column in ((NamedBy.REPLY, at.in_reply_to), (NamedBy.CORRECTION, at.supersedes)):
        rows = [row for row in tx.execute(query.where(column.in_(message_ids))) if row.sender == sender]
        for row in sorted(rows, key=lambda row: (row.received_at, row.sequence)):
            names = row.in_reply_to if by is NamedBy.REPLY else row.supersedes
            statement = ReplyStatement(row.kind, None, sender, row.said_case or row.case_id, row.test, by)
            earlier.append(Overtaker(row.message_id, names, statement))
    return earlier


def find_message_names(tx: Connection, text: str) -> list[MessageName]:
    """Find every message, ours or theirs, that may be meant by what was written (`core.message_name`)."""
    sender, message_id = split_name(text)
    came = tx.scalars(select(inbox.c.sender).where(inbox.c.message_id == message_id)).all()
    if sender is not None:
        return [MessageName(sender, message_id)] if sender in came else []
    ours = tx.scalar(select(outbox.c.message_id).where(outbox.c.message_id == message_id))
    return [
        *([MessageName("", message_id)] if ours else []),
        *(MessageName(sender_code, message_id) for sender_code in sorted(came)),
    ]


def resolve_message_name(tx: Connection, text: str) -> MessageName:
    """Return the one message that is meant. Raises NotFound, or Ambiguous with the names of all that may be."""
    candidates = find_message_names(tx, text)
    if not candidates:
        raise NotFound("inbox.not-found")
    if len(candidates) > 1:
        raise Ambiguous(
            "message.ambiguous",
            "" if candidates[0].sender else "ours",
            count=len(candidates),
            names=" or ".join(str(candidate) for candidate in candidates if candidate.sender),
        )
    return candidates[0]


def get_message(tx: Connection, name: str | MessageName) -> InboxItem:
    """Return a message that came. Raises NotFound, or Ambiguous where an id is given that several have."""
    named = name if isinstance(name, MessageName) else resolve_message_name(tx, name)
    mine = and_(inbox.c.message_id == named.message_id, inbox.c.sender == named.sender)
    row = tx.execute(select(*_VIEW).where(mine)).first()
    if row is None:
        raise NotFound("inbox.not-found")
    return _read_item(row._mapping)


def list_messages_by_id(tx: Connection, now: datetime, message_ids: Sequence[MessageId]) -> list[InboxItem]:
    """List those messages that have these ids and may be shown, a page of them."""
    mine = and_(inbox.c.message_id.in_(message_ids), inbox.c.shown_from <= now)
    return [_read_item(row._mapping) for row in tx.execute(select(*_VIEW).where(mine))]


def get_state(tx: Connection, sender: str, message_id: MessageId) -> InboxState:
    """Return what we have made of a message of this sender."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id)
    return InboxState(tx.scalars(select(inbox.c.state).where(mine)).one())


def get_locked_message(tx: Connection, sender: str, message_id: MessageId) -> tuple[bytes | None, bytes]:
    """Return the data key (None when destroyed) and the content."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id)
    row = tx.execute(select(inbox.c.data_key, inbox.c.content).where(mine)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def list_locked_messages(
    tx: Connection, wanted: Collection[MessageName]
) -> dict[MessageName, tuple[bytes | None, bytes]]:
    """Return the locked copies of all of these, a page of them, by sender and id: two authorities may use one id."""
    query = select(inbox.c.sender, inbox.c.message_id, inbox.c.data_key, inbox.c.content)
    rows = tx.execute(query.where(inbox.c.message_id.in_([message_id for _, message_id in wanted])))
    mine = [r for r in rows if (r.sender, r.message_id) in wanted]
    return {MessageName(r.sender, r.message_id): (r.data_key and bytes(r.data_key), bytes(r.content)) for r in mine}


def search_inbox(
    tx: Connection, now: datetime, wanted: InboxQuery = InboxQuery(), *, limit: int | None = 100
) -> list[InboxItem]:
    """List the messages asked for that may be shown, newest first if not asked otherwise; without `limit`, all."""
    order = (inbox.c.received_at, inbox.c.message_id)
    query = select(*_VIEW).where(inbox.c.shown_from <= now).limit(limit)
    query = query.order_by(*(order if wanted.oldest_first else (column.desc() for column in order)))
    if (cursor := wanted.cursor) is not None:
        query = query.where(tuple_(*order) > cursor if wanted.oldest_first else tuple_(*order) < cursor)
    if wanted.states:
        query = query.where(inbox.c.state.in_(wanted.states))
    if wanted.sender is not None:
        query = query.where(inbox.c.sender == wanted.sender)
    if wanted.case_id is not None:
        query = query.where(inbox.c.case_id == wanted.case_id)
    if wanted.since is not None:
        query = query.where(inbox.c.received_at >= wanted.since)
    if not wanted.unmatched:
        query = query.where(~_UNMATCHED)
    return [_read_item(row._mapping) for row in tx.execute(query)]


def list_waiting_rows(tx: Connection, now: datetime) -> list[WaitingRow]:
    """List all that wait for an officer and may be shown, in no order.

    A search that is unmatched is not among them, but where it is urgent.
    """
    waits = (inbox.c.state.in_(TASKS), inbox.c.shown_from <= now, or_(~_UNMATCHED, inbox.c.urgent))
    looked_at = select(*_WAITING).join(alerts, _ALERTED).where(inbox.c.state.not_in(TASKS))
    rows = [*tx.execute(select(*_WAITING).where(*waits)).all(), *tx.execute(looked_at).all()]
    return [WaitingRow._make((*values, InboxState(state))) for *values, state in rows]


def list_waiting_assignments(tx: Connection) -> dict[CaseId, set[str]]:
    """Return to whom the cases are assigned in which something waits for an officer."""
    case, waits = assignments.c.case_id, inbox.c.state.in_(TASKS)
    waiting = select(inbox.c.case_id).where(waits)
    looked_at = select(inbox.c.case_id).join(alerts, _ALERTED)
    people: dict[CaseId, set[str]] = {}
    query = select(case, assignments.c.person).where(or_(case.in_(waiting), case.in_(looked_at)))
    for case_id, person in tx.execute(query):
        people.setdefault(case_id, set()).add(person)
    return people


def list_owed_messages(tx: Connection, now: datetime) -> list[OwedMessage]:
    """List all that wait for us and may be shown, in no order, without tests and unmatched searches."""
    waits = (inbox.c.state.in_(WAITING), inbox.c.test.is_(False), inbox.c.shown_from <= now, ~_UNMATCHED)
    return [
        OwedMessage._make((*values, InboxState(state)))
        for *values, state in tx.execute(select(*_OWING).where(*waits)).all()
    ]


def list_unread_tasks(tx: Connection, limit: int) -> list[MessageName]:
    """List those that wait for an officer, and of which nobody has looked whether they are urgent."""
    mine = and_(inbox.c.state.in_(TASKS), inbox.c.urgent.is_(None))
    query = select(inbox.c.sender, inbox.c.message_id).where(mine).limit(limit)
    return [MessageName(row.sender, row.message_id) for row in tx.execute(query)]


def set_urgent(tx: Connection, name: MessageName, urgent: bool) -> None:
    """Note whether a message that came is urgent."""
    mine = and_(inbox.c.sender == name.sender, inbox.c.message_id == name.message_id)
    tx.execute(update(inbox).where(mine).values(urgent=urgent))


def list_last_reminders(tx: Connection, message_ids: Sequence[MessageId]) -> dict[tuple[str, str], datetime]:
    """Return when each of these messages, by sender and id, was last asked about by its sender."""
    at = inbox.c
    query = select(at.sender, at.kind, at.misfit, at.in_reply_to, at.received_at).where(
        is_among(tx, at.in_reply_to, message_ids)
    )
    came = [row for row in tx.execute(query).all() if row.kind == "Reminder" and row.misfit is None]
    return {(row.sender, row.in_reply_to): row.received_at for row in sorted(came, key=lambda row: row.received_at)}


def has_later_word(
    tx: Connection, sender: str, in_reply_to: MessageId, message_id: MessageId, created_at: datetime, sequence: int
) -> bool:
    """Tell whether this sender wrote a newer acknowledgement of the message, or the last word on it, which came first.

    What was written later is the newer one; the number decides only between two of one moment, for a sender that was
    restored from a backup counts again from before.
    """
    at = inbox.c
    query = select(at.sender, at.message_id, at.kind, at.misfit, at.sequence, at.created_at, at.received_at)
    for row in tx.execute(query.where(at.in_reply_to == in_reply_to)):
        if row.sender == sender and row.message_id != message_id and row.misfit is None:
            newer = (row.created_at or row.received_at, row.sequence) > (created_at, sequence)
            if newer and row.kind in ("Acknowledgement", *FINAL):
                return True
    return False


def count_replies_about_nothing(tx: Connection) -> dict[str, tuple[int, datetime]]:
    """Count each sender's replies about nothing that we know, up to MOST_COUNTED, and tell since when."""
    at = inbox.c
    query = select(at.sender, at.received_at).where(at.state == InboxState.ABOUT_NOTHING)
    counts: dict[str, tuple[int, datetime]] = {}
    for sender, received_at in tx.execute(query.order_by(at.received_at).limit(MOST_COUNTED)):
        count, since = counts.get(sender, (0, received_at))
        counts[sender] = count + 1, since
    return counts


def list_unmatched_searches(tx: Connection) -> list[InboxItem]:
    """List the searches without a possible match in our index that wait for an officer's word; the oldest first."""
    query = select(*_VIEW).join(traced, _TRACED).where(traced.c.state == MatchState.NONE)
    items = [_read_item(row._mapping) for row in tx.execute(query)]
    owed = [item for item in items if item.state is InboxState.NEW or item.kind == "WhereaboutsEnquiry"]
    return sorted(owed, key=lambda item: (item.received_at, item.message_id))


def is_predecessor_missing(tx: Connection, item: InboxItem) -> bool:
    """Tell whether the message before this one in the case, by the same sender, has not come."""
    if item.sequence == 1:
        return False
    at, case = inbox.c, item.case_said
    mine = at.sender == item.sender, at.sequence == item.sequence - 1
    before = select(at.message_id).where(*mine)
    lying = union_all(before.where(at.case_id == case), before.where(at.said_case == case))
    return tx.execute(lying).first() is None


def _read_item(row: RowMapping) -> InboxItem:
    misfit = Misfit(row["misfit"]) if row["misfit"] else None
    return InboxItem(**{**row, "state": InboxState(row["state"]), "misfit": misfit})
