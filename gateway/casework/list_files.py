"""The inbox, and what we sent, as files for a spreadsheet: every row of the list, in its order.

A file leaves this service, and may be sent on. So a restricted child is "This child" in it, without a name or a date of
birth. That it was made is one entry of the audit log, which mentions each notice whose child it names.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from gateway.access import absences
from gateway.casework import listed_children
from gateway.casework.inbox_list import InboxRow, list_rows
from gateway.casework.listed_children import ListedChild
from gateway.casework.messages import StoredMessage
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.core.duties import DutyStep
from gateway.core.inbox_order import WaitingMessage
from gateway.errors import Unusable
from gateway.paper import as_csv
from gateway.paper.page import Cell, Column, ReportPage, ReportTable
from gateway.store.outbox import Delivery
from schemas.message import OPENS_A_CASE

# Rows of one file: some seconds, and one entry of the log that names them all.
MOST_ROWS = 5_000
THIS_CHILD = "This child"
INBOX_COLUMNS = (
    *("Child", "Date of birth", "Siblings", "Type of notice", "Reference", "From", "Received", "Status"),
    *("Restriction", "Safeguarding", "Due from you", "Due", "Overdue", "Assigned to"),
)
SENT_COLUMNS = (
    *("Child", "Date of birth", "Siblings", "Type of notice", "Reference", "To", "Sent", "Status", "What it means"),
    *("Restriction", "Sent by"),
)


def build_inbox_file(gw: Gateway, waiting: Sequence[WaitingMessage], by: str) -> bytes:
    """Build a file of what waits, in this order. Raises Unusable where it is too long."""
    check_length(waiting)
    rows = list_rows(gw, waiting, lambda items: listed_children.list_exported(gw, items, by, "inbox"))
    called = absences.describe_team(gw)
    return _write_file("Inbox", INBOX_COLUMNS, [_build_inbox_cells(row, called) for row in rows])


def build_sent_file(gw: Gateway, sent: Sequence[Delivery], by: str) -> bytes:
    """Build a file of what we sent, in this order. Raises Unusable where it is too long."""
    check_length(sent)
    children = listed_children.list_exported(gw, sent, by, "sent")
    cells = [_build_sent_cells(delivery, child) for delivery, child in zip(sent, children, strict=True)]
    return _write_file("Sent notices", SENT_COLUMNS, cells)


def check_length(rows: Sequence[object]) -> None:
    """Check that a list is short enough for a file. Raises Unusable."""
    if len(rows) > MOST_ROWS:
        raise Unusable("list.too-long", most=f"{MOST_ROWS:,}")


def _write_file(title: str, columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> bytes:
    table = ReportTable(title, [Column(heading) for heading in columns], cells)
    return as_csv.write(ReportPage(title, "", "", (), (table,)))


def _build_inbox_cells(row: InboxRow, called: Mapping[str, str]) -> Sequence[Cell]:
    item, duty = row.item, row.duty
    return (
        *_build_child_cells(item, row.child),
        labels.name_authority_in_full(item.sender),
        _format_moment(item.received_at),
        item.summary.status.tag,
        _name_restriction(item),
        labels.name_urgent() if row.is_urgent else "",
        labels.name_missing(duty.missing) if duty else "",
        _format_moment(duty.late_at) if duty else "",
        labels.name_timing(late=True) if duty and duty.step is not DutyStep.WAIT else "",
        "; ".join(called.get(name, name) for name in row.assigned) or labels.name_unassigned(),
    )


def _build_sent_cells(delivery: Delivery, child: ListedChild) -> Sequence[Cell]:
    status = delivery.summary.status
    return (
        *_build_child_cells(delivery, child),
        labels.name_authority_in_full(delivery.recipient),
        _format_moment(delivery.queued_at),
        status.tag,
        status.line,
        _name_restriction(delivery),
        delivery.queued_by,
    )


def _build_child_cells(message: StoredMessage, child: ListedChild) -> Sequence[Cell]:
    restricted = message.restriction != "none" and message.kind in OPENS_A_CASE
    return (
        THIS_CHILD if restricted else child.name,
        _format_birth(child.dob, estimated=child.dob_estimated),
        "; ".join(child.siblings),
        labels.name_kind(message.kind),
        message.message_id,
    )


def _name_restriction(message: StoredMessage) -> str:
    return labels.name_restriction(message.restriction) if message.restriction != "none" else ""


def _format_birth(dob: date | None, *, estimated: bool) -> str:
    if dob is None:
        return ""
    return f"{dob:%d %b %Y}{' (estimated)' if estimated else ''}"


def _format_moment(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%d %b %Y %H:%M}"
