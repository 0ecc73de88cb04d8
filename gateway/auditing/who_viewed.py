"""Who viewed a child, for an auditor who knows the child's name, date of birth or UPN, and may see no record.

The notices are found as officers find them, by the marks of what was typed; none is opened. Leavers' records and
notices that are being written have no marks: a machine opens them, and holds them against what was typed. What is shown
is entries of the log, and the references of notices: nothing that says which child it is. That somebody asked is an
entry too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.auditing.browse import PAGE, AuditLine, explain_entries, list_case_messages
from gateway.context import Gateway
from gateway.core.audit_acts import READINGS
from gateway.core.near_search import list_near_terms
from gateway.core.search_terms import Term
from gateway.core.typed_search import NoticeQuery, parse_query
from gateway.store import audit_log, audit_search, blind_index, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.audit_search import AuditQuery
from gateway.store.blind_index import IndexHit
from gateway.store.database import Tx
from keys import blind
from schemas.shapes import CaseId, MessageId

# Notices that are found: of a common name there are more, and a date of birth says which.
MOST_NOTICES = 200
# Entries of one file.
MOST_IN_FILE = 5_000


@dataclass(frozen=True, slots=True)
class ChildQuestion:
    """What an auditor knows of a child, and when it was viewed."""

    typed: str
    # Names that sound alike too.
    alike: bool = False
    since: datetime | None = None
    until: datetime | None = None
    # Below this entry.
    cursor: int | None = None
    # Entries at once.
    most: int = PAGE


@dataclass(frozen=True, slots=True)
class UnsentRecord:
    """A leaver's record, or a notice that an officer wrote: which, and by what it is found."""

    record_id: str
    terms: Collection[Term] = field(repr=False)
    # The case that it became.
    case: CaseId | None = None


@dataclass(frozen=True, slots=True)
class ChildViews:
    """Who viewed the notices that were found."""

    # References, of cases.
    cases: tuple[CaseId, ...]
    # How many leavers' records, and notices that were written, are about the child.
    records: int
    lines: Sequence[AuditLine]
    # More lie below this entry.
    below: int | None
    # There are more notices than were looked at.
    too_many: bool
    # False: messages of before the index are still being put into it.
    complete: bool


def list_child_views(
    gw: Gateway,
    asked: ChildQuestion,
    by: str,
    *,
    unsent: Sequence[UnsentRecord] = (),
    as_file: bool = False,
) -> ChildViews:
    """List who viewed the child that is asked about, the newest first. Raises Unusable where that is not understood.

    `unsent`: what is no notice and may be about the child.
    """
    most = asked.most
    sought = parse_query(asked.typed, gw.now().date())
    wanted_terms = _list_wanted_terms(sought, alike=asked.alike)
    wanted = [blind.compute_marks(part, gw.ring) for part in wanted_terms]

    def read_and_log(tx: Tx) -> ChildViews:
        hits = blind_index.find_marked(tx, wanted, limit=MOST_NOTICES + 1)
        cases = _list_cases(tx, gw, hits[:MOST_NOTICES], sought.ids)
        records = _select_records(unsent, wanted_terms, cases)
        entries = _list_readings(tx, asked, cases, records, most + 1) if cases or records else []
        counts = {"found": len(cases), "entries": len(entries[:most]), **({"records": len(records)} if records else {})}
        detail: dict[str, str | int] = {"by": " ".join(sought.kinds), **counts, **({"as": "csv"} if as_file else {})}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("audit.child-reviewed", by, detail=detail)])
        return ChildViews(
            cases,
            len(records),
            explain_entries(tx, entries[:most]),
            entries[most - 1].number if entries[most:] else None,
            len(hits) > MOST_NOTICES,
            not blind_index.count_waiting(tx, 1),
        )

    return gw.store.run(read_and_log)


def _list_wanted_terms(sought: NoticeQuery, *, alike: bool) -> list[frozenset[Term]]:
    """List by which terms each part is met; with what is close to it, if that is asked for too."""
    single = len(sought.parts) == 1
    return [list_near_terms(part, alone=single)[0] if alike else part.terms for part in sought.parts]


def _select_records(
    unsent: Sequence[UnsentRecord], wanted: Sequence[frozenset[Term]], cases: Collection[CaseId]
) -> list[str]:
    """Select what became one of these cases, or is found by all that was typed."""
    return [
        record.record_id
        for record in unsent
        if record.case in cases or (record.terms and all(part.intersection(record.terms) for part in wanted))
    ]


def _list_cases(tx: Tx, gw: Gateway, hits: Sequence[IndexHit], ids: frozenset[str]) -> tuple[CaseId, ...]:
    """Return the cases of these notices, the newest first; of a reference that was typed whole, only its own."""
    sent = outbox.list_deliveries_by_id(tx, [hit.message_id for hit in hits if hit.direction == "sent"])
    came = inbox.list_messages_by_id(tx, gw.now(), [hit.message_id for hit in hits if hit.direction == "came"])
    known: dict[MessageId, set[CaseId]] = {}
    named = [(message.message_id, message.case_id) for message in sent]
    named += [(message.message_id, message.case_id) for message in came]
    for message_id, case in named:
        if ids <= {message_id, case}:
            known.setdefault(message_id, set()).add(case)
    return tuple(dict.fromkeys(case for hit in hits for case in sorted(known.get(hit.message_id, ()))))


def _list_readings(
    tx: Tx, asked: ChildQuestion, cases: Sequence[CaseId], records: Sequence[str], most: int
) -> list[audit_log.LoggedEntry]:
    """List who viewed these cases, any message in them, or these records."""
    messages = [message for case in cases for message in list_case_messages(tx, case)]
    abouts = list(dict.fromkeys((*cases, *records, *(message_id for _, message_id in messages))))
    partners = sorted({partner for partner, _ in messages})
    query = AuditQuery(READINGS, abouts=abouts, since=asked.since, until=asked.until, partners=partners)
    return audit_search.search_entries(tx, query, asked.cursor, most)
