"""Statistics of a period: what was sent and received, and of transfer notices DfE's reasons and durations, and the
outcomes.

What only the notices themselves say is read by opening our copies by machine, for counting. That is one entry of the
audit log; nothing about a child is in the report. A copy whose data key was destroyed counts as no longer held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, Machine
from gateway.core import figures, labels
from gateway.core.calendar import LONDON, Span
from gateway.core.delivery import DeliveryState
from gateway.core.message_name import MessageName
from gateway.core.periods import get_moments
from gateway.paper.page import ReportPage
from gateway.reports import counts
from gateway.reports.counts import CountTable, build_counts
from gateway.reports.wording import format_own_authority, format_period
from gateway.store import audit_log, report_queries
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.report_queries import ReportedNotice
from schemas import codes
from schemas.message import OPENS_A_CASE, Message, Outcome, TransferNotice, WhereaboutsUnknownNotice

TRANSFER, UNKNOWN, OUTCOME = (cls.__name__ for cls in (TransferNotice, WhereaboutsUnknownNotice, Outcome))
# The row of totals in the first table, which the authorities add up to.
PARTNERS = len(OPENS_A_CASE)
YEARS = {year: year for year in ("N", "E", "R", *map(str, range(1, 15)), "X")}

ENDINGS: Mapping[str, str] = {DeliveryState.REJECTED: "rejected", DeliveryState.CONCLUDED: "ended"}


@dataclass(frozen=True, slots=True)
class StatisticsRecords:
    """What was read: the notices; and the copies of transfer and unknown notices, and of the outcomes
    by their notice.
    """

    notices: Sequence[ReportedNotice]
    copies: Mapping[MessageName, Copy]
    outcomes: Mapping[MessageName, Copy]


def make_statistics(gw: Gateway, days: Span, by: str, *, whole: bool = False) -> ReportPage:
    """Make the report. `whole`: small numbers are shown, for the team."""
    records = gw.store.run(lambda tx: _read_records(tx, gw, days, by))
    bodies = {name: message.body for name, message in copies.open_held(gw, records.copies)}
    results = {name: _read_result(message) for name, message in copies.open_held(gw, records.outcomes)}
    until = min(days.last, gw.now().astimezone(LONDON).date())
    first = _count_by_kind(records)
    others = [
        _count_by_partner(records),
        *_count_transfers(records, bodies, until),
        _count_unknown(records, bodies, until),
    ]
    others.insert(4, _count_outcomes(records, results))
    return ReportPage(
        title=labels.name_report("statistics"),
        authority=format_own_authority(gw),
        about=format_period(days),
        notes=(
            labels.explain_small_numbers(shown=whole),
            (
                "Counts notices sent or received in this period. Tests, withdrawn notices and notices replaced by a"
                " correction are not counted."
            ),
        ),
        tables=tuple(counts.build_count_tables(first, others, whole=whole)),
    )


def _read_records(tx: Tx, gw: Gateway, days: Span, by: str) -> StatisticsRecords:
    since, until = get_moments(days)
    notices = report_queries.list_period_notices(tx, since, until)
    theirs = {
        MessageName("", reply_or_notice.answers): copies.take_received(
            tx, gw, reply_or_notice.partner, reply_or_notice.message_id, Machine.COUNT
        )
        for reply_or_notice in report_queries.list_their_replies(tx, since, until)
        if reply_or_notice.kind == OUTCOME
    }
    ours = {
        MessageName(reply_or_notice.partner, reply_or_notice.answers): copies.take_sent(
            tx, gw, reply_or_notice.message_id, Machine.COUNT
        )
        for reply_or_notice in report_queries.list_our_replies(tx, since, until)
        if reply_or_notice.kind == OUTCOME
    }
    taken = {
        reply_or_notice.name: copies.take_copy(tx, gw, reply_or_notice.name, Machine.COUNT)
        for reply_or_notice in notices
        if reply_or_notice.kind in (TRANSFER, UNKNOWN)
    }
    outcomes = theirs | ours
    count = sum(copy.is_held for copy in chain(taken.values(), outcomes.values()))
    detail: dict[str, str | int] = {"from": days.first.isoformat(), "to": days.last.isoformat(), "opened": count}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("report.statistics", by, detail=detail)])
    return StatisticsRecords(notices, taken, outcomes)


def _read_result(message: Message) -> str:
    return message.body.result if isinstance(message.body, Outcome) else "gone"


def _count_by_kind(records: StatisticsRecords) -> CountTable:
    kinds: dict[str, str] = {kind: labels.name_kind(kind) for kind in OPENS_A_CASE}
    pairs = [(notice.kind, notice.direction) for notice in records.notices]
    return build_counts("Notices by type", "Type", kinds, pairs, key="Kind")


def _count_by_partner(records: StatisticsRecords) -> CountTable:
    codes_found = sorted({notice.partner for notice in records.notices})
    names = {code: labels.name_authority_in_full(code) for code in codes_found}
    pairs = [(notice.partner, notice.direction) for notice in records.notices]
    return build_counts("Notices by authority", "Authority", names, pairs, part_of=PARTNERS)


def _count_transfers(records: StatisticsRecords, bodies: Mapping[MessageName, object], until: date) -> list[CountTable]:
    """Count transfer notices by reasons, durations, year groups, risk groups."""
    row, transfers = OPENS_A_CASE.index(TRANSFER), [notice for notice in records.notices if notice.kind == TRANSFER]
    each = [(notice, bodies.get(notice.name)) for notice in transfers]
    read = [(notice, body) for notice, body in each if isinstance(body, TransferNotice)]
    gone = [("gone", notice.direction) for notice, body in each if body is None]
    reasons = [(body.cme_reason, notice.direction) for notice, body in read]
    bands = [
        (figures.find_duration_band(_out_of_school_since(body), _ended_on(notice, until)), notice.direction)
        for notice, body in read
    ]
    years = [(_year_group(body), notice.direction) for notice, body in read]
    risks = [(group, notice.direction) for notice, body in read if body.needs for group in set(body.needs.risk_group)]
    return [
        build_counts(
            "Transfer notices by DfE reason",
            "Reason",
            codes.get_labels("cme_reasons") | labels.list_counted("gone"),
            reasons + gone,
            part_of=row,
        ),
        build_counts(
            "Transfer notices by time out of education",
            "Time",
            codes.get_labels("durations") | labels.list_counted("gone"),
            bands + gone,
            part_of=row,
            note=(
                "From the date last attended, or the date of leaving, at the newest school in the notice, to the"
                " outcome or the end of the period. Not known: the notice does not give that date."
            ),
        ),
        build_counts(
            "Transfer notices by year group",
            "Year",
            YEARS | labels.list_counted("not-said", "gone"),
            years + gone,
            part_of=row,
        ),
        build_counts(
            "Transfer notices by risk group",
            "Group",
            codes.get_labels("risk_groups"),
            risks,
            note="A child may be in more than one group, or in none, so there is no total.",
        ),
    ]


def _count_unknown(records: StatisticsRecords, bodies: Mapping[MessageName, object], until: date) -> CountTable:
    notices = [(notice, bodies.get(notice.name)) for notice in records.notices if notice.kind == UNKNOWN]
    bands = [
        (figures.find_duration_band(body.unknown_since, _ended_on(notice, until)), notice.direction)
        for notice, body in notices
        if isinstance(body, WhereaboutsUnknownNotice)
    ]
    gone = [("gone", notice.direction) for notice, body in notices if body is None]
    return build_counts(
        "Whereabouts unknown, by time",
        "Time",
        codes.get_labels("durations") | labels.list_counted("gone"),
        bands + gone,
        part_of=OPENS_A_CASE.index(UNKNOWN),
        note="From the date the whereabouts became unknown, to the end of the search or of the period.",
    )


def _count_outcomes(records: StatisticsRecords, results: Mapping[MessageName, str]) -> CountTable:
    return build_counts(
        "Transfer notices by outcome",
        "Outcome",
        codes.get_labels("outcomes") | labels.list_counted("rejected", "ended", "none-yet", "gone"),
        [
            (_find_outcome(records, results, notice), notice.direction)
            for notice in records.notices
            if notice.kind == TRANSFER
        ],
        part_of=OPENS_A_CASE.index(TRANSFER),
        note="As known today, even if received after the period.",
    )


def _find_outcome(records: StatisticsRecords, results: Mapping[MessageName, str], notice: ReportedNotice) -> str:
    if result := results.get(notice.name):
        return result
    if notice.name in records.outcomes:
        return "gone"
    return ENDINGS.get(notice.state, "none-yet")


def _out_of_school_since(body: TransferNotice) -> date | None:
    """Return the day last attended, or else of leaving, at the newest school."""
    return max((day for school in body.school if (day := school.last_attended or school.leaving_date)), default=None)


def _ended_on(notice: ReportedNotice, until: date) -> date:
    if notice.state != DeliveryState.CONCLUDED:
        return until
    return min(notice.state_at.astimezone(LONDON).date(), until)


def _year_group(body: TransferNotice) -> str:
    return (body.child and body.child.nc_year_actual) or "not-said"
