"""The list for an inspection: each child of a transfer notice in a period, by our reference, and what is still owed.

It holds children. Each notice that is opened for it is an entry of the audit log, as if a person had read it, so that
the log answers who read this child's record. A restricted child stands there as a reference only, and its notice is not
opened.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, View
from gateway.core import labels
from gateway.core.calendar import Span
from gateway.core.message_name import MessageName
from gateway.core.periods import get_moments
from gateway.paper.page import Column, ReportPage, ReportTable
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.reports.wording import format_day, format_moment, format_own_authority, format_period
from gateway.store import audit_log, report_queries
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.report_queries import ReportedNotice
from schemas import codes
from schemas.message import TransferNotice
from schemas.shapes import CaseId

# Hours a week: what an inspection asks about (Ofsted).
FULL_TIME = 25
COLUMNS = (
    Column("Case reference", key="Our reference (case)"),
    Column("Notice"),
    Column("Date of birth"),
    Column("UPN"),
    Column("Provision"),
    Column("Hours a week"),
    Column("Exclusion"),
    Column("Alternative provision since"),
    Column("Outstanding", key="Still owed"),
)
RESTRICTED = ("Restricted", *[""] * 5)
GONE = ("Deleted", *[""] * 5)


@dataclass(frozen=True, slots=True)
class InspectionNotices:
    """The newest notice of each case, and the copies of those that may be opened."""

    notices: Sequence[ReportedNotice]
    copies: Mapping[CaseId, Copy]


def make_inspection_list(gw: Gateway, days: Span, by: str) -> ReportPage:
    """Make the list, for a file and never a screen that others see."""
    owed: dict[str, list[Owed]] = {}
    for duty in reconcile.list_owed(gw):
        owed.setdefault(duty.message_id, []).append(duty)
    read_notices = gw.store.run(lambda tx: _read_and_log(tx, gw, days, by))
    bodies = {case: message.body for case, message in copies.open_held(gw, read_notices.copies)}
    rows = [
        _notice_row(notice, bodies.get(notice.case_id), owed.get(notice.message_id, ()))
        for notice in read_notices.notices
    ]
    creation = f"Created by {by}, {format_moment(gw.now())}."
    note = "One row for each case, from its latest transfer notice. Restricted children appear by reference only."
    return ReportPage(
        title="Children missing education: inspection list",
        authority=format_own_authority(gw),
        about=format_period(days),
        notes=(f"{len(rows)} children. {creation} Every record included was logged as viewed.", note),
        tables=(ReportTable("Children", COLUMNS, rows),),
    )


def _read_and_log(tx: Tx, gw: Gateway, days: Span, by: str) -> InspectionNotices:
    newest = {
        notice.case_id: notice
        for notice in sorted(report_queries.list_period_notices(tx, *get_moments(days)), key=lambda notice: notice.at)
        if notice.kind == TransferNotice.__name__
    }
    unrestricted = {notice.name: case for case, notice in newest.items() if notice.restriction == "none"}

    def describe_view(held: Collection[MessageName]) -> View:
        first, *more = [
            AuditEntry("notice.read", by, name.message_id, newest[case].partner, detail={"for": "report.inspection"})
            for name, case in unrestricted.items()
            if name in held
        ]
        return View(first, more)

    held = copies.take_held(tx, gw, unrestricted, describe_view)
    detail: dict[str, str | int] = {
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        "listed": len(newest),
        "opened": len(held),
    }
    audit_log.append_entries(tx, gw.now(), [AuditEntry("report.inspection", by, detail=detail)])
    return InspectionNotices(list(newest.values()), {unrestricted[name]: copy for name, copy in held.items()})


def _notice_row(notice: ReportedNotice, body: object, owed: Sequence[Owed]) -> Sequence[str]:
    way = "to" if notice.direction == "sent" else "from"
    if notice.restriction != "none":
        said_of_child: Sequence[str] = RESTRICTED
    else:
        said_of_child = _child_cells(body) if isinstance(body, TransferNotice) else GONE
    return (
        notice.case_id,
        f"{way} {labels.name_authority_in_full(notice.partner)}",
        *said_of_child,
        "; ".join(map(_describe_duty, owed)) or "Nothing",
    )


def _child_cells(body: TransferNotice) -> Sequence[str]:
    child, began = body.child, body.alternative_provision_start
    return (
        format_day(child.dob) + (", estimated" if child.dob_estimated else "") if child else "Not recorded",
        (child and child.upn) or "None",
        codes.get_labels("provision_statuses")[body.provision_status],
        _format_hours(body.hours_per_week),
        codes.get_labels("exclusion_types")[body.exclusion_type] if body.exclusion_type else "Not recorded",
        format_day(began) if began else "Not recorded",
    )


def _format_hours(hours: int | None) -> str:
    if hours is None:
        return "Not recorded"
    return f"{hours}, {'fewer than' if hours < FULL_TIME else 'at least'} {FULL_TIME}"


def _describe_duty(duty: Owed) -> str:
    return (
        f"{labels.name_missing(duty.missing)} due from {'them' if duty.owed_by == 'them' else 'you'},"
        f" {duty.working_days} working days"
    )
