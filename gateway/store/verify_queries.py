"""What `audit verify` holds the audit log against, read a few hundred rows at a time, whatever the
size of the store.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_

from gateway.core.log_replay import OF_THE_CASE, REPLY, LoggedAct
from gateway.store.database import is_among
from gateway.store.rows import list_columns
from gateway.store.tables import (
    api_clients,
    audit_entries,
    audit_mentions,
    inbox,
    outbox,
    outbox_contents,
    people,
    receipts,
)
from schemas.message import DECISIONS, KINDS, SEARCHES, MessageKind, find_member
from schemas.shapes import MessageId

AT_ONCE = 500
# For which we signed a receipt.
GIVEN = ("message.kept", "message.refused", "receipt.issued-anew")
# For which we were given one.
GOT = ("receipt.verified", "notice.rejected")
PURGED = "case.purged"
ACCEPTED = ("message.kept", "receipt.issued-anew", "receipt.verified")


@dataclass(frozen=True, slots=True)
class NotedEntry:
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
class HeldMessage:
    """A message as it lies in the store, and what the log tells of it."""

    sent: bool
    partner: str
    message_id: MessageId
    case: str
    # None where it was altered to what is none.
    kind: MessageKind | None
    digest: str
    at: datetime
    by: str | None
    state: str
    state_at: datetime
    data_key: bytes | None = field(repr=False)
    content: bytes = field(repr=False)
    sealed: bytes | None = field(repr=False)
    noted: Sequence[NotedEntry]
    told: Sequence[LoggedAct]
    # The entry that says that it was purged; None where none does.
    purged: int | None = None


@dataclass(frozen=True, slots=True)
class HeldReceipt:
    """A receipt as it lies in the store."""

    issuer: str
    digest: str
    message_id: MessageId | None
    result: str
    at: datetime
    token: str


_ENTRY = [audit_entries.c[name] for name in ("number", "at", "act", "actor", "about", "partner", "entry")]


def _read_entry(row: Any) -> NotedEntry:
    members = _parse_entry(row.entry)
    detail = members.get("detail")
    return NotedEntry(
        row.number,
        row.at,
        row.act,
        row.actor,
        row.about,
        row.partner,
        members.get("digest"),
        detail if isinstance(detail, dict) else {},
    )


def _parse_entry(text: str) -> dict[str, Any]:
    try:
        members = json.loads(text)
    except ValueError:
        # Of a text that was changed, which is a fault of its own.
        return {}
    return members if isinstance(members, dict) else {}


def _entries_about(tx: Connection, ids: Sequence[str]) -> dict[str, list[NotedEntry]]:
    entries: dict[str, list[NotedEntry]] = defaultdict(list)
    query = select(*_ENTRY).where(is_among(tx, audit_entries.c.about, ids)).order_by(audit_entries.c.number)
    for row in tx.execute(query):
        entries[row.about].append(_read_entry(row))
    return entries


def list_received_messages(tx: Connection) -> Iterator[HeldMessage]:
    """Yield every message of theirs."""
    at = inbox.c
    columns = (at.sender, at.message_id, at.case_id, at.kind, at.digest, at.received_at, at.state, at.state_at)
    for rows in _read_pages(tx, select(*columns, at.data_key, at.content), (at.sender, at.message_id)):
        ids = [row.message_id for row in rows]
        noted = _entries_about(tx, ids)
        acts = _acts_on_received(tx, rows, noted)
        purged = _list_purged(tx, ids)
        for row in rows:
            mine = [entry for entry in noted[row.message_id] if entry.partner == row.sender]
            yield HeldMessage(
                False,
                row.sender,
                row.message_id,
                row.case_id,
                find_member(row.kind, KINDS),
                row.digest,
                row.received_at,
                None,
                row.state,
                row.state_at,
                _to_bytes(row.data_key),
                bytes(row.content),
                None,
                mine,
                acts[row.sender, row.message_id],
                purged.get((row.message_id, row.case_id)),
            )


def _list_purged(tx: Connection, ids: Sequence[str]) -> dict[tuple[str, str | None], int]:
    """Return of each of these messages that was purged, by its case, the number of the last entry that says so."""
    at, mentions = audit_entries.c, audit_mentions.c
    query = select(mentions.about.label("message"), at.about, at.number).join_from(
        audit_mentions, audit_entries, at.number == mentions.number
    )
    rows = tx.execute(query.where(is_among(tx, mentions.about, ids), at.act == PURGED).order_by(at.number))
    return {(row.message, row.about): row.number for row in rows}


def _acts_on_received(
    tx: Connection, rows: Sequence[Any], noted: Mapping[str, Sequence[NotedEntry]]
) -> dict[tuple[str, str], list[LoggedAct]]:
    acts: dict[tuple[str, str], list[LoggedAct]] = defaultdict(list)
    ids, cases = [row.message_id for row in rows], {row.case_id for row in rows}
    for several in noted.values():
        for entry in several:
            acts[entry.partner or "", entry.about or ""].append(LoggedAct(entry.number, entry.at, entry.act))
    ours = select(outbox.c.message_id, outbox.c.in_reply_to, outbox.c.recipient, outbox.c.kind)
    answers = tx.execute(ours.where(is_among(tx, outbox.c.in_reply_to, ids))).all()
    queued = _entries_of_acts(tx, [row.message_id for row in answers], "notice.queued")
    for row in answers:
        for entry in queued[row.message_id]:
            kind, decision = find_member(row.kind, KINDS), find_member(entry.detail.get("decision"), DECISIONS)
            act = LoggedAct(entry.number, entry.at, REPLY, kind, decision)
            acts[row.recipient, row.in_reply_to].append(act)
    at = inbox.c
    theirs = select(at.sender, at.in_reply_to, at.supersedes, at.case_id, at.kind, at.received_at)
    names = or_(is_among(tx, at.in_reply_to, ids), is_among(tx, at.supersedes, ids))
    for later in tx.execute(theirs.where(names)):
        for name in {later.in_reply_to, later.supersedes} - {None}:
            acts[later.sender, name].append(LoggedAct(0, later.received_at, "theirs"))
    located = and_(is_among(tx, at.case_id, sorted(cases)), at.kind == "LocatedNotice", at.in_reply_to.is_(None))
    ended = [(row.sender, row.case_id, row.received_at) for row in tx.execute(theirs.where(located))]
    for sender, case, moment in ended:
        for row in rows:
            if (row.sender, row.case_id) == (sender, case):
                acts[row.sender, row.message_id].append(LoggedAct(0, moment, "theirs"))
    return acts


def list_sent_messages(tx: Connection) -> Iterator[HeldMessage]:
    """Yield every message of ours."""
    at, contents = outbox.c, outbox_contents.c
    columns = (at.message_id, at.recipient, at.case_id, at.kind, at.digest, at.queued_at, at.queued_by)
    states = (at.state, at.state_at, at.protection, contents.data_key, contents.content, contents.sealed)
    joined = outbox.outerjoin(outbox_contents, contents.message_id == at.message_id)
    for rows in _read_pages(tx, select(*columns, *states).select_from(joined), (at.message_id,)):
        noted = _entries_about(tx, [row.message_id for row in rows])
        acts = _acts_on_sent(tx, rows, noted)
        purged = _list_purged(tx, [row.message_id for row in rows])
        for row in rows:
            yield HeldMessage(
                True,
                row.recipient,
                row.message_id,
                row.case_id,
                find_member(row.kind, KINDS),
                row.digest,
                row.queued_at,
                row.queued_by,
                row.state,
                row.state_at,
                _to_bytes(row.data_key),
                bytes(row.content or b""),
                bytes(row.sealed or b"") if row.protection == "sealed" else None,
                [entry for entry in noted[row.message_id] if entry.partner == row.recipient],
                acts[row.message_id],
                purged.get((row.message_id, row.case_id)),
            )


def _acts_on_sent(
    tx: Connection, rows: Sequence[Any], noted: Mapping[str, Sequence[NotedEntry]]
) -> dict[str, list[LoggedAct]]:
    acts: dict[str, list[LoggedAct]] = defaultdict(list)
    recipients = {row.message_id: row.recipient for row in rows}
    for name, several in noted.items():
        acts[name] += [
            LoggedAct(entry.number, entry.at, entry.act) for entry in several if entry.partner == recipients[name]
        ]
    at = inbox.c
    theirs = select(at.sender, at.message_id, at.in_reply_to, at.kind)
    replies = tx.execute(theirs.where(is_among(tx, at.in_reply_to, list(recipients)))).all()
    entries = _entries_of_acts(tx, [row.message_id for row in replies], "message.kept", "reply.without-effect")
    for row in replies:
        of_it = [entry for entry in entries[row.message_id] if entry.partner == row.sender]
        effect = all(entry.act == "message.kept" for entry in of_it)
        for entry in of_it:
            if entry.act == "message.kept" and row.sender == recipients[row.in_reply_to]:
                kind, decision = find_member(row.kind, KINDS), find_member(entry.detail.get("decision"), DECISIONS)
                act = LoggedAct(entry.number, entry.at, REPLY, kind, decision, effect)
                acts[row.in_reply_to].append(act)
    searches = [row for row in rows if row.kind in SEARCHES]
    for row in searches:
        acts[row.message_id] += []
    if searches:
        _add_acts_on_cases(tx, searches, acts)
    return acts


def _add_acts_on_cases(tx: Connection, searches: Sequence[Any], acts: dict[str, list[LoggedAct]]) -> None:
    """Add what ended all searches of a case: an entry about the case, or about one of them."""
    cases = sorted({row.case_id for row in searches})
    of_case = {
        row.message_id: row.case_id
        for row in tx.execute(
            select(outbox.c.message_id, outbox.c.case_id).where(is_among(tx, outbox.c.case_id, cases))
        )
    }
    of_case |= {case: case for case in cases}
    for name, several in _entries_of_acts(tx, list(of_case), *OF_THE_CASE).items():
        for entry in several:
            for row in searches:
                if row.case_id == of_case[name]:
                    acts[row.message_id].append(LoggedAct(entry.number, entry.at, entry.act))


def _entries_of_acts(tx: Connection, ids: Sequence[str], *acts: str) -> dict[str, list[NotedEntry]]:
    entries: dict[str, list[NotedEntry]] = defaultdict(list)
    for name, several in (_entries_about(tx, ids) if ids else {}).items():
        entries[name] = [entry for entry in several if entry.act in acts]
    return entries


def list_missing_messages(tx: Connection) -> Iterator[tuple[int, str, str, bool]]:
    """Yield entries of messages that are not there: number, id, the partner, and whether it was ours."""
    at = audit_entries.c
    theirs = select(inbox.c.message_id).where(inbox.c.sender == at.partner, inbox.c.message_id == at.about)
    ours = select(outbox.c.message_id).where(outbox.c.recipient == at.partner, outbox.c.message_id == at.about)
    for act, row in (("message.kept", theirs), ("notice.queued", ours)):
        query = select(at.number, at.about, at.partner).where(at.act == act, ~row.exists()).order_by(at.number)
        for number, about, partner in tx.execute(query.execution_options(yield_per=AT_ONCE)):
            yield number, about, partner, act == "notice.queued"


def list_receipt_entries(tx: Connection, ours: str) -> Iterator[tuple[NotedEntry, list[HeldReceipt]]]:
    """Yield every entry that tells of a receipt, and the receipts for those bytes by whoever gave it."""
    at = audit_entries.c
    for rows in _read_pages(tx, select(*_ENTRY).where(at.act.in_((*GIVEN, *GOT))), (at.number,)):
        noted = [_read_entry(row) for row in rows]
        of_digest: dict[str, list[HeldReceipt]] = defaultdict(list)
        names = list_columns(receipts, HeldReceipt)
        digests = [entry.digest for entry in noted if entry.digest]
        for row in tx.execute(select(*names).where(is_among(tx, receipts.c.digest, digests))):
            of_digest[row.digest].append(HeldReceipt(*row))
        for entry in noted:
            issuer = ours if entry.act in GIVEN else entry.partner
            yield entry, [held for held in of_digest.get(entry.digest or "", []) if held.issuer == issuer]


def count_receipts(tx: Connection) -> int:
    """Count the receipts that lie here."""
    return tx.scalar(select(func.count()).select_from(receipts)) or 0


def list_accounts(tx: Connection) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Yield of every person, and every case system, the name, the roles or scopes, and whether it counts."""
    for row in tx.execute(select(people.c.name, people.c.roles, people.c.active)):
        yield f"person {row.name}", frozenset(row.roles.split()), row.active
    for row in tx.execute(select(api_clients.c.id, api_clients.c.scopes, api_clients.c.active)):
        yield f"client {row.id}", frozenset(row.scopes.split()), row.active


def list_account_entries(tx: Connection) -> Iterator[NotedEntry]:
    """Yield what was done to accounts, in order."""
    at = audit_entries.c
    acts = ("person.added", "person.roles", "person.ended", "person.back", "client.added", "client.ended")
    query = select(*_ENTRY).where(at.act.in_(acts)).order_by(at.number).execution_options(yield_per=AT_ONCE)
    for row in tx.execute(query):
        yield _read_entry(row)


def _read_pages(tx: Connection, query: Select[Any], key: tuple[ColumnElement[Any], ...]) -> Iterator[Sequence[Any]]:
    """Yield page after page in the order of a key."""
    beyond: tuple[Any, ...] | None = None
    while True:
        page = query if beyond is None else query.where(tuple_(*key) > beyond if len(key) > 1 else key[0] > beyond[0])
        rows = tx.execute(page.order_by(*key).limit(AT_ONCE)).all()
        if not rows:
            return
        yield rows
        beyond = tuple(rows[-1]._mapping[column] for column in key)


def _to_bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
