"""What came: kept once for each (sender, id), each with its receipt; and what was refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.core.standing import ENDINGS, WAITING, Standing
from gateway.errors import NotFound
from gateway.store import searches
from gateway.store.database import among
from gateway.store.searches import Found
from gateway.store.tables import inbox, receipts
from gateway.store.tables import searches as traced
from schemas.message import OPENS_A_CASE

REPLIES = ("Acknowledgement", "Outcome", "WhereaboutsResponse")  # which move what they answer
ORDER_WAIT = timedelta(minutes=10)  # how long a message that came before its turn is kept back from officers


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that was opened, verified and checked, and is to be kept."""

    sender: str
    message_id: str
    conversation_id: str
    in_reply_to: str | None
    supersedes: str | None
    sequence: int
    kind: str
    restriction: str
    test: bool
    digest: str
    data_key: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One message as it stands in the inbox."""

    sender: str
    message_id: str
    conversation_id: str
    in_reply_to: str | None
    sequence: int
    kind: str
    restriction: str
    test: bool
    digest: str
    received_at: datetime
    state: Standing
    state_at: datetime


class Owing(NamedTuple):
    """As much of a message as says what is owed on it."""

    sender: str
    message_id: str
    conversation_id: str
    kind: str
    test: bool
    received_at: datetime
    state_at: datetime
    state: Standing


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it is kept: ours for what came, theirs for what we sent."""

    issuer: str
    digest: str
    message_id: str | None
    result: str
    token: str


_VIEW = [inbox.c[name] for name in Item.__dataclass_fields__]
_OWING = [inbox.c[name] for name in Owing._fields]
_TRACED = and_(traced.c.sender == inbox.c.sender, traced.c.message_id == inbox.c.message_id)
_UNMATCHED = exists().where(_TRACED, traced.c.state == Found.NONE)


def receipts_for(tx: Connection, issuer: str, digests: Sequence[str]) -> dict[str, str]:
    """Our accepting receipts for those of these sealed messages that were kept before, by digest."""
    known = and_(receipts.c.digest.in_(digests), receipts.c.issuer == issuer, receipts.c.result == "accepted")
    return {row.digest: row.token for row in tx.execute(select(receipts.c.digest, receipts.c.token).where(known))}


def keep(tx: Connection, now: datetime, messages: Sequence[Arrived]) -> set[str]:
    """Keep each message once; the digests of those that are new. The others' ids were taken, by these or by other bytes."""
    rows = [{name: getattr(message, name) for name in Arrived.__dataclass_fields__} for message in messages]
    early = _early(tx, messages)
    for row in rows:
        standing = Standing.NEW if row["kind"] in OPENS_A_CASE else Standing.FILED
        row |= {"received_at": now, "shown_from": now, "state": standing, "state_at": now}
        if row["digest"] in early:
            row["shown_from"] = now + ORDER_WAIT
    taken = _taken(tx, messages)
    fresh = [row for row in rows if (row["sender"], row["message_id"]) not in taken]
    if not fresh:
        return set()
    on = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    kept = tx.execute(on(inbox).on_conflict_do_nothing().returning(inbox.c.digest), fresh)
    new = set(kept.scalars())
    _show_those_that_waited(tx, now, [m for m in messages if m.digest in new])
    return new


# These look rows up by the one column that tells most, which an index begins with, and sort out the few that are found:
# SQLite reads the whole table to compare several columns at once.


def _taken(tx: Connection, messages: Sequence[Arrived]) -> set[tuple[str, str]]:
    query = select(inbox.c.sender, inbox.c.message_id).where(inbox.c.message_id.in_([m.message_id for m in messages]))
    return {(row.sender, row.message_id) for row in tx.execute(query)}


def _early(tx: Connection, messages: Sequence[Arrived]) -> set[str]:
    """The digests of those messages whose predecessor in the case, by the same sender, has not come."""
    later = [message for message in messages if message.sequence > 1]
    if not later:
        return set()
    cases = inbox.c.conversation_id.in_([message.conversation_id for message in later])
    found = tx.execute(select(inbox.c.sender, inbox.c.conversation_id, inbox.c.sequence).where(cases))
    here = {tuple(row) for row in found} | {(m.sender, m.conversation_id, m.sequence) for m in messages}
    return {m.digest for m in later if (m.sender, m.conversation_id, m.sequence - 1) not in here}


def _show_those_that_waited(tx: Connection, now: datetime, new: Sequence[Arrived]) -> None:
    waits = and_(inbox.c.shown_from > now, inbox.c.conversation_id.in_([message.conversation_id for message in new]))
    found = tx.execute(
        select(inbox.c.sender, inbox.c.conversation_id, inbox.c.sequence, inbox.c.message_id).where(waits)
    )
    successors = {(m.sender, m.conversation_id, m.sequence + 1) for m in new}
    for row in found.all():
        if (row.sender, row.conversation_id, row.sequence) in successors:
            mine = and_(inbox.c.sender == row.sender, inbox.c.message_id == row.message_id)
            tx.execute(update(inbox).where(mine).values(shown_from=now))


def add_receipts(tx: Connection, now: datetime, given: Sequence[Receipt]) -> None:
    """Keep receipts: those that we gave, and those that we were given."""
    if given:
        rows = [
            {"issuer": r.issuer, "digest": r.digest, "message_id": r.message_id, "result": r.result, "token": r.token}
            for r in given
        ]
        tx.execute(insert(receipts), [row | {"at": now} for row in rows])


def receipts_about(tx: Connection, message_id: str) -> list[Mapping[str, object]]:
    """Every receipt for this message, oldest first."""
    at = receipts.c
    query = select(at.number, at.issuer, at.at, at.result, at.digest, at.token)
    return [
        dict(row._mapping)
        for row in tx.execute(query.where(receipts.c.message_id == message_id).order_by(receipts.c.number))
    ]


def receipt(tx: Connection, number: int) -> str:
    """The signed text of one receipt, as it was given. Raises NotFound."""
    token: str | None = tx.scalar(select(receipts.c.token).where(receipts.c.number == number))
    if token is None:
        raise NotFound(
            "receipt.not-found", "There is no receipt with this number.", "A notice's status names its receipts."
        )
    return token


def mark(
    tx: Connection, now: datetime, sender: str, message_id: str, state: Standing, *, was: Standing | None = None
) -> bool:
    """Set the standing of a message; False where there is none by this sender, it is withdrawn, or it is not as it `was`."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id, inbox.c.state != Standing.WITHDRAWN)
    if was is not None:
        mine = and_(mine, inbox.c.state == was)
    marked = tx.execute(update(inbox).where(mine).values(state=state, state_at=now)).rowcount == 1
    if marked and state not in WAITING:
        searches.end(tx, now, sender, message_id)
    return marked


def taken_back(tx: Connection, sender: str, message_ids: Sequence[str]) -> dict[str, Standing]:
    """Those of these messages that their sender has ended or replaced, by a message that came before them."""
    named = select(inbox.c.sender, inbox.c.kind, inbox.c.in_reply_to, inbox.c.supersedes)
    found: dict[str, Standing] = {}
    for row in tx.execute(named.where(inbox.c.supersedes.in_(message_ids))):
        if row.sender == sender:
            found[row.supersedes] = Standing.SUPERSEDED
    for row in tx.execute(named.where(inbox.c.in_reply_to.in_(message_ids))):
        if row.sender == sender and row.kind in ENDINGS:
            found[row.in_reply_to] = ENDINGS[row.kind]
    return found


def get(tx: Connection, message_id: str) -> Item:
    """One message. Raises NotFound."""
    row = tx.execute(select(*_VIEW).where(inbox.c.message_id == message_id)).first()
    if row is None:
        raise NotFound(
            "inbox.not-found", "No notice with this id has come in.", "See `cme-gateway inbox` for those that have."
        )
    return _item(row._mapping)


def several(tx: Connection, now: datetime, message_ids: Sequence[str]) -> list[Item]:
    """Those messages that have these ids and may be shown, a page of them."""
    mine = and_(inbox.c.message_id.in_(message_ids), inbox.c.shown_from <= now)
    return [_item(row._mapping) for row in tx.execute(select(*_VIEW).where(mine))]


def standing(tx: Connection, sender: str, message_id: str) -> Standing:
    """What we have made of a message of this sender."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id)
    return Standing(tx.scalars(select(inbox.c.state).where(mine)).one())


def locked(tx: Connection, sender: str, message_id: str) -> tuple[bytes | None, bytes]:
    """The data key (None when destroyed) and the content."""
    mine = and_(inbox.c.sender == sender, inbox.c.message_id == message_id)
    row = tx.execute(select(inbox.c.data_key, inbox.c.content).where(mine)).one()
    return (None if row.data_key is None else bytes(row.data_key)), bytes(row.content)


def all_locked(
    tx: Connection, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[bytes | None, bytes]]:
    """The same of all of these, a page of them, by sender and id: two authorities may use one id."""
    query = select(inbox.c.sender, inbox.c.message_id, inbox.c.data_key, inbox.c.content)
    found = tx.execute(query.where(inbox.c.message_id.in_([message_id for _, message_id in wanted])))
    mine = [r for r in found if (r.sender, r.message_id) in wanted]
    return {(r.sender, r.message_id): (r.data_key and bytes(r.data_key), bytes(r.content)) for r in mine}


def search(
    tx: Connection,
    now: datetime,
    *,
    states: Sequence[Standing] = (),
    sender: str | None = None,
    conversation_id: str | None = None,
    since: datetime | None = None,
    unmatched: bool = True,
    oldest_first: bool = False,
    beyond: tuple[datetime, str] | None = None,
    limit: int | None = 100,
) -> list[Item]:
    """The newest messages that may be shown and meet every condition given, newest first; without a `limit`, all.

    `unmatched`: also searches to which our index has no possible match, which are answered together. `beyond`: when the last
    one of the page before came, and its id.
    """
    order = (inbox.c.received_at, inbox.c.message_id)
    query = select(*_VIEW).where(inbox.c.shown_from <= now).limit(limit)
    query = query.order_by(*(order if oldest_first else (column.desc() for column in order)))
    if beyond is not None:
        query = query.where(tuple_(*order) > beyond if oldest_first else tuple_(*order) < beyond)
    if states:
        query = query.where(inbox.c.state.in_(states))
    if sender is not None:
        query = query.where(inbox.c.sender == sender)
    if conversation_id is not None:
        query = query.where(inbox.c.conversation_id == conversation_id)
    if since is not None:
        query = query.where(inbox.c.received_at >= since)
    if not unmatched:
        query = query.where(~_UNMATCHED)
    return [_item(row._mapping) for row in tx.execute(query)]


def waiting(tx: Connection, now: datetime, most: int) -> int:
    """How many wait for us and may be shown, without unmatched searches; it is counted up to `most`."""
    waits = (inbox.c.state.in_(WAITING), inbox.c.shown_from <= now, ~_UNMATCHED)
    some = select(inbox.c.message_id).where(*waits).limit(most).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


def owing(tx: Connection, now: datetime) -> list[Owing]:
    """All that wait for us and may be shown, in no order, without tests and unmatched searches: little is asked of each."""
    waits = (inbox.c.state.in_(WAITING), inbox.c.test.is_(False), inbox.c.shown_from <= now, ~_UNMATCHED)
    return [Owing._make((*said, Standing(state))) for *said, state in tx.execute(select(*_OWING).where(*waits)).all()]


def reminders(tx: Connection, message_ids: Sequence[str]) -> dict[tuple[str, str], datetime]:
    """When each of these messages, by sender and id, was last asked about by its sender."""
    at = inbox.c
    query = select(at.sender, at.kind, at.in_reply_to, at.received_at).where(among(tx, at.in_reply_to, message_ids))
    came = [row for row in tx.execute(query).all() if row.kind == "Reminder"]
    return {(row.sender, row.in_reply_to): row.received_at for row in sorted(came, key=lambda row: row.received_at)}


def answered_later(tx: Connection, sender: str, in_reply_to: str, sequence: int) -> bool:
    """Did this sender say something newer about the same message of ours, which came first?"""
    query = select(inbox.c.sender, inbox.c.sequence, inbox.c.kind).where(inbox.c.in_reply_to == in_reply_to)
    return any(r.sender == sender and r.sequence > sequence and r.kind in REPLIES for r in tx.execute(query))


def unmatched(tx: Connection) -> list[Item]:
    """The searches to which our index has no possible match, and which wait for an officer's word; the oldest first."""
    query = select(*_VIEW).join(traced, _TRACED).where(traced.c.state == Found.NONE)
    items = [_item(row._mapping) for row in tx.execute(query)]
    owed = [one for one in items if one.state is Standing.NEW or one.kind == "WhereaboutsEnquiry"]
    return sorted(owed, key=lambda one: (one.received_at, one.message_id))


def missing_before(tx: Connection, item: Item) -> bool:
    """Has the message before this one in the case, by the same sender, not come?"""
    if item.sequence == 1:
        return False
    before = and_(inbox.c.conversation_id == item.conversation_id, inbox.c.sequence == item.sequence - 1)
    return tx.scalar(select(inbox.c.message_id).where(inbox.c.sender == item.sender, before)) is None


def _item(row: RowMapping) -> Item:
    return Item(**{**row, "state": Standing(row["state"])})
