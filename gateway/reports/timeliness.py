"""How fast they are, and how fast we are: each step against its agreed limit, by authority and in all."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import Span
from gateway.core.duties import Deadlines, Missing
from gateway.core.figures import find_percentile
from gateway.core.message_name import Direction
from gateway.core.small_numbers import SIGN, SMALL, Cell, add_totals, find_hidden_cells
from gateway.paper.page import Column, ReportPage, ReportTable
from gateway.reconciliation import deadlines
from gateway.reports import counts
from gateway.reports.journeys import JourneyLeg, list_legs, read_period
from gateway.reports.wording import NOTHING, format_figure, format_own_authority, format_period

# The column of a table, behind the authority and three counts.
SHARE = 4
# Headings, with their names in JSON, which stay.
COLUMNS = (
    (labels.name_timing(late=False), "In time"),
    (labels.name_timing(late=True), "Late"),
    ("Total", "Together"),
    ("Share on time", "Share in time"),
    ("Median", ""),
    ("90th percentile", ""),
)


@dataclass(frozen=True, slots=True)
class TimelinessPart:
    """One table of the report."""

    title: str
    direction: Direction
    missing: Sequence[Missing]
    limit: str
    unit: str


def make_timeliness(gw: Gateway, days: Span, *, whole: bool = False) -> ReportPage:
    """Make the report. `whole`: small numbers are shown, for the team."""
    terms = deadlines.read_terms(gw.config)
    known = gw.store.look(lambda tx: read_period(tx, days))
    judged = list(list_legs(known, gw.now(), terms))
    parts = list(_list_parts(terms.deadlines(None, "")))
    tables = tuple(_build_part_table(part, judged, whole=whole) for part in parts)
    return ReportPage(
        title=labels.name_report("timeliness"),
        authority=format_own_authority(gw),
        about=format_period(days),
        notes=(
            *_describe_own_share(parts, tables),
            labels.explain_small_numbers(shown=whole),
            (
                "Counts notices sent or received in this period. Tests, withdrawn notices and corrected notices are not"
                " counted. A step that has not been done counts as overdue once its limit has passed, and is not"
                " counted before. The median and 90th percentile count only steps that were done, by this gateway's"
                " clock."
            ),
            (
                "An acceptance by email counts from when the email was received. An officer at your authority"
                " read it. It is not signed, so it is weaker evidence than a signed acknowledgement."
            ),
        ),
        tables=tables,
    )


def _describe_own_share(parts: Sequence[TimelinessPart], tables: Sequence[ReportTable]) -> Sequence[str]:
    """Describe in one line how much of ours was on time, from the last row of each table; nothing where there is none.

    What is hidden there is hidden here.
    """
    shares = [
        f"{part.title[0].lower()}{part.title[1:]} {table.rows[-1][SHARE]}"
        for part, table in zip(parts, tables, strict=True)
        if part.direction == "came" and table.rows
    ]
    return (f"On time: {'; '.join(shares)}.",) if shares else ()


def _list_parts(deadlines: Deadlines) -> Iterable[TimelinessPart]:
    hours = f"{deadlines.receipt.total_seconds() / 3600:g} hour(s)"
    first, outcome = f"{deadlines.acknowledgement} working days", f"{deadlines.outcome} school days"
    answer = f"{deadlines.answer} working days"
    yield TimelinessPart(
        "Delivery receipts from other authorities",
        "sent",
        (Missing.RECEIPT,),
        f"{hours} from when it was sent",
        "hours",
    )
    yield TimelinessPart(
        "Acknowledgements from other authorities",
        "sent",
        (Missing.ACKNOWLEDGEMENT,),
        f"{first} from the delivery receipt",
        "working days",
    )
    yield TimelinessPart(
        "Outcomes from other authorities",
        "sent",
        (Missing.OUTCOME,),
        f"{outcome} from the acknowledgement",
        "working days",
    )
    yield TimelinessPart(
        "Acknowledgements you sent",
        "came",
        (Missing.ACKNOWLEDGEMENT,),
        f"{first} from when it was received",
        "working days",
    )
    answers = (Missing.ANSWER,)
    yield TimelinessPart(
        "Answers from other authorities to your enquiries",
        "sent",
        answers,
        f"{answer} from when it was sent",
        "working days",
    )
    yield TimelinessPart(
        "Answers you sent to enquiries", "came", answers, f"{answer} from when it was received", "working days"
    )
    yield TimelinessPart(
        "Outcomes you sent",
        "came",
        (Missing.OUTCOME,),
        f"{outcome} from the acknowledgement",
        "working days",
    )


def _build_part_table(part: TimelinessPart, judged: Iterable[JourneyLeg], *, whole: bool) -> ReportTable:
    mine = [leg for leg in judged if leg.direction == part.direction and leg.missing in part.missing]
    partners = sorted({leg.partner for leg in mine})
    groups = [[leg for leg in mine if leg.partner == code] for code in partners]
    grid = add_totals([(sum(not leg.late for leg in group), sum(leg.late for leg in group)) for group in groups])
    gone = frozenset[Cell]() if whole else find_hidden_cells(grid)
    names = [*map(labels.name_authority_in_full, partners), counts.ALL]
    rows = [
        _partner_row(label, line, {c for r, c in gone if r == number}, group, whole=whole)
        for number, (label, line, group) in enumerate(zip(names, grid, [*groups, mine], strict=True))
        if mine
    ]
    columns = (
        Column("Authority"),
        *(Column(name, number=True, key=key) for name, key in COLUMNS),
    )
    note = f"Limit: {part.limit}, unless another limit is agreed. Median and 90th percentile in {part.unit}."
    return ReportTable(part.title, columns, rows, note, total=True)


def _partner_row(
    label: str, line: Sequence[int], gone: Collection[int], group: Iterable[JourneyLeg], *, whole: bool
) -> Sequence[str | int]:
    took = [leg.took for leg in group if leg.took is not None]
    few = not whole and (len(line) - 1 in gone or len(took) in SMALL)
    share = SIGN if gone else f"{100 * line[0] // line[-1]} %" if line[-1] else NOTHING
    figures = (SIGN, SIGN) if few else tuple(format_figure(find_percentile(took, percent)) for percent in (50, 90))
    return (label, *(SIGN if n in gone else count for n, count in enumerate(line)), share, *figures)
