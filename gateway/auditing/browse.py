"""The audit log as an auditor reads it: each entry as a sentence, the entries of one case or person, who read a record,
and proof.

Nothing of a child is opened for it. Whoever reviews, verifies or takes out the log leaves an entry of their own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.context import SYSTEM, Gateway
from gateway.core import audit_sentences, labels, merkle
from gateway.core.entry_filter import EntryFilter
from gateway.errors import Ambiguous, NotAllowed, NotFound
from gateway.store import audit_log, audit_search, inbox, outbox, people
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.audit_search import AuditQuery
from gateway.store.database import Tx
from gateway.store.staff_names import read_staff_names
from keys import note
from keys.note import Checkpoint
from keys.trust import Trust
from schemas import codes
from schemas.message import KINDS, find_member
from schemas.shapes import CaseId, MessageId

# Entries.
PAGE = 50
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry, explained."""

    number: int
    at: datetime
    act: str
    actor: str
    about: str | None
    partner: str | None
    sentence: str
    # Of the detail, what the sentence does not say.
    more: Mapping[str, str]
    # The leaf.
    text: str


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """What an auditor looks for. `kind` is a kind of act or one act, `reference` an id of a notice, draft or case."""

    kind: str = ""
    person: str = ""
    partner: str = ""
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def build_detail(self) -> dict[str, str | int]:
        """Return the detail for the entry that says what was looked for."""
        parts = {"kind": self.kind, "person": self.person, "with": self.partner, "reference": self.reference}
        moments = {"from": self.since, "to": self.until}
        parts |= {name: at.isoformat() for name, at in moments.items() if at}
        return {name: value for name, value in parts.items() if value}


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of entries; more lie below `below`, where that is given. `case`: of the notice that was asked about."""

    lines: Sequence[AuditLine]
    below: int | None
    case: CaseId | None


def list_audit_page(gw: Gateway, asked: AuditQuestion, cursor: int | None, by: str) -> AuditPage:
    """List the newest entries that are asked for. Raises NotFound where nothing has this person's name or reference."""

    def read_and_log(tx: Tx) -> AuditPage:
        sought, case = _build_query(tx, asked)
        logged_entries = audit_search.search_entries(tx, sought, cursor, PAGE + 1)
        below = {"below": cursor} if cursor is not None else {}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("audit.reviewed", by, detail=asked.build_detail() | below)])
        return AuditPage(
            explain_entries(tx, logged_entries[:PAGE]),
            logged_entries[PAGE - 1].number if logged_entries[PAGE:] else None,
            case,
        )

    return gw.store.run(read_and_log)


def list_for_file(gw: Gateway, asked: AuditQuestion, by: str, most: int) -> Sequence[AuditLine]:
    """List the newest entries that are asked for, for a file. Raises NotFound as `list_audit_page` does."""

    def read_and_log(tx: Tx) -> Sequence[AuditLine]:
        entries = audit_search.search_entries(tx, _build_query(tx, asked)[0], None, most)
        detail = asked.build_detail() | {"entries": len(entries)}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("audit.list-exported", by, detail=detail)])
        return explain_entries(tx, entries)

    return gw.store.run(read_and_log)


def list_filtered_entries(gw: Gateway, wanted: EntryFilter, limit: int) -> list[tuple[LoggedEntry, AuditLine]]:
    """List the newest entries that pass the filter, the newest first, each with its sentence."""

    def read(tx: Tx) -> list[tuple[LoggedEntry, AuditLine]]:
        entries = audit_log.list_filtered_entries(tx, wanted, limit)
        return list(zip(entries, explain_entries(tx, entries), strict=True))

    return gw.store.look(read)


def check_question(gw: Gateway, asked: AuditQuestion) -> None:
    """Check that this name has an account or did anything, and something has this reference; or raise NotFound."""
    gw.store.look(lambda tx: _build_query(tx, asked))


def _build_query(tx: Tx, asked: AuditQuestion) -> tuple[AuditQuery, CaseId | None]:
    if asked.person and not (audit_search.has_actor(tx, asked.person) or people.find_person(tx, asked.person)):
        raise NotFound("audit.no-person")
    abouts, partners, case = _find_ids(tx, asked.reference) if asked.reference else (None, None, None)
    who = asked.person or None, asked.partner or None
    return AuditQuery(audit_sentences.list_acts(asked.kind), *who, abouts, asked.since, asked.until, partners), case


def _find_ids(tx: Tx, reference: str) -> tuple[Sequence[str], Sequence[str] | None, CaseId | None]:
    """The ids that a reference stands for: a case and all its messages, with its authorities, or one notice or draft;
    and the case of a notice.
    """
    named = [reference] if len(reference) > 12 else audit_search.list_ids_ending(tx, reference)
    for name in named:
        if messages := list_case_messages(tx, CaseId(name)):
            return (name, *(message_id for _, message_id in messages)), sorted({who for who, _ in messages}), None
    for name in named:
        if case := _find_case(tx, MessageId(name)):
            return named, None, case
    if not audit_search.search_entries(tx, AuditQuery(abouts=named), None, 1):
        raise NotFound("audit.no-reference")
    return named, None, None


def list_case_messages(tx: Tx, case_id: CaseId) -> list[tuple[str, MessageId]]:
    """List the messages of a case: with whom each was exchanged, and its id."""
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    came = inbox.search_inbox(tx, FOREVER, inbox.InboxQuery(case_id=case_id), limit=None)
    return [(message.recipient, message.message_id) for message in sent] + [
        (message.sender, message.message_id) for message in came
    ]


def _find_case(tx: Tx, message_id: MessageId) -> CaseId | None:
    with suppress(NotFound):
        return outbox.get_delivery(tx, message_id).case_id
    with suppress(NotFound, Ambiguous):
        return inbox.get_message(tx, message_id).case_id
    return None


def explain_entries(tx: Tx, logged_entries: Sequence[LoggedEntry]) -> list[AuditLine]:
    """Return entries that were read, each as a sentence."""
    names = read_staff_names(tx)
    return [_explain_entry(logged, {**names.list_at(logged.at), SYSTEM: "The gateway"}) for logged in logged_entries]


def _explain_entry(logged: LoggedEntry, called: Mapping[str, str]) -> AuditLine:
    detail = json.loads(logged.entry).get("detail", {})
    partner = _authority_name(logged.partner) if logged.partner else ""
    names = {"who": called.get(logged.actor, logged.actor), "about": called.get(logged.about or "", logged.about or "")}
    worded = {name: labels.name_audit_code(logged.act, name, str(value)) for name, value in detail.items()}
    parts = {name: called.get(text, text) for name, text in worded.items()} | names
    if "owner" in parts:
        parts["owner"] = _authority_name(parts["owner"])
    if partner:
        parts["partner"] = partner
    sentence, more = (
        audit_sentences.explain_act(logged.act, parts),
        audit_sentences.find_unexplained(logged.act, detail),
    )
    if "kind" in more and logged.act != "audit.reviewed":
        kind = find_member(more["kind"], KINDS)
        more["kind"] = labels.name_kind(kind) if kind else more["kind"]
    return AuditLine(
        logged.number, logged.at, logged.act, logged.actor, logged.about, logged.partner, sentence, more, logged.entry
    )


def _authority_name(code: str) -> str:
    return codes.authority_name(code) or code


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """One entry with its leaf in the tree, and over how many entries the newest checkpoint lies that has it."""

    line: AuditLine
    leaf: bytes
    # The leaf is the hash of the text.
    whole: bool
    signed_over: int | None


def read_entry(gw: Gateway, number: int, by: str) -> PlacedEntry:
    """Read one entry. That it was looked at is an entry too. Raises NotFound."""

    def read_and_log(tx: Tx) -> PlacedEntry:
        logged, over = audit_search.get_entry(tx, number), audit_search.find_checkpoint_over(tx, number)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("audit.reviewed", by, detail={"entry": number})])
        whole = merkle.hash_leaf(logged.entry.encode()) == logged.leaf
        return PlacedEntry(explain_entries(tx, [logged])[0], logged.leaf, whole, over[0] if over else None)

    return gw.store.run(read_and_log)


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That an entry stands in the log that was signed: the path from its leaf to the root, and whether
    it leads there.
    """

    number: int
    leaf: bytes
    path: Sequence[bytes]
    checkpoint: Checkpoint
    note: str
    holds: bool


def prove_entry(gw: Gateway, number: int) -> EntryProof:
    """Make the proof, and check it (RFC 9162, 2.1.3).

    It reads the whole log. Raises NotFound, NotAllowed, or a Refusal.
    """

    def build_proof(tx: Tx) -> EntryProof:
        logged, over = audit_search.get_entry(tx, number), audit_search.find_checkpoint_over(tx, number)
        if over is None:
            raise NotAllowed("audit.not-signed-yet")
        stamped = note.verify_checkpoint_with_trust(over[1], authority=gw.code, trust=Trust({gw.code: gw.own_card}))
        path, leaf = audit_log.prove_inclusion(tx, number, stamped.size), merkle.hash_leaf(logged.entry.encode())
        holds = merkle.verify_inclusion(leaf, number, stamped.size, path, stamped.root)
        return EntryProof(number, leaf, path, stamped, over[1], holds)

    return gw.store.look(build_proof)
