"""What `audit verify` holds the audit log against, read a few hundred rows at a time, whatever the size of the store."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_

from gateway.core.log_replay import OF_THE_CASE, REPLY, Told
from gateway.store.database import among
from gateway.store.tables import (
    api_clients,
    audit_entries,
    inbox,
    outbox,
    outbox_contents,
    people,
    receipts,
)
from schemas.message import SEARCHES

AT_ONCE = 500
GIVEN = ("message.kept", "message.refused")  # for which we signed a receipt
GOT = ("receipt.verified", "notice.rejected")  # for which we were given one
ACCEPTED = ("message.kept", "receipt.verified")


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry, as far as it is held against a row."""

    number: int
    at: datetime
    act: str
    actor: str
    about: str | None
    partner: str | None
    digest: str | None
    detail: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Held:
    """A message as it lies in the store, and what the log tells of it."""

    sent: bool
    partner: str
    message_id: str
    case: str
    kind: str
    digest: str
    at: datetime
    by: str | None
    state: str
    state_at: datetime
    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)
    sealed: bytes | None = field(repr=False)
    noted: Sequence[Noted]
    told: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt as it lies in the store."""

    issuer: str
    digest: str
    message_id: str | None
    result: str
    at: datetime
    token: str


_ENTRY = [audit_entries.c[name] for name in ("number", "at", "act", "actor", "about", "partner", "entry")]


def _noted(row: Any) -> Noted:
    said = _said(row.entry)
    detail = said.get("detail")
    return Noted(
        row.number,
        row.at,
        row.act,
        row.actor,
        row.about,
        row.partner,
        said.get("digest"),
        detail if isinstance(detail, dict) else {},
    )


def _said(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:  # of a text that was changed, which is a fault of its own
        return {}
    return said if isinstance(said, dict) else {}


def _about(tx: Connection, ids: Sequence[str]) -> dict[str, list[Noted]]:
    found: dict[str, list[Noted]] = defaultdict(list)
    query = select(*_ENTRY).where(among(tx, audit_entries.c.about, ids)).order_by(audit_entries.c.number)
    for row in tx.execute(query):
        found[row.about].append(_noted(row))
    return found


def came(tx: Connection) -> Iterator[Held]:
    """Every message of theirs."""
    at = inbox.c
    columns = (at.sender, at.message_id, at.conversation_id, at.kind, at.digest, at.received_at, at.state, at.state_at)
    for rows in _pages(tx, select(*columns, at.data_key, at.content), (at.sender, at.message_id)):
        ids = [row.message_id for row in rows]
        noted = _about(tx, ids)
        told = _told_of_theirs(tx, rows, noted)
        for row in rows:
            mine = [one for one in noted[row.message_id] if one.partner == row.sender]
            yield Held(
                False,
                row.sender,
                row.message_id,
                row.conversation_id,
                row.kind,
                row.digest,
                row.received_at,
                None,
                row.state,
                row.state_at,
                _bytes(row.data_key),
                bytes(row.content),
                None,
                mine,
                told[row.sender, row.message_id],
            )


def _told_of_theirs(
    tx: Connection, rows: Sequence[Any], noted: Mapping[str, Sequence[Noted]]
) -> dict[tuple[str, str], list[Told]]:
    told: dict[tuple[str, str], list[Told]] = defaultdict(list)
    ids, cases = [row.message_id for row in rows], {row.conversation_id for row in rows}
    for several in noted.values():
        for one in several:
            told[one.partner or "", one.about or ""].append(Told(one.number, one.at, one.act))
    ours = select(outbox.c.message_id, outbox.c.in_reply_to, outbox.c.recipient, outbox.c.kind)
    answers = tx.execute(ours.where(among(tx, outbox.c.in_reply_to, ids))).all()
    queued = _by_act(tx, [row.message_id for row in answers], "notice.queued")
    for row in answers:
        for one in queued[row.message_id]:
            decision = one.detail.get("decision")
            said = Told(one.number, one.at, REPLY, row.kind, str(decision) if decision else None)
            told[row.recipient, row.in_reply_to].append(said)
    at = inbox.c
    theirs = select(at.sender, at.in_reply_to, at.supersedes, at.conversation_id, at.kind, at.received_at)
    names = or_(among(tx, at.in_reply_to, ids), among(tx, at.supersedes, ids))
    for later in tx.execute(theirs.where(names)):
        for name in {later.in_reply_to, later.supersedes} - {None}:
            told[later.sender, name].append(Told(0, later.received_at, "theirs"))
    located = and_(among(tx, at.conversation_id, sorted(cases)), at.kind == "LocatedNotice", at.in_reply_to.is_(None))
    ended = [(row.sender, row.conversation_id, row.received_at) for row in tx.execute(theirs.where(located))]
    for sender, case, moment in ended:
        for row in rows:
            if (row.sender, row.conversation_id) == (sender, case):
                told[row.sender, row.message_id].append(Told(0, moment, "theirs"))
    return told


def sent(tx: Connection) -> Iterator[Held]:
    """Every message of ours."""
    at, its = outbox.c, outbox_contents.c
    columns = (at.message_id, at.recipient, at.conversation_id, at.kind, at.digest, at.queued_at, at.queued_by)
    states = (at.state, at.state_at, at.protection, its.data_key, its.content, its.sealed)
    joined = outbox.outerjoin(outbox_contents, its.message_id == at.message_id)
    for rows in _pages(tx, select(*columns, *states).select_from(joined), (at.message_id,)):
        noted = _about(tx, [row.message_id for row in rows])
        told = _told_of_ours(tx, rows, noted)
        for row in rows:
            yield Held(
                True,
                row.recipient,
                row.message_id,
                row.conversation_id,
                row.kind,
                row.digest,
                row.queued_at,
                row.queued_by,
                row.state,
                row.state_at,
                _bytes(row.data_key),
                bytes(row.content or b""),
                bytes(row.sealed or b"") if row.protection == "sealed" else None,
                [one for one in noted[row.message_id] if one.partner == row.recipient],
                told[row.message_id],
            )


def _told_of_ours(tx: Connection, rows: Sequence[Any], noted: Mapping[str, Sequence[Noted]]) -> dict[str, list[Told]]:
    told: dict[str, list[Told]] = defaultdict(list)
    recipients = {row.message_id: row.recipient for row in rows}
    for name, several in noted.items():
        told[name] += [Told(one.number, one.at, one.act) for one in several if one.partner == recipients[name]]
    at = inbox.c
    theirs = select(at.sender, at.message_id, at.in_reply_to, at.kind)
    replies = tx.execute(theirs.where(among(tx, at.in_reply_to, list(recipients)))).all()
    entries = _by_act(tx, [row.message_id for row in replies], "message.kept", "reply.without-effect")
    for row in replies:
        of_it = [one for one in entries[row.message_id] if one.partner == row.sender]
        effect = all(one.act == "message.kept" for one in of_it)
        for one in of_it:
            if one.act == "message.kept" and row.sender == recipients[row.in_reply_to]:
                decision = one.detail.get("decision")
                said = Told(one.number, one.at, REPLY, row.kind, str(decision) if decision else None, effect)
                told[row.in_reply_to].append(said)
    searches = [row for row in rows if row.kind in SEARCHES]
    for row in searches:
        told[row.message_id] += []
    if searches:
        _tell_of_cases(tx, searches, told)
    return told


def _tell_of_cases(tx: Connection, searches: Sequence[Any], told: dict[str, list[Told]]) -> None:
    """What ended all searches of a case is an entry about the case, or about one of them."""
    cases = sorted({row.conversation_id for row in searches})
    of_case = {
        row.message_id: row.conversation_id
        for row in tx.execute(
            select(outbox.c.message_id, outbox.c.conversation_id).where(among(tx, outbox.c.conversation_id, cases))
        )
    }
    of_case |= {case: case for case in cases}
    for name, several in _by_act(tx, list(of_case), *OF_THE_CASE).items():
        for one in several:
            for row in searches:
                if row.conversation_id == of_case[name]:
                    told[row.message_id].append(Told(one.number, one.at, one.act))


def _by_act(tx: Connection, ids: Sequence[str], *acts: str) -> dict[str, list[Noted]]:
    found: dict[str, list[Noted]] = defaultdict(list)
    for name, several in (_about(tx, ids) if ids else {}).items():
        found[name] = [one for one in several if one.act in acts]
    return found


def unkept(tx: Connection) -> Iterator[tuple[int, str, str, bool]]:
    """Entries of messages that are not there: number, id, the partner, and whether it was ours."""
    at = audit_entries.c
    theirs = select(inbox.c.message_id).where(inbox.c.sender == at.partner, inbox.c.message_id == at.about)
    ours = select(outbox.c.message_id).where(outbox.c.recipient == at.partner, outbox.c.message_id == at.about)
    for act, row in (("message.kept", theirs), ("notice.queued", ours)):
        query = select(at.number, at.about, at.partner).where(at.act == act, ~row.exists()).order_by(at.number)
        for number, about, partner in tx.execute(query.execution_options(yield_per=AT_ONCE)):
            yield number, about, partner, act == "notice.queued"


def signed_for(tx: Connection, ours: str) -> Iterator[tuple[Noted, list[Signed]]]:
    """Every entry that tells of a receipt, and the receipts for those bytes by whoever gave it."""
    at = audit_entries.c
    for rows in _pages(tx, select(*_ENTRY).where(at.act.in_((*GIVEN, *GOT))), (at.number,)):
        noted = [_noted(row) for row in rows]
        of_digest: dict[str, list[Signed]] = defaultdict(list)
        names = [receipts.c[name] for name in Signed.__dataclass_fields__]
        digests = [one.digest for one in noted if one.digest]
        for row in tx.execute(select(*names).where(among(tx, receipts.c.digest, digests))):
            of_digest[row.digest].append(Signed(*row))
        for one in noted:
            issuer = ours if one.act in GIVEN else one.partner
            yield one, [its for its in of_digest.get(one.digest or "", []) if its.issuer == issuer]


def count_receipts(tx: Connection) -> int:
    """How many receipts lie here."""
    return tx.scalar(select(func.count()).select_from(receipts)) or 0


def accounts(tx: Connection) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Of every person, and every case system, the name, the roles or scopes, and whether it counts."""
    for row in tx.execute(select(people.c.name, people.c.roles, people.c.active)):
        yield f"person {row.name}", frozenset(row.roles.split()), row.active
    for row in tx.execute(select(api_clients.c.id, api_clients.c.scopes, api_clients.c.active)):
        yield f"client {row.id}", frozenset(row.scopes.split()), row.active


def account_entries(tx: Connection) -> Iterator[Noted]:
    """What was done to accounts, in order."""
    at = audit_entries.c
    acts = ("person.added", "person.roles", "person.ended", "person.back", "client.added", "client.ended")
    query = select(*_ENTRY).where(at.act.in_(acts)).order_by(at.number).execution_options(yield_per=AT_ONCE)
    for row in tx.execute(query):
        yield _noted(row)


def _pages(tx: Connection, query: Select[Any], key: tuple[ColumnElement[Any], ...]) -> Iterator[Sequence[Any]]:
    """Page after page in the order of a key."""
    beyond: tuple[Any, ...] | None = None
    while True:
        page = query if beyond is None else query.where(tuple_(*key) > beyond if len(key) > 1 else key[0] > beyond[0])
        rows = tx.execute(page.order_by(*key).limit(AT_ONCE)).all()
        if not rows:
            return
        yield rows
        beyond = tuple(rows[-1]._mapping[column] for column in key)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
