"""Everything held about one child and who viewed it, as one file that a person can read.

Each message is opened as if a person had read it, with an entry of its own; that the file was made is one more. A case
in which the child is only named is in it as a reference (`retention/child_cases.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from gateway import copies
from gateway.auditing.browse import AuditLine, explain_entries, list_case_messages
from gateway.casework import by_hand, by_mail, case_notes, compose
from gateway.context import Gateway
from gateway.copies import View
from gateway.core import giveaways, labels, safeguards, subject_access
from gateway.core.audit_acts import READINGS
from gateway.core.typed_search import parse_query
from gateway.errors import NotFound, Unusable
from gateway.one import drafts as leavers
from gateway.paper.page import Column, ReportPage, ReportTable
from gateway.reports.wording import format_day, format_moment, format_own_authority
from gateway.retention import child_cases, legal_holds
from gateway.retention.child_cases import ChildCases, Places
from gateway.searches import call_list
from gateway.store import (
    audit_log,
    audit_search,
    calls,
    mail_replies,
    reviews,
)
from gateway.store import case_notes as stored_notes
from gateway.store.audit_log import AuditEntry
from gateway.store.audit_search import AuditQuery
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas import codes
from schemas.message import Message
from schemas.reading import list_sections
from schemas.shapes import CaseId

# Entries of the log in one file.
MOST_ENTRIES = 20_000
# Leavers' records that a machine looks at.
MOST_RECORDS = 5_000
NOT_HERE = (
    "Not in this file: your case management system and the copy of it in the pupil index, your other records, and"
    " backups."
)
LEFT_OUT = "Left out: the child is restricted"
FACTS = (Column("What"), Column("Recorded"))


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All that is held of one case, opened."""

    case_id: CaseId
    sent: Sequence[Delivery]
    came: Sequence[InboxItem]
    messages: Sequence[tuple[Delivery | InboxItem, Message | None]] = field(repr=False)
    tables: Sequence[ReportTable] = field(repr=False)


def collect_child(gw: Gateway, typed: str, by: str) -> ReportPage:
    """Collect everything that is held about one child.

    Args:
        gw: our gateway.
        typed: a UPN, or a name and date of birth, or the reference of a case.
        by: for whom; it is logged that they saw all of it.

    Raises:
        Unusable: `subject-access.who` where that may be several children, or as `parse_query` says.
        NotFound: `subject-access.nothing` where nothing is held.
    """
    sought = parse_query(typed, gw.now().date())
    if not subject_access.names_one_child(sought):
        raise Unusable("subject-access.who")
    cases = child_cases.find_cases(gw, sought)
    leaver_ids = child_cases.select_records(sought, leavers.list_draft_records(gw, MOST_RECORDS))
    written_ids = child_cases.select_records(sought, compose.list_written_records(gw, MOST_RECORDS))
    if not (cases.about or cases.named or leaver_ids or written_ids):
        raise NotFound("subject-access.nothing")
    files = [gw.store.run(partial(_read_case, gw=gw, case_id=case, by=by)) for case in cases.about]
    tables = [_list_cases(gw, files, cases)]
    for file in files:
        tables += _build_case_tables(gw, file, by, withheld=cases.withheld)
    tables += [_build_leaver_table(gw, draft_id, by, withheld=cases.withheld) for draft_id in leaver_ids]
    tables.append(
        ReportTable(
            "Unfinished notices",
            (Column("Reference"), Column("Where to view it")),
            [(name, 'In the console, under "Send a notice"') for name in written_ids],
        )
    )
    names = [message.message_id for file in files for message, _ in file.messages]
    detail: dict[str, str | int] = {"by": " ".join(sought.kinds), "cases": len(files), "messages": len(names)}
    made = AuditEntry("subject-access.made", by, detail=detail, mentions=tuple(dict.fromkeys(names)))
    # Last, so that what was viewed for this file stands in it too.
    tables += gw.store.run(lambda tx: _list_log(tx, gw, files, leaver_ids, made))
    notes = [f"Created by {gw.name_person(by)}, {format_moment(gw.now())}. Every record in it was logged as viewed."]
    notes += [subject_access.RESTRICTED] if cases.withheld is not None else []
    notes += [NOT_HERE, "Before you disclose any of it, check:", *subject_access.CHECKS]
    return ReportPage(
        title="Everything held about one child",
        authority=format_own_authority(gw),
        about="For a subject access request. Not yet checked for disclosure",
        notes=tuple(notes),
        tables=tuple(tables),
    )


def _read_case(tx: Tx, gw: Gateway, case_id: CaseId, by: str) -> CaseFile:
    """Read all of a case, and note that each of its messages was viewed."""
    messages = child_cases.list_messages(tx, gw, case_id)
    views = [
        AuditEntry("notice.read", by, message.message_id, message.summary.partner, detail={"for": "subject-access"})
        for message in messages
    ]
    taken = copies.take_copies(tx, gw, [message.name for message in messages], View(views[0], views[1:]))
    opened = [
        (message, copies.open_copy(gw, copy) if (copy := taken.get(message.name)) and copy.is_held else None)
        for message in messages
    ]
    sent = [message for message in messages if isinstance(message, Delivery)]
    came = [message for message in messages if isinstance(message, InboxItem)]
    tables = tuple(table for table in _list_own_tables(tx, gw, case_id, sent, came) if table.rows)
    return CaseFile(case_id, sent, came, opened, tables)


def _list_own_tables(
    tx: Tx, gw: Gateway, case_id: CaseId, sent: Sequence[Delivery], came: Sequence[InboxItem]
) -> Iterator[ReportTable]:
    """Yield what officers wrote down in a case."""
    tail = f"case {case_id}"
    notes = [(stored, case_notes.open_case_note(gw, stored)) for stored in stored_notes.list_case_notes(tx, case_id)]
    yield ReportTable(
        f"Notes and visits, {tail}",
        (Column("When"), Column("By"), Column("Note")),
        [(format_moment(stored.at), stored.by, note.text) for stored, note in notes if note],
    )
    told = [call for message in sent for call in calls.list_calls(tx, message.message_id)]
    told += [call for item in came for call in calls.list_received_calls(tx, item.sender, item.message_id)]
    opened = [(call, by_hand.open_call(gw, call)) for call in told]
    yield ReportTable(
        f"Calls, {tail}",
        (Column("When"), Column("Recorded by"), Column("Spoken to"), Column("Note")),
        [
            (format_moment(call.at), call.recorded_by, words.spoken_to, words.note or "")
            for call, words in opened
            if words
        ],
    )
    yield ReportTable(
        f"Authorities that could not be asked, {tail}",
        (Column("Authority"), Column("Why"), Column("What they said"), Column("Note")),
        [
            (who.name, who.why, who.result or "Not called", (who.call.note if who.call else "") or "")
            for who in call_list.read_call_list(tx, gw, case_id)
        ],
    )
    sources, results = codes.get_labels("enquiry_sources"), codes.get_labels("enquiry_results")
    yield ReportTable(
        f"14-day reviews, {tail}",
        (Column("When"), Column("By"), Column("What was checked")),
        [
            (
                format_moment(act.at),
                act.by,
                "; ".join(
                    f"{sources.get(source, source)}: {results.get(result, result)}"
                    for source, _, result in (pair.partition("=") for pair in (act.checked or "").split())
                )
                or act.kind,
            )
            for act in reviews.list_review_acts(tx, case_id)
        ],
    )


def _list_cases(gw: Gateway, files: Sequence[CaseFile], cases: ChildCases) -> ReportTable:
    rows: list[tuple[str, ...]] = []
    for file in files:
        judged = legal_holds.judge_one_case(gw, file.case_id)
        is_held = any(message for _, message in file.messages)
        until = f"Until {format_day(judged.purge_on)}" if judged.purge_on else "Until it ends"
        rows.append((file.case_id, "About this child", until if is_held else "Details deleted"))
    rows += [(case_id, "About another child. This child is named in it", "") for case_id in cases.named]
    return ReportTable(
        "Cases",
        (Column("Case reference"), Column("Whom it is about"), Column("Kept")),
        rows,
        note="A case about another child is not in this file. Look at it, and decide whether to disclose any of it.",
    )


def _build_case_tables(gw: Gateway, file: CaseFile, by: str, *, withheld: Places) -> Iterator[ReportTable]:
    listed = [
        (
            format_moment(message.summary.at),
            f"{'Sent to' if message.summary.direction == 'sent' else 'Received from'}"
            f" {labels.name_authority_in_full(message.summary.partner)}",
            labels.name_kind(message.summary.kind),
            labels.name_status(message.summary.direction, message.summary.kind, message.summary.state),
        )
        for message, _ in file.messages
    ]
    columns = (Column("When"), Column("With"), Column("Type"), Column("Status"))
    yield ReportTable(f"Messages, case {file.case_id}", columns, listed)
    for (message, opened), (when, partner, kind, _) in zip(file.messages, listed, strict=True):
        yield from _build_message_tables(opened, f"{kind}, {partner.lower()}, {when}", withheld=withheld)
        if isinstance(message, Delivery):
            yield from _build_email_tables(gw, message, by, withheld=withheld)
    yield from file.tables if withheld is None else _hide_notes(file.tables)


def _build_message_tables(opened: Message | None, title: str, *, withheld: Places) -> Iterator[ReportTable]:
    if opened is None:
        yield ReportTable(title, FACTS, [("Details", "Deleted: their retention time had passed")])
        return
    if opened.restriction == "phone-only":
        yield ReportTable(title, FACTS, [("Restriction", labels.name_restriction("phone-only"))])
        return
    shown = opened if withheld is None else safeguards.withhold_place(opened)
    for section in list_sections(shown.body):
        named = f"{title}: {section.title}" if section.title else title
        columns = [Column(name) for name in section.columns] if section.table else FACTS
        if rows := section.table or section.pairs:
            yield ReportTable(named, columns, rows if withheld is None else _hide_places(rows, withheld))


def _hide_places(rows: Sequence[Sequence[str]], withheld: frozenset[str]) -> Sequence[Sequence[str]]:
    """Leave out each value that tells where the child is, in whatever field it stands."""
    return [
        [
            LEFT_OUT if giveaways.gives_place_away(cell, withheld) or giveaways.names_school(cell) else cell
            for cell in row
        ]
        for row in rows
    ]


def _build_email_tables(gw: Gateway, sent: Delivery, by: str, *, withheld: Places) -> Iterator[ReportTable]:
    for reply in gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [sent.message_id])):
        text = by_mail.read_mail_reply(gw, reply.number, by).text
        rows = [("Received", format_moment(reply.came_at)), ("From", reply.domain)]
        rows += [("Text", LEFT_OUT if withheld is not None else text.body if text else "Deleted")]
        yield ReportTable(f"Email reply, {format_moment(reply.came_at)}", FACTS, rows)


def _hide_notes(tables: Sequence[ReportTable]) -> Iterator[ReportTable]:
    """Yield in the place of what officers wrote how much of it there is: anything may stand in it."""
    for table in tables:
        yield ReportTable(table.title, FACTS, [("Entries", len(table.rows)), ("Text", LEFT_OUT)])


def _build_leaver_table(gw: Gateway, draft_id: str, by: str, *, withheld: Places) -> ReportTable:
    _, row = leavers.read_draft(gw, draft_id, by)
    values = [] if withheld is not None else [(name, str(value)) for name, value in row.items() if value]
    return ReportTable("Leaver record from your case management system", FACTS, [("Reference", draft_id), *values])


def _list_log(
    tx: Tx, gw: Gateway, files: Sequence[CaseFile], leaver_ids: Sequence[str], made: AuditEntry
) -> Sequence[ReportTable]:
    """List who viewed it and what was done, with the entry that this file was made."""
    audit_log.append_entries(tx, gw.now(), [made])
    messages = [message for file in files for message in list_case_messages(tx, file.case_id)]
    abouts = list(dict.fromkeys((*(file.case_id for file in files), *leaver_ids, *(name for _, name in messages))))
    partners = sorted({partner for partner, _ in messages})
    entries = audit_search.search_entries(tx, AuditQuery(abouts=abouts, partners=partners), None, MOST_ENTRIES)
    lines = explain_entries(tx, entries)[::-1]
    return (
        _build_log_table("Who viewed it", [line for line in lines if line.act in READINGS]),
        _build_log_table("What was done", [line for line in lines if line.act not in READINGS]),
    )


def _build_log_table(title: str, lines: Sequence[AuditLine]) -> ReportTable:
    rows = [(format_moment(line.at), line.sentence) for line in lines]
    return ReportTable(title, (Column("When"), Column("What")), rows)
