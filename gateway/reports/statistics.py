"""Statistics of a period: what was sent and received, and of transfer notices DfE's reasons and durations, and the
outcomes.

What only the notices themselves say is read by opening our copies by machine, for counting. That is one entry of the
audit log; nothing about a child is in the report. Of notices that were purged the figures were kept
(`core.kept_figures`). A copy whose data key was destroyed otherwise counts as no longer held.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, Machine
from gateway.core import kept_figures, labels
from gateway.core.calendar import LONDON, Span
from gateway.core.kept_figures import GONE, NONE_YET, NOT_SAID, FigureTopic, KeptFigure
from gateway.core.message_name import Direction, MessageName
from gateway.core.periods import get_moments
from gateway.paper.page import ReportPage
from gateway.reports import counts
from gateway.reports.counts import CountTable, build_counts
from gateway.reports.wording import format_own_authority, format_period
from gateway.store import audit_log, report_queries
from gateway.store import kept_figures as stored_figures
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.report_queries import ReportedNotice, ReportedReply
from schemas import codes
from schemas.message import OPENS_A_CASE, Message, Outcome, TransferNotice, WhereaboutsUnknownNotice
from schemas.shapes import CaseId

TRANSFER, UNKNOWN, OUTCOME = (cls.__name__ for cls in (TransferNotice, WhereaboutsUnknownNotice, Outcome))
# The row of totals in the first table, which the authorities add up to.
PARTNERS = len(OPENS_A_CASE)
YEARS = {year: year for year in ("N", "E", "R", *map(str, range(1, 15)), "X")}
# Of a kind of notice, what is counted of each, whatever it says.
OF_EACH = {
    TRANSFER: (FigureTopic.REASON, FigureTopic.TIME, FigureTopic.YEAR),
    UNKNOWN: (FigureTopic.UNKNOWN_TIME,),
}

# How many count as this: by topic, then by code and direction.
Figures = Mapping[FigureTopic, Sequence[tuple[str, Direction]]]


@dataclass(frozen=True, slots=True)
class StatisticsRecords:
    """What was read: the notices that are held; the copies of transfer and unknown notices, and of the outcomes by
    their notice; what was kept of notices that were purged.
    """

    notices: Sequence[ReportedNotice]
    copies: Mapping[MessageName, Copy]
    outcomes: Mapping[MessageName, Copy]
    kept_counts: Sequence[KeptFigure] = ()


def make_statistics(gw: Gateway, days: Span, by: str, *, whole: bool = False) -> ReportPage:
    """Make the report. `whole`: small numbers are shown, for the team."""
    records = gw.store.run(lambda tx: _read_records(tx, gw, days, by))
    until = min(days.last, gw.now().astimezone(LONDON).date())
    figures = _sort_figures([*list_figures(gw, records), *records.kept_counts])
    first = _count_by_kind(figures)
    others = [
        _count_by_partner(figures),
        *_count_transfers(figures, until),
        _count_unknown(figures, until),
    ]
    others.insert(4, _count_outcomes(figures))
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
    records = _take_copies(
        tx,
        gw,
        [notice for notice in report_queries.list_period_notices(tx, since, until) if not notice.purged],
        (
            list(report_queries.list_their_replies(tx, since, until)),
            list(report_queries.list_our_replies(tx, since, until)),
        ),
        stored_figures.list_figures(tx, days.first, days.last),
    )
    count = sum(copy.is_held for copy in chain(records.copies.values(), records.outcomes.values()))
    detail: dict[str, str | int] = {"from": days.first.isoformat(), "to": days.last.isoformat(), "opened": count}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("report.statistics", by, detail=detail)])
    return records


def list_case_figures(tx: Tx, gw: Gateway, case_id: CaseId) -> Sequence[KeptFigure]:
    """List what the statistics count of the notices of a case that were not yet purged, for whoever purges them."""
    notices = [notice for notice in report_queries.list_case_notices(tx, case_id) if not notice.purged]
    return list(list_figures(gw, _take_copies(tx, gw, notices, report_queries.list_case_replies(tx, case_id))))


def _take_copies(
    tx: Tx,
    gw: Gateway,
    notices: Sequence[ReportedNotice],
    replies: tuple[Sequence[ReportedReply], Sequence[ReportedReply]],
    kept_counts: Sequence[KeptFigure] = (),
) -> StatisticsRecords:
    held = {notice.name for notice in notices}
    to_ours, to_theirs = replies
    theirs = {
        name: copies.take_received(tx, gw, reply.partner, reply.message_id, Machine.COUNT)
        for reply in to_ours
        if reply.kind == OUTCOME and (name := MessageName("", reply.answers)) in held
    }
    ours = {
        name: copies.take_sent(tx, gw, reply.message_id, Machine.COUNT)
        for reply in to_theirs
        if reply.kind == OUTCOME and (name := MessageName(reply.partner, reply.answers)) in held
    }
    taken = {
        notice.name: copies.take_copy(tx, gw, notice.name, Machine.COUNT)
        for notice in notices
        if notice.kind in OF_EACH
    }
    return StatisticsRecords(notices, taken, theirs | ours, kept_counts)


def list_figures(gw: Gateway, records: StatisticsRecords) -> Iterator[KeptFigure]:
    """Yield what is counted of each notice that is held. Raises a Refusal where a copy was altered."""
    messages = dict(copies.open_held(gw, records.copies))
    outcomes = dict(copies.open_held(gw, records.outcomes))
    for notice in records.notices:
        day = notice.at.astimezone(LONDON).date()
        outcome, answered = outcomes.get(notice.name), notice.name in records.outcomes
        for topic, code in _list_notice_figures(notice, messages.get(notice.name), outcome, answered):
            yield KeptFigure(day, notice.direction, topic, code)


def _list_notice_figures(
    notice: ReportedNotice, message: Message | None, outcome: Message | None, answered: bool
) -> Iterator[tuple[FigureTopic, str]]:
    yield FigureTopic.KIND, notice.kind
    yield FigureTopic.PARTNER, notice.partner
    if message is None:
        yield from ((topic, GONE) for topic in OF_EACH.get(notice.kind, ()))
    ended = kept_figures.find_end_day(notice.state, notice.state_at.astimezone(LONDON).date())
    yield from kept_figures.list_body_figures(message, ended)
    if notice.kind == TRANSFER:
        yield FigureTopic.OUTCOME, kept_figures.find_outcome(notice.state, outcome, has_outcome=answered)


def _sort_figures(figures: Sequence[KeptFigure]) -> Figures:
    sorted_figures: dict[FigureTopic, Counter[tuple[str, Direction]]] = {topic: Counter() for topic in FigureTopic}
    for figure in figures:
        sorted_figures[figure.topic][figure.code, figure.direction] += figure.count
    return {topic: list(tally.elements()) for topic, tally in sorted_figures.items()}


def _count_by_kind(figures: Figures) -> CountTable:
    kinds: dict[str, str] = {kind: labels.name_kind(kind) for kind in OPENS_A_CASE}
    return build_counts("Notices by type", "Type", kinds, figures[FigureTopic.KIND], key="Kind")


def _count_by_partner(figures: Figures) -> CountTable:
    pairs = figures[FigureTopic.PARTNER]
    names = {code: labels.name_authority_in_full(code) for code in sorted({code for code, _ in pairs})}
    return build_counts("Notices by authority", "Authority", names, pairs, part_of=PARTNERS)


def _find_bands(pairs: Sequence[tuple[str, Direction]], until: date) -> list[tuple[str, Direction]]:
    return [(kept_figures.find_band(code, until), direction) for code, direction in pairs]


def _count_transfers(figures: Figures, until: date) -> list[CountTable]:
    """Count transfer notices by reasons, durations, year groups, risk groups."""
    row = OPENS_A_CASE.index(TRANSFER)
    return [
        build_counts(
            "Transfer notices by DfE reason",
            "Reason",
            codes.get_labels("cme_reasons") | labels.list_counted(GONE),
            figures[FigureTopic.REASON],
            part_of=row,
        ),
        build_counts(
            "Transfer notices by time out of education",
            "Time",
            codes.get_labels("durations") | labels.list_counted(GONE),
            _find_bands(figures[FigureTopic.TIME], until),
            part_of=row,
            note=(
                "From the date last attended, or the date of leaving, at the newest school in the notice, to the"
                " outcome or the end of the period. Not known: the notice does not give that date."
            ),
        ),
        build_counts(
            "Transfer notices by year group",
            "Year",
            YEARS | labels.list_counted(NOT_SAID, GONE),
            figures[FigureTopic.YEAR],
            part_of=row,
        ),
        build_counts(
            "Transfer notices by risk group",
            "Group",
            codes.get_labels("risk_groups"),
            figures[FigureTopic.RISK],
            note="A child may be in more than one group, or in none, so there is no total.",
        ),
    ]


def _count_unknown(figures: Figures, until: date) -> CountTable:
    return build_counts(
        "Whereabouts unknown, by time",
        "Time",
        codes.get_labels("durations") | labels.list_counted(GONE),
        _find_bands(figures[FigureTopic.UNKNOWN_TIME], until),
        part_of=OPENS_A_CASE.index(UNKNOWN),
        note="From the date the whereabouts became unknown, to the end of the search or of the period.",
    )


def _count_outcomes(figures: Figures) -> CountTable:
    return build_counts(
        "Transfer notices by outcome",
        "Outcome",
        codes.get_labels("outcomes") | labels.list_counted("rejected", "ended", NONE_YET, GONE),
        figures[FigureTopic.OUTCOME],
        part_of=OPENS_A_CASE.index(TRANSFER),
        note="As known today, even if received after the period.",
    )
