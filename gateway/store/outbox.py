"""Deliveries: add, claim what is due, save a new state."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy import case as either
from sqlalchemy import exists as there_is
from sqlalchemy.exc import IntegrityError

from gateway.core import causes
from gateway.core.delivery import FOLLOWING, LONGEST_WAIT, NOT_HOLDING, RECEIPT_WAIT, DeliveryState, list_origins
from gateway.core.message_name import MessageName
from gateway.core.message_protection import Protection
from gateway.core.message_summary import MessageSummary
from gateway.core.replies import NamedMessage
from gateway.errors import NotAllowed, NotFound
from gateway.store.database import is_among
from gateway.store.processes import hold_partner, notify_processes
from gateway.store.rows import list_columns
from gateway.store.tables import Instant, attempts, correspondents, outbox, outbox_contents, partners, receipts
from keys.jose import CLOCK_SKEW
from schemas.message import OPENS_A_CASE, Decision, MessageKind, RestrictionLevel
from schemas.shapes import CaseId, MessageId

# Nothing is due later than this from now, jitter and all, unless a clock was wrong.
FARTHEST = LONGEST_WAIT * 2
# Renewed while a try goes on; what a process held that was killed is free after it.
CLAIM = timedelta(seconds=20)
# How long a message waits for an earlier one of its case that cannot be delivered.
ORDER_WAIT = timedelta(minutes=10)
OPEN = (DeliveryState.QUEUED, DeliveryState.SENT)
# What the end of a try may move: whatever else stands, a person said.
TRIED = (*OPEN, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class QueuedNotice:
    """A sealed notice with what the dispatcher and the listings must know of it; the notice itself is locked."""

    message_id: MessageId
    case_id: CaseId
    in_reply_to: MessageId | None
    sequence: int
    recipient: str
    kind: MessageKind
    restriction: RestrictionLevel
    test: bool
    digest: str
    sealed: bytes
    data_key: bytes
    content: bytes
    queued_by: str
    # Or the class of protection of a letter.
    protection: Protection = "sealed"
    # By which it is found.
    marks: tuple[int, ...] = ()
    # Of an acknowledgement.
    decision: Decision | None = None
    # As the message names it, where it lies in another case here.
    said_case: CaseId | None = None
    # The codes of the doubts of which somebody said that it is right as it stands.
    confirmed: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it stands."""

    message_id: MessageId
    case_id: CaseId
    in_reply_to: MessageId | None
    sequence: int
    recipient: str
    kind: MessageKind
    restriction: RestrictionLevel
    test: bool
    digest: str
    queued_at: datetime
    queued_by: str
    state: DeliveryState
    state_at: datetime
    attempts: int
    due_at: datetime
    reason: str | None
    protection: Protection
    # By telephone.
    handed_over_at: datetime | None
    # Why it stands in its state: `core.causes`.
    cause: str | None

    @property
    def name(self) -> MessageName:
        """Return the name by which it is called, everywhere."""
        return MessageName("", self.message_id)

    @property
    def summary(self) -> MessageSummary:
        """Return what is asked alike of what we sent and of what came."""
        return MessageSummary(
            direction="sent",
            message_id=self.message_id,
            case=self.case_id,
            kind=self.kind,
            partner=self.recipient,
            state=self.state,
            state_at=self.state_at,
            at=self.queued_at,
            restriction=self.restriction,
            test=self.test,
            in_reply_to=self.in_reply_to,
            sequence=self.sequence,
            cause=self.cause,
            sealed=self.protection == "sealed",
        )


class OwedDelivery(NamedTuple):
    """The part of a delivery that says what is owed on it."""

    message_id: MessageId
    case_id: CaseId
    recipient: str
    kind: MessageKind
    test: bool
    queued_at: datetime
    state_at: datetime
    protection: Protection
    # By telephone.
    handed_over_at: datetime | None
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this process, and no other, may try now."""

    message_id: MessageId
    recipient: str
    digest: str
    sealed: bytes
    queued_at: datetime
    # This one counted.
    attempts: int
    protection: Protection = "sealed"
    # An officer there has it: no more than its receipt is asked for.
    answered: bool = False


@dataclass(frozen=True, slots=True)
class SettledTry:
    """How one try ended: the state after it, and when to try again where that is `queued`."""

    message_id: MessageId
    state: DeliveryState
    route: str
    ending: str
    reason: str | None = None
    due_at: datetime | None = None
    ticket: str | None = None
    # Of an answer that held no receipt: `adapters.statuses`.
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxQuery:
    """Which deliveries: those that meet every condition given."""

    kinds: Sequence[MessageKind] = ()
    states: Sequence[DeliveryState] = ()
    recipient: str | None = None
    case_id: CaseId | None = None
    since: datetime | None = None
    oldest_first: bool = False
    # When the last one of the page before was queued, and its id.
    cursor: tuple[datetime, str] | None = None


_CONTENTS = [column.name for column in outbox_contents.c]
_QUEUED = [field.name for field in fields(QueuedNotice) if field.name in outbox.c]
_earlier = outbox.alias("earlier")
_VIEW = list_columns(outbox, Delivery)
_OWING = [outbox.c[name] for name in OwedDelivery._fields]


def add_deliveries(tx: Connection, now: datetime, notices: Sequence[QueuedNotice]) -> None:
    """Queue the notices. Raises NotAllowed where one of these ids was used before."""
    fixed = {"queued_at": now, "state": DeliveryState.QUEUED, "state_at": now, "attempts": 0, "due_at": now}
    rows = [{name: getattr(notice, name) for name in _QUEUED} | fixed for notice in notices]
    try:
        tx.execute(insert(outbox), rows)
    except IntegrityError:
        raise NotAllowed("notice.id-used") from None
    tx.execute(insert(outbox_contents), [{name: getattr(notice, name) for name in _CONTENTS} for notice in notices])
    notify_processes(tx)


def is_queued(tx: Connection, message_id: MessageId) -> bool:
    """Tell whether this notice was queued, now or ever."""
    return tx.scalar(select(outbox.c.message_id).where(outbox.c.message_id == message_id)) is not None


def get_next_sequence(tx: Connection, case_id: CaseId, recipient: str) -> int:
    """Return the number of our next message to this authority in this case."""
    mine = and_(outbox.c.case_id == case_id, outbox.c.recipient == recipient)
    return (tx.scalar(select(func.max(outbox.c.sequence)).where(mine)) or 0) + 1


def find_sent_names(tx: Connection, message_ids: Collection[MessageId]) -> dict[MessageId, NamedMessage]:
    """Return those of these messages that we sent, as far as replies are held against them."""
    at = outbox.c
    query = select(at.message_id, at.kind, at.recipient, at.case_id, at.said_case, at.test, at.state)
    return {
        r.message_id: NamedMessage(
            r.kind,
            True,
            r.recipient,
            r.said_case or r.case_id,
            r.test,
            DeliveryState(r.state),
            r.case_id,
        )
        for r in tx.execute(query.where(at.message_id.in_(message_ids)))
    }


def list_opened_cases(tx: Connection, cases: Collection[CaseId]) -> dict[CaseId, datetime]:
    """Return when we first sent a notice in each of these cases: we opened it, unless somebody did before."""
    at = outbox.c
    first: dict[CaseId, datetime] = {}
    query = select(at.case_id, at.queued_at).where(at.case_id.in_(cases), at.kind.in_(OPENS_A_CASE))
    for case, queued_at in tx.execute(query):
        first[case] = min(queued_at, first.get(case, queued_at))
    return first


def find_cases_with(tx: Connection, recipient: str, cases: Collection[CaseId]) -> set[CaseId]:
    """Return in which of these cases we sent something to that authority."""
    query = select(outbox.c.case_id, outbox.c.recipient).where(outbox.c.case_id.in_(cases))
    return {row.case_id for row in tx.execute(query) if row.recipient == recipient}


def list_partners_due(tx: Connection, now: datetime, claims_at: datetime | None = None) -> list[str]:
    """List the authorities for which something is due."""
    shared = claims_at or now
    due_partners: set[str] = set()
    for whom in (partners.c.authority, correspondents.c.authority):
        for due in (_is_due(now, shared), _is_receipt_due(now, shared)):
            something = select(outbox.c.message_id).where(due, outbox.c.recipient == whom).exists()
            due_partners.update(tx.scalars(select(whom).where(something)))
    return sorted(due_partners)


def _is_misplaced(now: datetime, claims_at: datetime) -> list[ColumnElement[bool]]:
    """Build the conditions for what waits for a time that no wait reaches: it was written while our clock ran fast."""
    return [
        and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.due_at > now + FARTHEST),
        and_(outbox.c.state == DeliveryState.SENT, outbox.c.due_at > now + 2 * RECEIPT_WAIT),
        and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.claimed_until > claims_at + 2 * CLAIM),
        and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.queued_at > now + CLOCK_SKEW, outbox.c.due_at > now),
    ]


def has_misplaced(tx: Connection, now: datetime, claims_at: datetime | None = None) -> bool:
    """Tell whether anything waits for a time that no wait reaches."""
    return any(
        tx.scalar(select(whom).where(select(outbox.c.message_id).where(which, outbox.c.recipient == whom).exists()))
        is not None
        for whom in (partners.c.authority, correspondents.c.authority)
        for which in _is_misplaced(now, claims_at or now)
    )


def correct_misplaced(tx: Connection, now: datetime, claims_at: datetime | None = None) -> None:
    """Make due now what waits for a time that no wait reaches, and let go of such claims."""
    for which in _is_misplaced(now, claims_at or now):
        tx.execute(update(outbox).where(which).values(due_at=now, claimed_until=None))


def replace_sealed(
    tx: Connection, now: datetime, message_id: MessageId, *, digest: str, copy: tuple[bytes, bytes, bytes]
) -> None:
    """Replace the sealed bytes, data key and content of a message that was sealed under a false time."""
    tx.execute(update(outbox).where(outbox.c.message_id == message_id).values(digest=digest, queued_at=now))
    sealed, data_key, content = copy
    mine = update(outbox_contents).where(outbox_contents.c.message_id == message_id)
    tx.execute(mine.values(sealed=sealed, data_key=data_key, content=content))


def replace_signed(tx: Connection, message_id: MessageId, *, digest: str, sealed: bytes) -> bool:
    """Replace the sealed bytes of a message that still waits; tell whether it does."""
    mine = and_(outbox.c.message_id == message_id, outbox.c.state == DeliveryState.QUEUED)
    if not tx.execute(update(outbox).where(mine).values(digest=digest)).rowcount:
        return False
    contents = update(outbox_contents).where(outbox_contents.c.message_id == message_id)
    tx.execute(contents.values(sealed=sealed))
    return True


def count_queued_ahead(tx: Connection, beyond: datetime) -> int:
    """Count those still under way that were queued at a time that has not come."""
    ours = and_(outbox.c.queued_at > beyond, outbox.c.state.in_((*OPEN, DeliveryState.FAILED)))
    return tx.scalar(select(func.count()).select_from(outbox).where(ours)) or 0


def list_unbelieved_receipts(tx: Connection, queued_before: datetime) -> list[tuple[str, int, datetime, str]]:
    """List to whom something waits whose last receipt did not hold: how many, since when, and one of the reasons."""
    at = outbox.c
    query = select(at.recipient, func.count(), func.min(at.queued_at), func.min(at.reason))
    query = query.where(
        at.state == DeliveryState.QUEUED, at.reason.startswith(NOT_HOLDING), at.queued_at < queued_before
    )
    return [(r[0], r[1], r[2], r[3]) for r in tx.execute(query.group_by(at.recipient).order_by(at.recipient))]


class Claimer(NamedTuple):
    """A process that claims, and the time by the clock that all processes share (`Gateway.claim_time`)."""

    process: str
    at: datetime


def claim_deliveries(
    tx: Connection, now: datetime, recipient: str, most: int, by: Claimer | None = None
) -> list[ClaimedDelivery]:
    """Claim up to `most` deliveries to one authority, in the order in which they fell due, for the time of a claim.

    `by`: the process that claims; None: the only one.

    A message waits for an earlier one of its case that is under way or due later, for ORDER_WAIT at most. With
    PostgreSQL many processes may claim at once, of each partner's one after the other; rows that another has locked are
    passed over. The index has this very order, so a long queue is not sorted for every batch.
    """
    hold_partner(tx, recipient)
    process, shared = by or Claimer("", now)
    waits = (
        select(_earlier.c.message_id)
        .where(
            _earlier.c.case_id == outbox.c.case_id,
            _earlier.c.recipient == outbox.c.recipient,
            _earlier.c.sequence < outbox.c.sequence,
            _earlier.c.state == DeliveryState.QUEUED,
            or_(_earlier.c.due_at > outbox.c.due_at, _earlier.c.claimed_until > shared),
        )
        .exists()
    )
    columns = [outbox.c[name] for name in ("message_id", "recipient", "digest", "queued_at", "attempts", "protection")]
    due = (
        select(*columns)
        .where(
            _is_due(now, shared), outbox.c.recipient == recipient, or_(~waits, outbox.c.queued_at < now - ORDER_WAIT)
        )
        .order_by(outbox.c.due_at, outbox.c.queued_at, outbox.c.sequence, outbox.c.message_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = tx.execute(due).all()
    asked = (
        select(*columns)
        .where(_is_receipt_due(now, shared), outbox.c.recipient == recipient)
        .order_by(outbox.c.receipt_due)
        .limit(most - len(rows))
        .with_for_update(skip_locked=True)
    )
    answered = tx.execute(asked).all() if len(rows) < most else []
    ids = [row.message_id for row in (*rows, *answered)]
    if not ids:
        return []
    contents = select(outbox_contents.c.message_id, outbox_contents.c.sealed).where(
        outbox_contents.c.message_id.in_(ids)
    )
    sealed = {row.message_id: bytes(row.sealed) for row in tx.execute(contents)}
    held = update(outbox).where(outbox.c.message_id.in_(ids))
    tx.execute(held.values(claimed_until=shared + CLAIM, claimed_by=process, attempts=outbox.c.attempts + 1))
    return [
        ClaimedDelivery(r[0], r[1], r.digest, sealed[r[0]], r.queued_at, r.attempts + 1, r.protection, r in answered)
        for r in (*rows, *answered)
    ]


def renew_claims(tx: Connection, now: datetime, message_ids: Collection[MessageId]) -> None:
    """Hold for longer what is being tried; what has been settled meanwhile stays free."""
    held = and_(outbox.c.message_id.in_(message_ids), outbox.c.claimed_until.is_not(None))
    tx.execute(update(outbox).where(held).values(claimed_until=now + CLAIM))


def free_claims(tx: Connection, processes: Collection[str]) -> None:
    """Free what these processes tried when they ended, for others to try at once."""
    held = and_(outbox.c.claimed_by.in_(processes), outbox.c.claimed_until.is_not(None))
    freed = tx.execute(update(outbox).where(held).values(claimed_until=None)).rowcount
    if freed:
        notify_processes(tx)


def make_retries_due(tx: Connection, now: datetime, claims_at: datetime | None = None) -> None:
    """Make due what waits after a try that failed: whoever starts a gateway anew may just have mended the reason."""
    waits = and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.due_at > now, _is_unclaimed(claims_at or now))
    tx.execute(update(outbox).where(waits).values(due_at=_due_in_turn(now)))


def make_partner_due(tx: Connection, now: datetime, recipient: str) -> None:
    """Make due what waits for one partner after a try that failed: its card, or ours there, is a newer one now."""
    waits = and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.due_at > now, _is_unclaimed(now))
    tx.execute(update(outbox).where(waits, outbox.c.recipient == recipient).values(due_at=_due_in_turn(now)))
    notify_processes(tx)


def _is_due(now: datetime, claims_at: datetime) -> ColumnElement[bool]:
    return and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.due_at <= now, _is_unclaimed(claims_at))


def _is_receipt_due(now: datetime, claims_at: datetime) -> ColumnElement[bool]:
    """Build the condition that the receipt alone is asked for; what is queued is delivered, and gets it so."""
    at = outbox.c
    due = or_(at.receipt_due <= now, at.receipt_due > now + 2 * RECEIPT_WAIT)
    free = or_(_is_unclaimed(claims_at), at.claimed_until > claims_at + 2 * CLAIM)
    return and_(at.receipt_due.is_not(None), due, at.state != DeliveryState.QUEUED, free)


def _is_unclaimed(now: datetime) -> ColumnElement[bool]:
    return or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= now)


def request_receipt(
    tx: Connection, message_id: MessageId, recipient: str, at: datetime, *, is_void: bool = False
) -> bool:
    """Ask for the receipt of a message whose recipient surely has it, from then on; return False where we hold one.

    The same sealed bytes go there again, and whoever has them gives the same receipt again. `is_void`: what we hold
    does not count any more; then they sign for it anew.
    """
    held = there_is().where(
        receipts.c.message_id == outbox.c.message_id,
        receipts.c.issuer == outbox.c.recipient,
        receipts.c.result == "accepted",
    )
    mine = and_(outbox.c.message_id == message_id, outbox.c.recipient == recipient, outbox.c.protection == "sealed")
    wanted = mine if is_void else and_(mine, ~held)
    return tx.execute(update(outbox).where(wanted, has_sealed_bytes()).values(receipt_due=at)).rowcount == 1


def has_sealed_bytes() -> ColumnElement[bool]:
    """Build the condition that a message can be sent again: it was not purged."""
    contents = outbox_contents.c
    return there_is().where(contents.message_id == outbox.c.message_id, func.length(contents.sealed) > 0)


def settle_deliveries(tx: Connection, now: datetime, endings: Sequence[SettledTry]) -> None:
    """Write how each try ended, and give the claims back. A state that has moved on meanwhile stands."""
    alike: dict[tuple[DeliveryState, datetime | None, str | None], list[str]] = {}
    for ending in endings:
        alike.setdefault((ending.state, ending.due_at, ending.reason), []).append(ending.message_id)
    for (state, due_at, reason), ids in alike.items():
        from_states = [
            earlier_state
            for earlier_state in TRIED
            if earlier_state in list_origins(state) or earlier_state is state is DeliveryState.QUEUED
        ]
        change = update(outbox).where(outbox.c.message_id.in_(ids), outbox.c.state.in_(from_states))
        due = {} if due_at is None else {"due_at": due_at}
        cause = causes.GATEWAY if state is DeliveryState.REJECTED else None
        tx.execute(change.values(state=state, state_at=now, reason=reason, cause=cause, claimed_until=None, **due))
        # A receipt came, or patience has ended: statements see what is missing.
        still = due_at if state in OPEN else None
        asked = update(outbox).where(outbox.c.message_id.in_(ids), outbox.c.receipt_due.is_not(None))
        tx.execute(asked.values(receipt_due=still, claimed_until=None))
    add_tries(tx, now, endings)


def add_tries(tx: Connection, now: datetime, endings: Sequence[SettledTry]) -> None:
    """Keep how tries ended, whatever that makes of what was tried."""
    tried = [
        {
            "message_id": e.message_id,
            "at": now,
            "route": e.route,
            "ending": e.ending,
            "reason": e.reason,
            "ticket": e.ticket,
        }
        for e in endings
    ]
    tx.execute(insert(attempts), tried)


def list_partners_awaited(tx: Connection) -> list[str]:
    """List the authorities to whom something was handed over, and who have not yet said that they have it."""
    sent = select(outbox.c.recipient).where(outbox.c.state == DeliveryState.SENT).distinct()
    missing = and_(outbox.c.recipient == partners.c.authority, outbox.c.receipt_due.is_not(None))
    answered = select(partners.c.authority).where(select(outbox.c.message_id).where(missing).exists())
    return sorted({*tx.scalars(sent), *tx.scalars(answered)})


def list_awaiting_receipt(tx: Connection, recipient: str, digests: Sequence[str]) -> list[ClaimedDelivery]:
    """List those of these sealed messages to one authority for which a receipt is awaited."""
    at = outbox.c
    query = select(at.message_id, at.recipient, at.digest, at.queued_at, at.attempts, at.state)
    query = query.where(at.digest.in_(digests), at.recipient == recipient)
    asked = query.where(at.receipt_due.is_not(None), at.state.not_in(TRIED))
    return [
        ClaimedDelivery(
            r.message_id, r.recipient, r.digest, b"", r.queued_at, r.attempts, answered=r.state not in TRIED
        )
        for r in tx.execute(union_all(query.where(at.state.in_(TRIED)), asked))
    ]


def list_handed_over(tx: Connection, ticket: str) -> list[Delivery]:
    """List those that were handed over under this ticket, however they stand now."""
    ids = set(tx.scalars(select(attempts.c.message_id).where(attempts.c.ticket == ticket)))
    return list_deliveries_by_id(tx, list(ids))


def has_overdue(tx: Connection, now: datetime) -> bool:
    """Tell whether something was handed over, and its receipt did not come in time."""
    return tx.scalar(select(outbox.c.message_id).where(_is_overdue(now)).limit(1)) is not None


def queue_overdue(tx: Connection, now: datetime) -> None:
    """Make it due again."""
    reason = "no delivery receipt was received"
    tx.execute(update(outbox).where(_is_overdue(now)).values(state=DeliveryState.QUEUED, state_at=now, reason=reason))


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    """Build the condition that a receipt is overdue. Of a letter no receipt can come: a person answers it."""
    return and_(outbox.c.state == DeliveryState.SENT, outbox.c.due_at <= now, outbox.c.protection == "sealed")


def postpone_deliveries(tx: Connection, recipient: str, until: datetime) -> None:
    """Let everything for an authority that did not answer wait: it is down for all of them."""
    mine = and_(outbox.c.recipient == recipient, outbox.c.state == DeliveryState.QUEUED, outbox.c.due_at < until)
    tx.execute(update(outbox).where(mine).values(due_at=until))


def _due_in_turn(now: datetime) -> ColumnElement[datetime]:
    """Build the time at which it is due at once, in the order of queueing; never later than now."""
    return either((outbox.c.queued_at < now, outbox.c.queued_at), else_=literal(now, Instant))


def release_deliveries(tx: Connection, now: datetime, recipient: str | None = None) -> int:
    """Make due at once what waits, and what was given up (an operator's act); return how many."""
    open_ones = outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.FAILED))
    mine = open_ones if recipient is None else and_(open_ones, outbox.c.recipient == recipient)
    again = (
        update(outbox)
        .where(mine)
        .values(state=DeliveryState.QUEUED, state_at=now, due_at=_due_in_turn(now), claimed_until=None)
    )
    return tx.execute(again).rowcount


def release_delivery(tx: Connection, now: datetime, message_id: MessageId) -> bool:
    """Make one message due at once, whether it waits, was given up, or its receipt alone is missing; False where it is
    none of these, or is being tried.
    """
    held = and_(outbox.c.claimed_until > now, outbox.c.claimed_until <= now + 2 * CLAIM)
    free = or_(outbox.c.claimed_until.is_(None), ~held)
    mine = and_(
        outbox.c.message_id == message_id, outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.FAILED)), free
    )
    again = update(outbox).where(mine)
    now_due = again.values(state=DeliveryState.QUEUED, state_at=now, due_at=_due_in_turn(now), claimed_until=None)
    if tx.execute(now_due).rowcount == 1:
        return True
    answered = and_(
        outbox.c.state.in_((DeliveryState.ACKNOWLEDGED, DeliveryState.PASSED_ON)), outbox.c.protection == "sealed", free
    )
    recipient = tx.scalar(select(outbox.c.recipient).where(outbox.c.message_id == message_id, answered))
    return recipient is not None and request_receipt(tx, message_id, recipient, now)


def advance_delivery(
    tx: Connection,
    now: datetime,
    message_id: MessageId,
    recipient: str,
    state: DeliveryState,
    *,
    reason: str | None = None,
    cause: str | None = None,
) -> bool:
    """Move a delivery on because a person said so; return False where that is not legal, or it is not ours.

    `cause` says why it stands so then, as `core.causes` has it.
    """
    change = (
        update(outbox)
        .where(
            outbox.c.message_id == message_id, outbox.c.recipient == recipient, outbox.c.state.in_(list_origins(state))
        )
        .values(state=state, state_at=now, reason=reason, cause=cause, claimed_until=None)
    )
    return tx.execute(change).rowcount == 1


def withdraw_unsent(tx: Connection, now: datetime, message_ids: Sequence[MessageId], reason: str, cause: str) -> None:
    """Withdraw those of these that have never left: nobody knows of them."""
    mine = and_(outbox.c.message_id.in_(message_ids), outbox.c.state == DeliveryState.QUEUED, outbox.c.attempts == 0)
    tx.execute(
        update(outbox).where(mine).values(state=DeliveryState.WITHDRAWN, state_at=now, reason=reason, cause=cause)
    )


def get_delivery(tx: Connection, message_id: MessageId) -> Delivery:
    """Return one delivery. Raises NotFound."""
    row = tx.execute(select(*_VIEW).where(outbox.c.message_id == message_id)).first()
    if row is None:
        raise NotFound("outbox.not-found")
    return _read_delivery(row)


def list_deliveries_by_id(tx: Connection, message_ids: Sequence[MessageId]) -> list[Delivery]:
    """List those deliveries that have these ids, a page of them."""
    return [_read_delivery(row) for row in tx.execute(select(*_VIEW).where(outbox.c.message_id.in_(message_ids)))]


def get_sealed_notice(tx: Connection, message_id: MessageId) -> bytes:
    """Return the sealed message as it went out."""
    return bytes(tx.scalars(select(outbox_contents.c.sealed).where(outbox_contents.c.message_id == message_id)).one())


def get_locked_notice(tx: Connection, message_id: MessageId) -> tuple[bytes | None, bytes]:
    """Return the data key (None when destroyed) and the content of our own copy."""
    contents = outbox_contents.c
    row = tx.execute(select(contents.data_key, contents.content).where(contents.message_id == message_id)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def list_locked_notices(
    tx: Connection, message_ids: Sequence[MessageId]
) -> dict[MessageId, tuple[bytes | None, bytes]]:
    """Return the data keys and contents of our copies of all of these, a page of them."""
    contents = outbox_contents.c
    query = select(contents.message_id, contents.data_key, contents.content).where(contents.message_id.in_(message_ids))
    return {r.message_id: (r.data_key and bytes(r.data_key), bytes(r.content)) for r in tx.execute(query)}


def search_outbox(tx: Connection, wanted: OutboxQuery = OutboxQuery(), *, limit: int | None = 100) -> list[Delivery]:
    """List the deliveries that are asked for, newest first if not asked otherwise; without `limit`, all."""
    order = (outbox.c.queued_at, outbox.c.message_id)
    query = select(*_VIEW).limit(limit)
    query = query.order_by(*(order if wanted.oldest_first else (column.desc() for column in order)))
    if wanted.kinds:
        query = query.where(outbox.c.kind.in_(wanted.kinds))
    if wanted.states:
        query = query.where(outbox.c.state.in_(wanted.states))
    if wanted.recipient is not None:
        query = query.where(outbox.c.recipient == wanted.recipient)
    if wanted.case_id is not None:
        query = query.where(outbox.c.case_id == wanted.case_id)
    if wanted.since is not None:
        query = query.where(outbox.c.queued_at >= wanted.since)
    if (cursor := wanted.cursor) is not None:
        query = query.where(tuple_(*order) > cursor if wanted.oldest_first else tuple_(*order) < cursor)
    return [_read_delivery(row) for row in tx.execute(query)]


def list_owed_deliveries(tx: Connection, states: Sequence[DeliveryState]) -> list[OwedDelivery]:
    """List all that stand so, in no order, without tests: there may be thousands, of which little is asked."""
    query = select(*_OWING).where(outbox.c.state.in_(states), outbox.c.test.is_(False))
    return [OwedDelivery._make((*values, DeliveryState(state))) for *values, state in tx.execute(query).all()]


def list_case_deliveries(tx: Connection, name: str) -> list[Delivery]:
    """List all that we sent in a case, newest first, by its own id or that of one of its messages. Raises NotFound."""
    deliveries = search_outbox(tx, OutboxQuery(case_id=CaseId(name)), limit=None)
    return deliveries or search_outbox(tx, OutboxQuery(case_id=get_delivery(tx, MessageId(name)).case_id), limit=None)


def list_first_notices(
    tx: Connection, cases: Sequence[CaseId], kinds: Sequence[MessageKind]
) -> dict[CaseId, tuple[MessageId, int]]:
    """Return for each case the id of our first message of these kinds in it, and how many authorities have one."""
    count, first = func.count(outbox.c.recipient.distinct()), func.min(outbox.c.message_id)
    mine = and_(outbox.c.case_id.in_(cases), outbox.c.kind.in_(kinds))
    query = select(outbox.c.case_id, first, count).where(mine).group_by(outbox.c.case_id)
    return {case: (message_id, number) for case, message_id, number in tx.execute(query)}


def list_tries(tx: Connection, message_id: MessageId) -> list[Mapping[str, object]]:
    """List every try of a delivery: at, route, ending, reason; oldest first."""
    query = select(attempts.c.at, attempts.c.route, attempts.c.ending, attempts.c.reason)
    rows = tx.execute(query.where(attempts.c.message_id == message_id).order_by(attempts.c.number))
    return [dict(row._mapping) for row in rows]


def list_last_tries(tx: Connection, message_ids: Sequence[MessageId]) -> dict[MessageId, str]:
    """Return how the last try of each of these ended, and by which route."""
    at = attempts.c
    query = select(at.message_id, at.route, at.ending).where(is_among(tx, at.message_id, message_ids))
    return {r.message_id: f"{r.route}: {r.ending}" for r in tx.execute(query.order_by(at.message_id, at.number)).all()}


def count_by_state(tx: Connection, states: Sequence[DeliveryState]) -> list[tuple[str, DeliveryState, int, datetime]]:
    """Count for each authority and each of these states, and tell when the oldest was queued. Read from one index."""
    query = select(outbox.c.state, outbox.c.recipient, func.count(), func.min(outbox.c.queued_at))
    rows = tx.execute(query.where(outbox.c.state.in_(states)).group_by(outbox.c.state, outbox.c.recipient))
    return [(recipient, DeliveryState(state), count, oldest) for state, recipient, count, oldest in rows]


def count_under_way(tx: Connection, recipient: str) -> int:
    """Count what is queued for an authority, or handed over and not receipted."""
    mine = and_(outbox.c.recipient == recipient, outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)))
    return tx.scalar(select(func.count()).select_from(outbox).where(mine)) or 0


def count_following(tx: Connection, recipient: str) -> int:
    """Count the transfer notices that are open with an authority, and would go to its successor."""
    open_ones = and_(outbox.c.state.in_(FOLLOWING), outbox.c.kind == "TransferNotice")
    mine = and_(open_ones, outbox.c.recipient == recipient)
    return tx.scalar(select(func.count()).select_from(outbox).where(mine)) or 0


def list_stranded(tx: Connection) -> list[str]:
    """List the authorities to which something encrypted is queued, and which are no partner any more."""
    known = select(partners.c.authority).scalar_subquery()
    queued = and_(outbox.c.state == DeliveryState.QUEUED, outbox.c.protection == "sealed")
    return sorted(tx.scalars(select(outbox.c.recipient).where(queued, outbox.c.recipient.not_in(known)).distinct()))


def fail_under_way(tx: Connection, now: datetime, recipient: str, reason: str) -> list[MessageId]:
    """Give up what is queued for an authority, or handed over and not receipted, and encrypted; list it."""
    under_way = and_(outbox.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)), outbox.c.protection == "sealed")
    mine = and_(under_way, outbox.c.recipient == recipient)
    failed = list(tx.scalars(select(outbox.c.message_id).where(mine).order_by(outbox.c.queued_at)))
    change = update(outbox).where(mine).values(state=DeliveryState.FAILED, state_at=now, reason=reason)
    tx.execute(change.values(claimed_until=None))
    return failed


def list_dead_letters(tx: Connection, recipient: str | None, limit: int) -> list[Delivery]:
    """List dead letters: what is tried no more, by authority, what was tried first before what was tried later."""
    order = (outbox.c.recipient, outbox.c.due_at, outbox.c.queued_at, outbox.c.sequence, outbox.c.message_id)
    query = select(*_VIEW).where(outbox.c.state == DeliveryState.FAILED).order_by(*order).limit(limit)
    if recipient is not None:
        query = query.where(outbox.c.recipient == recipient)
    return [_read_delivery(row) for row in tx.execute(query)]


def list_failed(
    tx: Connection, without: Sequence[MessageKind], limit: int | None, cases: Collection[CaseId] | None = None
) -> list[Delivery]:
    """List what is tried no more and was not handed over by phone, the oldest first; of these cases, where given."""
    query = select(*_VIEW).where(_is_failed(without)).order_by(outbox.c.queued_at, outbox.c.message_id).limit(limit)
    if cases is not None:
        query = query.where(outbox.c.case_id.in_(cases))
    return [_read_delivery(row) for row in tx.execute(query)]


def count_failed(tx: Connection, without: Sequence[MessageKind]) -> int:
    """Count what is tried no more and was not handed over by phone."""
    return tx.scalar(select(func.count()).select_from(outbox).where(_is_failed(without))) or 0


def _is_failed(without: Sequence[MessageKind]) -> ColumnElement[bool]:
    at = outbox.c
    return and_(at.state == DeliveryState.FAILED, at.handed_over_at.is_(None), at.kind.not_in(without))


def _read_delivery(row: Row[Any]) -> Delivery:
    values = row._mapping
    return Delivery(**{**values, "state": DeliveryState(values["state"])})
