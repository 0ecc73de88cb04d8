"""The audit log as an auditor reads it: each entry as a sentence, the entries of one case or person, who read a record, and proof.

Nothing of a child is opened for it. Whoever reviews, verifies or takes out the log leaves an entry of their own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from gateway.context import SYSTEM, Authority
from gateway.core import audit_sentences, merkle
from gateway.core.labels import name_kind
from gateway.errors import Ambiguous, NotAllowed, NotFound
from gateway.store import audit_log, audit_search, inbox, outbox, people
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.audit_search import AuditQuery
from keys import note
from keys.note import Checkpoint
from keys.trust import Trust
from schemas import codes

PAGE = 50  # entries
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, explained."""

    number: int
    at: datetime
    act: str
    actor: str
    about: str | None
    partner: str | None
    sentence: str
    more: Mapping[str, str]  # of the detail, what the sentence does not say
    text: str  # the leaf


@dataclass(frozen=True, slots=True)
class Asked:
    """What an auditor looks for. `kind` is a kind of act or one act, `reference` an id of a notice, draft or case."""

    kind: str = ""
    person: str = ""
    partner: str = ""
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def detail(self) -> dict[str, str | int]:
        """For the entry that says what was looked for."""
        said = {"kind": self.kind, "person": self.person, "with": self.partner, "reference": self.reference}
        moments = {"from": self.since, "to": self.until}
        said |= {name: at.isoformat() for name, at in moments.items() if at}
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries; more lie below `below`, where that is given. `case`: of the notice that was asked about."""

    lines: Sequence[Line]
    below: int | None
    case: str | None


def look(here: Authority, asked: Asked, before: int | None, by: str) -> Found:
    """The newest entries that are asked for. Raises NotFound where nothing has this person's name, or this reference."""

    def work(tx: Connection) -> Found:
        sought, case = _sought(tx, asked)
        kept = audit_search.search_entries(tx, sought, before, PAGE + 1)
        below = {"below": before} if before is not None else {}
        audit_log.append_entries(tx, here.now(), [AuditEntry("audit.reviewed", by, detail=asked.detail() | below)])
        called = _called(tx)
        return Found([_line(one, called) for one in kept[:PAGE]], kept[PAGE - 1].number if kept[PAGE:] else None, case)

    return here.store.run(work)


def check(here: Authority, asked: Asked) -> None:
    """Raises NotFound where nobody of this name has an account or did anything, or nothing has this reference."""
    here.store.look(lambda tx: _sought(tx, asked))


def _sought(tx: Connection, asked: Asked) -> tuple[AuditQuery, str | None]:
    if asked.person and not (audit_search.has_actor(tx, asked.person) or people.find_person(tx, asked.person)):
        raise NotFound("audit.no-person")
    abouts, partners, case = _ids(tx, asked.reference) if asked.reference else (None, None, None)
    who = asked.person or None, asked.partner or None
    return AuditQuery(audit_sentences.acts_of(asked.kind), *who, abouts, asked.since, asked.until, partners), case


def _ids(tx: Connection, reference: str) -> tuple[Sequence[str], Sequence[str] | None, str | None]:
    """The ids that a reference stands for: a case and all its messages, with its authorities, or one notice or draft; and the
    case of a notice.
    """
    named = [reference] if len(reference) > 12 else audit_search.list_ids_ending(tx, reference)
    for one in named:
        if messages := _messages(tx, one):
            return (one, *(message_id for _, message_id in messages)), sorted({who for who, _ in messages}), None
    for one in named:
        if case := _case_of(tx, one):
            return named, None, case
    if not audit_search.search_entries(tx, AuditQuery(abouts=named), None, 1):
        raise NotFound("audit.no-reference")
    return named, None, None


def _messages(tx: Connection, case: str) -> list[tuple[str, str]]:
    """With whom each was exchanged, and its id."""
    sent = outbox.search_outbox(tx, conversation_id=case, limit=None)
    came = inbox.search_inbox(tx, FOREVER, conversation_id=case, limit=None)
    return [(one.recipient, one.message_id) for one in sent] + [(one.sender, one.message_id) for one in came]


def _case_of(tx: Connection, message_id: str) -> str | None:
    with suppress(NotFound):
        return outbox.get_delivery(tx, message_id).conversation_id
    with suppress(NotFound, Ambiguous):
        return inbox.get_message(tx, message_id).conversation_id
    return None


def _called(tx: Connection) -> dict[str, str]:
    return {one.name: one.called for one in people.list_people(tx)} | {SYSTEM: "The gateway"}


def _line(kept: LoggedEntry, called: Mapping[str, str]) -> Line:
    detail = json.loads(kept.entry).get("detail", {})
    partner = _authority(kept.partner) if kept.partner else ""
    names = {"who": called.get(kept.actor, kept.actor), "about": called.get(kept.about or "", kept.about or "")}
    parts = {name: called.get(str(value), str(value)) for name, value in detail.items()} | names
    if "owner" in parts:
        parts["owner"] = _authority(parts["owner"])
    if partner:
        parts["partner"] = partner
    sentence, more = audit_sentences.told(kept.act, parts), audit_sentences.untold(kept.act, detail)
    if "kind" in more and kept.act != "audit.reviewed":
        more["kind"] = name_kind(more["kind"])
    return Line(kept.number, kept.at, kept.act, kept.actor, kept.about, kept.partner, sentence, more, kept.entry)


def _authority(code: str) -> str:
    return codes.authority_name(code) or code


@dataclass(frozen=True, slots=True)
class Placed:
    """One entry with its leaf in the tree, and over how many entries the newest checkpoint lies that has it."""

    line: Line
    leaf: bytes
    whole: bool  # the leaf is the hash of the text
    signed_over: int | None


def place(here: Authority, number: int, by: str) -> Placed:
    """One entry. That it was looked at is an entry too. Raises NotFound."""

    def work(tx: Connection) -> Placed:
        kept, over = audit_search.get_entry(tx, number), audit_search.find_checkpoint_over(tx, number)
        audit_log.append_entries(tx, here.now(), [AuditEntry("audit.reviewed", by, detail={"entry": number})])
        whole = merkle.leaf_hash(kept.entry.encode()) == kept.leaf
        return Placed(_line(kept, _called(tx)), kept.leaf, whole, over[0] if over else None)

    return here.store.run(work)


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry stands in the log that was signed: the path from its leaf to the root, and whether it leads there."""

    number: int
    leaf: bytes
    path: Sequence[bytes]
    checkpoint: Checkpoint
    note: str
    holds: bool


def prove(here: Authority, number: int) -> Proof:
    """Make the proof, and check it (RFC 9162, 2.1.3). It reads the whole log. Raises NotFound, NotAllowed, or a Refusal."""

    def work(tx: Connection) -> Proof:
        kept, over = audit_search.get_entry(tx, number), audit_search.find_checkpoint_over(tx, number)
        if over is None:
            raise NotAllowed("audit.not-signed-yet")
        stamped = note.verify_checkpoint_with_trust(
            over[1], authority=here.code, trust=Trust({here.code: here.own_card})
        )
        path, leaf = audit_log.prove_inclusion(tx, number, stamped.size), merkle.leaf_hash(kept.entry.encode())
        holds = merkle.included(leaf, number, stamped.size, path, stamped.root)
        return Proof(number, leaf, path, stamped, over[1], holds)

    return here.store.look(work)
